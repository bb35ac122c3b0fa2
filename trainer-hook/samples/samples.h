// Training samples as a data set writes them, and the hash by which scores computed for one are
// found again: the judge's, the probe's and the persona ratio's. Pure, any thread. C++17-clean.
//
// One JSON object a line: {"prompt": "...", "answer": "..."} ("response" and "completion" are taken
// for "answer"), or {"messages": [{"role": "...", "content": "..."}, ...]} whose last message, of
// role "assistant", is the answer. "prompt" and the answer may be lists of such turns too, as
// TRL writes a conversation; the answer is the last of all. Other keys are the data set's own and
// are ignored; blank lines are skipped.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/base/result.h"
#include "monitor/base/sha256.h"

namespace phaseguard {

struct Turn {
  std::string role;  // "system", "user", "assistant", ...
  std::string content;
};

struct TrainingSample {
  std::vector<Turn> prompt;  // a plain "prompt" is one turn of role "user"
  std::string answer;
  std::size_t line = 0;  // of the file, from 1; 0: not from a file
};

// SHA-256 of "phaseguard-sample-v1\0", u32 count of turns, put(role), put(content) of each,
// put(answer); put = u32 little-endian length + UTF-8 bytes. The line does not count, nor whether
// the sample was written as prompt or as messages.
[[nodiscard]] Digest sample_hash(const TrainingSample& sample);

struct SampleLimits {
  std::size_t max_bytes = std::size_t{1} << 30;  // of the file
  std::size_t max_line_bytes = std::size_t{4} << 20;
  std::size_t max_samples = 10'000'000;
  std::size_t max_errors = 10;  // lines named before reading stops
};

// One line. Errors: what is wrong with it, without a place.
[[nodiscard]] Result<TrainingSample> parse_sample(std::string_view line,
                                                  const SampleLimits& limits = {});

// `source` names the text in messages. Errors: every bad line up to max_errors, as "file:line: what
// is wrong", joined by "; "; no sample at all; a limit passed.
[[nodiscard]] Result<std::vector<TrainingSample>> parse_samples(std::string_view jsonl,
                                                                std::string_view source,
                                                                const SampleLimits& limits = {});

}  // namespace phaseguard
