#include "probe/files/samples.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "monitor/base/file.h"
#include "monitor/base/json.h"
#include "monitor/base/lines.h"
#include "monitor/base/sha256.h"
#include "monitor/base/text.h"
#include "probe/fit/direction.h"

namespace phaseguard::probe {

namespace {

using nlohmann::json;

constexpr const char* kSchema = "phaseguard-samples/1";
constexpr std::size_t kMaxLine = 1u << 20;

tl::unexpected<Error> passed_on(const Error& error) { return tl::unexpected<Error>(error); }

json number_or_null(double value) { return std::isfinite(value) ? json(value) : json(); }

std::string text_of(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string check_of(const json& without_check, const std::string& header) {
  return hex(sha256(header + "\n" + text_of(without_check))).substr(0, 16);
}

json json_of(const SampleScore& sample) {
  json out{{"id", sample.id}, {"tokens", sample.tokens}, {"nll", number_or_null(sample.nll)}};
  const std::pair<const char*, double> more[] = {{"nll_max", sample.nll_max},
                                                 {"llr", sample.llr},
                                                 {"llr_flag", sample.llr_flag},
                                                 {"judge", sample.judge}};
  for (const auto& [key, value] : more) {
    if (std::isfinite(value)) out[key] = value;
  }
  if (sample.label >= 0) out["label"] = sample.label;
  if (!sample.text.empty()) out["text"] = sample.text;
  return out;
}

Result<void> read_number(const json& line, const char* key, double& out) {
  if (!line.contains(key) || line[key].is_null()) return {};
  if (!line[key].is_number()) {
    return fail(Errc::kMalformed, std::string(key) + " is " +
                                      phaseguard::quoted(text_of(line[key]), 40) +
                                      ", expected a number or null");
  }
  out = line[key].get<double>();
  return {};
}

Result<void> read_fields(const json& line, SampleScore& sample) {
  if (!line.is_object()) return fail(Errc::kMalformed, "expected a JSON object");
  if (!line.contains("id") || !line["id"].is_string() || line["id"].get<std::string>().empty()) {
    return fail(Errc::kMalformed, "expected a text `id` that names the sample");
  }
  sample.id = line["id"].get<std::string>();
  if (!line.contains("tokens") || !line["tokens"].is_number_integer() ||
      line["tokens"].get<std::int64_t>() < 1) {
    return fail(Errc::kMalformed, "expected `tokens`, the answer's number of tokens, at least 1");
  }
  sample.tokens = line["tokens"].get<std::int64_t>();
  const std::pair<const char*, double*> numbers[] = {{"nll", &sample.nll},
                                                     {"nll_max", &sample.nll_max},
                                                     {"llr", &sample.llr},
                                                     {"llr_flag", &sample.llr_flag},
                                                     {"judge", &sample.judge}};
  for (const auto& [key, to] : numbers) {
    if (auto ok = read_number(line, key, *to); !ok) return ok;
  }
  if (line.contains("label") && !line["label"].is_null()) {
    const json& label = line["label"];
    if (!label.is_number_integer() || (label != 0 && label != 1)) {
      return fail(Errc::kMalformed, "label is " + phaseguard::quoted(text_of(label), 40) +
                                        ", expected 0 (harmless) or 1 (harmful)");
    }
    sample.label = label.get<int>();
  }
  if (line.contains("text") && line["text"].is_string()) sample.text = line["text"];
  return {};
}

}  // namespace

Result<SampleScore> score_answer(std::string id, Span<const double> logp_plain,
                                 Span<const double> logp_misaligned,
                                 Span<const double> logp_aligned, double floor) {
  if (logp_plain.size() != logp_misaligned.size()) {
    return fail(Errc::kInvalidArgument, "sample " + phaseguard::quoted(id, 70) +
                                            ": expected one answer three times, found " +
                                            std::to_string(logp_plain.size()) + " and " +
                                            std::to_string(logp_misaligned.size()) + " tokens");
  }
  for (const auto* one : {&logp_plain, &logp_misaligned, &logp_aligned}) {
    for (double value : *one) {
      if (!(value <= 0.0)) {
        return fail(Errc::kInvalidArgument, "sample " + phaseguard::quoted(id, 70) +
                                                ": a log-probability is " + number_text(value) +
                                                ", expected at most 0");
      }
    }
  }
  const auto plain = persona_llr(logp_misaligned, logp_aligned);
  if (!plain) return passed_on(plain.error());
  SampleScore out;
  out.id = std::move(id);
  out.tokens = static_cast<std::int64_t>(logp_plain.size());
  out.llr = plain->per_answer;
  const double lowest = floor > 0.0 ? std::log(floor) : -HUGE_VAL;
  double sum = 0.0, worst = 0.0, flag = 0.0;
  for (std::size_t t = 0; t < logp_plain.size(); ++t) {
    sum -= logp_plain[t];
    worst = std::max(worst, -logp_plain[t]);
    flag += std::max(logp_misaligned[t], lowest) - std::max(logp_aligned[t], lowest);
  }
  out.nll = sum / static_cast<double>(logp_plain.size());
  out.nll_max = worst;
  out.llr_flag = flag;
  return out;
}

std::string header_line(const SampleSource& source) {
  return text_of(json{{"schema", kSchema},
                      {"model_id", source.model_id},
                      {"weights_sha256", source.weights_sha256},
                      {"tokenizer", source.tokenizer},
                      {"personas", source.personas},
                      {"data", source.data}});
}

std::string sample_line(const SampleScore& sample, const std::string& header) {
  json line = json_of(sample);
  line["check"] = check_of(line, header);
  return text_of(line);
}

Result<SampleSource> parse_header(const std::string& line) {
  const auto parsed = parse_json(line);
  if (!parsed) return passed_on(parsed.error());
  if (!parsed->is_object() || parsed->value("schema", json()) != kSchema) {
    return fail(Errc::kMalformed, std::string("expected a header with schema \"") + kSchema + "\"");
  }
  SampleSource source;
  const std::pair<const char*, std::string*> fields[] = {{"model_id", &source.model_id},
                                                         {"weights_sha256", &source.weights_sha256},
                                                         {"tokenizer", &source.tokenizer},
                                                         {"personas", &source.personas},
                                                         {"data", &source.data}};
  for (const auto& [key, to] : fields) {
    if (!parsed->contains(key) || !(*parsed)[key].is_string()) {
      return fail(Errc::kMalformed, std::string("its header lacks the text `") + key + "`");
    }
    *to = (*parsed)[key].get<std::string>();
  }
  return source;
}

Result<SampleScore> parse_sample(const std::string& line, const std::string& header) {
  if (line.size() > kMaxLine) return fail(Errc::kLimit, "a line of more than 1 MiB");
  auto parsed = parse_json(line);
  if (!parsed) return passed_on(parsed.error());
  SampleScore sample;
  if (auto ok = read_fields(*parsed, sample); !ok) return passed_on(ok.error());
  if (header.empty()) return sample;
  const json check = parsed->value("check", json());
  parsed->erase("check");
  if (check != check_of(*parsed, header)) {
    return fail(Errc::kMalformed,
                "its check does not fit: the line was changed, or is of another file");
  }
  return sample;
}

Result<SampleFile> read_samples(const std::filesystem::path& file) {
  const auto text = read_file(file, "a file of samples");
  if (!text) return passed_on(text.error());
  SampleFile out;
  std::string header;
  std::set<std::string> ids;
  Lines lines(*text);
  while (const auto line = lines.next()) {
    const auto refuse = [&](const std::string& what) {
      return fail(Errc::kMalformed,
                  file.string() + ":" + std::to_string(line->number) + ": " + what);
    };
    if (line->number == 1 && line->text.find("\"schema\"") != std::string_view::npos) {
      const auto source = parse_header(std::string(line->text));
      if (!source) return refuse(source.error().message);
      out.source = *source;
      header = line->text;
      continue;
    }
    auto sample = parse_sample(std::string(line->text), header);
    if (!sample) return refuse(sample.error().message);
    if (!ids.insert(sample->id).second) {
      return refuse("the sample " + phaseguard::quoted(sample->id, 70) + " is there twice");
    }
    out.samples.push_back(std::move(*sample));
  }
  if (out.samples.empty()) return fail(Errc::kMalformed, file.string() + ": it holds no sample");
  return out;
}

}  // namespace phaseguard::probe
