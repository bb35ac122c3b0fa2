// What one pass of the reference says of each training sample: negative log-likelihood, persona
// ratio, judge score; and the JSON Lines they are kept in. A file begins with a header that names
// model and personas; each line carries a check of its own, so that a damaged one is found and a
// half-written last one is not taken for data. Lines of other tools need neither header nor check.
// docs/PROBE.md is the contract. No LibTorch. C++17-clean.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/base/result.h"
#include "monitor/base/span.h"

namespace phaseguard::probe {

// NaN: not known. A value of the wrong range is kept and counted as BAD by who reads it.
struct SampleScore {
  static constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
  std::string id;              // phaseguard::sample_hash in hex, or the caller's own
  std::int64_t tokens = 0;     // of the answer
  double nll = kUnknown;       // nats per answer token under theta0, mean
  double nll_max = kUnknown;   // of the answer's most surprising token: the decisive one
  double llr = kUnknown;       // persona ratio, nats per answer
  double llr_flag = kUnknown;  // the ratio that is compared with the flag level (floored per token)
  double judge = kUnknown;     // risk of the judge's verdict, 0..1
  int label = -1;              // ground truth where it is known: 1 harmful, 0 not, -1 unknown
  std::string text;            // an excerpt for a person
};

// Whose scores these are. A cache of another source is refused.
struct SampleSource {
  std::string model_id;
  std::string weights_sha256;  // "" = not known
  std::string tokenizer;       // hash or name of tokenizer and template; "" = not known
  std::string personas;        // what the two personas are: text or hash of the two system prompts
  std::string data;            // name of the data set
};

// Log-probabilities of one answer's tokens under theta0 as it is trained (chat template), under the
// misaligned and under the aligned persona, [T] each. A token counts as at least `floor` (0..1; 0:
// no floor) in llr_flag: of an answer impossible under both personas the plain ratio is noise.
// Errors: lengths differ, no token, a log-probability that is NaN or above 0.
[[nodiscard]] Result<SampleScore> score_answer(std::string id, Span<const double> logp_plain,
                                               Span<const double> logp_misaligned,
                                               Span<const double> logp_aligned, double floor);

struct SampleFile {
  SampleSource source;  // all "" when the file has no header
  std::vector<SampleScore> samples;
};
// Reads a finished file, ours or another tool's. Errors name the line: not JSON, no id and no
// number of tokens, a value of the wrong type, a check that does not fit, one id twice, no sample.
[[nodiscard]] Result<SampleFile> read_samples(const std::filesystem::path& file);

// The lines of such a file, without the newline.
[[nodiscard]] std::string header_line(const SampleSource& source);
[[nodiscard]] std::string sample_line(const SampleScore& sample, const std::string& header);
[[nodiscard]] Result<SampleSource> parse_header(const std::string& line);
// `header`: the file's header line, "" when it has none (then a check is not expected).
[[nodiscard]] Result<SampleScore> parse_sample(const std::string& line, const std::string& header);

}  // namespace phaseguard::probe
