#include "trainer-hook/judge/source.h"

#include <algorithm>
#include <exception>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

#include "monitor/base/file.h"
#include "monitor/base/json.h"
#include "monitor/base/lines.h"
#include "monitor/base/text.h"

namespace phaseguard::judge {

namespace {

using nlohmann::json;

class CallbackSource : public Source {
 public:
  explicit CallbackSource(Callback callback) : callback_(std::move(callback)) {}
  SampleScore score(const TrainingSample& sample) noexcept override {
    try {
      return scored(callback_(sample), Outcome::kCallback);
    } catch (const std::exception& error) {
      return unscored(Outcome::kCallback, std::string("it threw: ") + error.what());
    } catch (...) {
      return unscored(Outcome::kCallback, "it threw something that is no std::exception");
    }
  }

 private:
  Callback callback_;
};

tl::unexpected<Error> wrong(const std::string& what) { return fail(Errc::kMalformed, what); }

bool is_hash(const std::string& text) {
  return text.size() == 64 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

Result<void> read_texts(const json& object, TableLine& line) {
  const std::vector<std::pair<const char*, std::string*>> texts = {
      {"judge", &line.judge}, {"rubric", &line.rubric}, {"reason", &line.score.why}};
  for (const auto& [key, target] : texts) {
    if (!object.contains(key)) continue;
    if (!object[key].is_string()) return wrong(std::string("\"") + key + "\" is not a text");
    *target = object[key].get<std::string>();
  }
  if (!object.contains("line")) return {};
  if (!object["line"].is_number_unsigned()) return wrong("\"line\" is not a line number");
  line.line = object["line"].get<std::size_t>();
  return {};
}

Result<void> same(const std::string& what, std::string& known, const std::string& now) {
  if (now.empty() || now == known) return {};
  if (!known.empty()) {
    return fail(Errc::kConflict, "expected one " + what + " in a file, found " +
                                     phaseguard::quoted(known, 60) + " and " +
                                     phaseguard::quoted(now, 60) + ": their scores do not mix");
  }
  known = now;
  return {};
}

}  // namespace

std::unique_ptr<Source> callback_source(Callback callback) {
  return std::make_unique<CallbackSource>(std::move(callback));
}

std::string to_line(const TableLine& line) {
  json object = {{"sample", line.sample}};
  const double score = line.score.score;
  if (line.score.scored()) {
    const bool whole = score == static_cast<double>(static_cast<int>(score));
    object["score"] = whole ? json(static_cast<int>(score)) : json(score);
  } else {
    object["score"] = nullptr;
    object["reason"] = std::string(name_of(line.score.outcome)) + ": " + line.score.why;
  }
  if (line.line > 0) object["line"] = line.line;
  if (!line.judge.empty()) object["judge"] = line.judge;
  if (!line.rubric.empty()) object["rubric"] = line.rubric;
  return object.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

Result<TableLine> parse_table_line(std::string_view text) {
  const auto object = parse_json(text);
  if (!object) return wrong("broken JSON: " + object.error().message);
  if (!object->is_object()) return wrong("expected one JSON object");
  auto ok = known_keys(*object, {"sample", "score", "reason", "line", "judge", "rubric"});
  if (!ok) return tl::unexpected<Error>(ok.error());
  TableLine out;
  if (ok = read_texts(*object, out); !ok) return tl::unexpected<Error>(ok.error());
  const json sample = object->value("sample", json()), score = object->value("score", json());
  if (!sample.is_string() || !is_hash(sample.get<std::string>())) {
    return wrong("\"sample\": expected a sample hash of 64 hex characters");
  }
  out.sample = sample.get<std::string>();
  if (!object->contains("score")) return wrong("has no \"score\"");
  if (score.is_null()) return out;
  if (!score.is_number()) return wrong("\"score\": expected a number or null");
  out.score = scored(score.get<double>(), Outcome::kContract);
  if (!out.score.scored()) return wrong("\"score\": " + out.score.why);
  return out;
}

Result<std::unique_ptr<TableSource>> TableSource::load(const std::filesystem::path& file) {
  auto text = read_file(file, "precomputed scores");
  if (!text) return tl::unexpected<Error>(text.error());
  return parse(*text, file.string());
}

Result<std::unique_ptr<TableSource>> TableSource::parse(std::string_view jsonl,
                                                        std::string_view source) {
  auto out = std::unique_ptr<TableSource>(new TableSource);
  Lines lines(jsonl);
  while (const auto next = lines.next()) {
    const std::string place = std::string(source) + ":" + std::to_string(next->number) + ": ";
    const auto line = parse_table_line(next->text);
    if (!line) return fail(line.error().code, place + line.error().message);
    Result<void> one = same("judge", out->judge_, line->judge);
    if (one) one = same("rubric", out->rubric_, line->rubric);
    if (!one) return fail(one.error().code, place + one.error().message);
    if (!line->score.scored()) continue;
    const auto [known, fresh] = out->scores_.emplace(line->sample, line->score.score);
    if (!fresh && known->second != line->score.score) {
      return wrong(place + "sample " + line->sample.substr(0, 12) + "... has two scores, " +
                   number_text(known->second) + " and " + number_text(line->score.score));
    }
  }
  if (out->scores_.empty()) {
    return wrong(std::string(source) + ": expected precomputed scores, found none");
  }
  return out;
}

std::optional<double> TableSource::score_of(const std::string& hash) const {
  const auto it = scores_.find(hash);
  if (it == scores_.end()) return std::nullopt;
  return it->second;
}

SampleScore TableSource::score(const TrainingSample& sample) noexcept {
  const std::string hash = hex(sample_hash(sample));
  if (const auto known = score_of(hash)) return scored(*known, Outcome::kNotInTable);
  return unscored(Outcome::kNotInTable, "no score for sample " + hash.substr(0, 12) +
                                            "...; score the data set that is trained on");
}

}  // namespace phaseguard::judge
