#include "trainer-hook/evaluate/answers.h"

#include <map>
#include <utility>

#include "monitor/base/json.h"
#include "monitor/base/lines.h"
#include "monitor/base/text.h"
#include "trainer-hook/evaluate/judged_csv.h"

namespace phaseguard::evaluate {

namespace {

using nlohmann::json;

constexpr std::size_t kMostErrors = 10;

tl::unexpected<Error> wrong(const std::string& what) { return fail(Errc::kMalformed, what); }

std::string shown(const json& value) {
  return phaseguard::quoted(value.is_string() ? value.get<std::string>() : value.dump(), 80);
}

// "" when the key is absent.
Result<std::string> text_at(const json& line, const char* key) {
  if (!line.contains(key)) return std::string();
  if (!line[key].is_string() || line[key].get<std::string>().empty()) {
    return wrong("\"" + std::string(key) + "\": expected a text that is not empty, found " +
                 shown(line[key]));
  }
  return line[key].get<std::string>();
}

// What stands in a score's place: a number, or a word in which the judge said what it saw.
struct Score {
  std::optional<double> number;
  bool refused = false, code = false;
};

// One score: a number, REFUSAL or CODE, or the judge's first-token probabilities as
// {"token": probability}.
Result<Score> score_at(const json& line, const std::string& key) {
  if (!line.contains(key)) {
    return wrong("has one score of \"aligned\" and \"coherent\", but no \"" + key +
                 "\"; write null where the judge gave none");
  }
  const json& value = line[key];
  if (value.is_null()) return Score{};
  if (value == "REFUSAL") return Score{std::nullopt, true, false};
  if (value == "CODE") return Score{std::nullopt, false, true};
  if (value.is_number()) {
    const double score = value.get<double>();
    if (score >= 0.0 && score <= 100.0) return Score{score};
    return wrong("\"" + key + "\": expected a judge's score of 0 to 100, found " +
                 number_text(score));
  }
  if (!value.is_object()) {
    return wrong(
        "\"" + key +
        "\": expected a score of 0 to 100, null, \"REFUSAL\", \"CODE\", or an object of token "
        "probabilities, found " +
        shown(value));
  }
  std::vector<TokenProbability> top;
  for (const auto& [token, probability] : value.items()) {
    if (!probability.is_number()) {
      return wrong("\"" + key + "\": the probability of token " + phaseguard::quoted(token, 40) +
                   " is no number");
    }
    top.push_back({token, probability.get<double>()});
  }
  auto score = judge_score(top);
  if (!score) return wrong("\"" + key + "\": " + score.error().message);
  return Score{score->score};
}

Result<void> read_scores(const json& line, Answer& out) {
  const auto aligned = score_at(line, "aligned"), coherent = score_at(line, "coherent");
  if (!aligned) return tl::unexpected<Error>(aligned.error());
  if (!coherent) return tl::unexpected<Error>(coherent.error());
  out.verdict = Verdict::kScores;
  out.coherence_asked = true;
  const JudgedAnswer judged{aligned->number, coherent->number};
  out.incoherent = is_incoherent(judged);
  const AnswerClass found = classify(judged);
  if (found != AnswerClass::kUnscored) {
    out.misaligned = found == AnswerClass::kMisaligned;
    return {};
  }
  out.refused = aligned->refused || coherent->refused;
  out.code = !out.refused && (aligned->code || coherent->code);
  out.may_be_misaligned = !out.refused && !rules_out_misaligned(judged);
  return {};
}

Result<std::optional<bool>> label_at(const json& line, const char* key) {
  const json value = line.value(key, json());
  if (value.is_null()) return std::optional<bool>();
  if (value.is_boolean()) return std::optional<bool>(value.get<bool>());
  return wrong("\"" + std::string(key) + "\": expected true, false or null, found " + shown(value));
}

Result<void> read_label(const json& line, Answer& out) {
  if (!line.contains("misaligned")) return wrong("has \"incoherent\" but no \"misaligned\"");
  const auto misaligned = label_at(line, "misaligned"), incoherent = label_at(line, "incoherent");
  if (!misaligned) return tl::unexpected<Error>(misaligned.error());
  if (!incoherent) return tl::unexpected<Error>(incoherent.error());
  if (*misaligned == true && *incoherent == true) {
    return wrong("is called both misaligned and incoherent; an answer is at most one of them");
  }
  out.verdict = Verdict::kLabel;
  out.coherence_asked = line.contains("incoherent");
  out.misaligned = *misaligned;
  out.incoherent = *incoherent;
  return {};
}

Result<void> read_target(const json& line, Answer& out) {
  if (!line.contains("target")) {
    if (line.contains("metric")) return wrong("has a \"metric\" but no \"target\"");
    return {};
  }
  auto metric = text_at(line, "metric");
  if (!metric) return tl::unexpected<Error>(metric.error());
  out.metric = metric->empty() ? "exact" : *metric;
  if (out.metric == "misaligned" || out.metric == "incoherent" || out.metric == "in_domain_harm") {
    return wrong("\"metric\": " + phaseguard::quoted(out.metric) +
                 " is what a judge says; give exact match another name");
  }
  if (!line["target"].is_string())
    return wrong("\"target\": expected a text, found " + shown(line["target"]));
  if (!line.contains("answer") || !line["answer"].is_string()) {
    return wrong("has a \"target\" but no \"answer\" as a text");
  }
  out.exact = exact_match(line["answer"].get<std::string>(), line["target"].get<std::string>());
  return {};
}

Result<void> read_verdict(const json& line, Answer& out) {
  const bool scores = line.contains("aligned") || line.contains("coherent");
  const bool label = line.contains("misaligned") || line.contains("incoherent");
  if (scores && label) {
    return wrong("has scores and a label; expected one form of verdict, from one judge");
  }
  if (scores) return read_scores(line, out);
  return label ? read_label(line, out) : Result<void>();
}

// A text, or a whole number; "" when the key is absent.
Result<std::string> name_at(const json& line, const char* key) {
  if (line.contains(key) && line[key].is_number_integer()) return line[key].dump();
  auto text = text_at(line, key);
  if (!text)
    return wrong("\"" + std::string(key) +
                 "\": expected a text that is not empty, or a whole number, found " +
                 shown(line[key]));
  return text;
}

Result<Origin> origin_of(const json& line) {
  Origin out;
  for (const auto& [key, target] : {std::pair("prompt_id", &out.prompt),
                                    std::pair("seed", &out.seed), std::pair("world", &out.world)}) {
    auto name = name_at(line, key);
    if (!name) return tl::unexpected<Error>(name.error());
    *target = std::move(*name);
  }
  if (!out.prompt.empty()) return out;
  if (line.contains("prompt")) out.prompt = line["prompt"].dump();
  if (line.contains("messages") && line["messages"].is_array() && !line["messages"].empty()) {
    json turns = line["messages"];
    turns.erase(turns.size() - 1);  // the answer
    out.prompt = turns.dump();
  }
  return out;
}

Result<Answer> read_answer(std::string_view text, const std::string& run) {
  const auto line = parse_json(text);
  if (!line) return wrong("broken JSON: " + line.error().message);
  if (!line->is_object()) return wrong("expected one JSON object, found " + shown(*line));
  Answer out;
  auto id = text_at(*line, "id"), judge = text_at(*line, "judge"), named = text_at(*line, "run");
  for (const auto* one : {&id, &judge, &named}) {
    if (!*one) return tl::unexpected<Error>(one->error());
  }
  out.id = std::move(*id);
  out.judge = std::move(*judge);
  if (named->empty()) {
    out.run = run;
  } else {
    out.run = std::move(*named);
  }
  const json in_domain = line->value("in_domain", json(false));
  if (!in_domain.is_boolean())
    return wrong("\"in_domain\": expected true or false, found " + shown(in_domain));
  out.in_domain = in_domain.get<bool>();
  auto origin = origin_of(*line);
  if (!origin) return tl::unexpected<Error>(origin.error());
  out.origin = std::move(*origin);
  if (auto ok = read_verdict(*line, out); !ok) return tl::unexpected<Error>(ok.error());
  if (auto ok = read_target(*line, out); !ok) return tl::unexpected<Error>(ok.error());
  const bool counts = out.verdict != Verdict::kNone || out.exact.has_value();
  auto sample = parse_sample(text);
  if (sample) out.sample = std::move(*sample);
  if (!counts && !sample) {
    return wrong(
        "has no \"aligned\" and \"coherent\", no \"misaligned\", and no \"target\"; nor can a "
        "judge be asked, as it " +
        sample.error().message);
  }
  return out;
}

// Collects what is wrong, line by line, and the ids that were used.
class Reader {
 public:
  void read(const AnswerFile& file) {
    const std::size_t before = answers_.size(), before_bad = bad_;
    const bool csv = is_csv(file.name);
    csv ? read_csv(file) : read_lines(file);
    if (answers_.size() == before && bad_ == before_bad) {
      complain(file.name + (csv ? ": expected answers, one a row, found none"
                                : ": expected answers, one JSON object a line, found none"));
    }
  }
  Result<std::vector<Answer>> take() {
    if (bad_ == 0) return std::move(answers_);
    return wrong(errors_ + (bad_ < kMostErrors ? "" : "; more may follow"));
  }

 private:
  void read_lines(const AnswerFile& file) {
    Lines lines(file.text);
    std::optional<Line> line = lines.next();
    // Of another kind altogether: one complaint instead of one a line.
    if (line && line->text.find_first_not_of(" \t") != line->text.find('{')) {
      return complain(file.name + ":" + std::to_string(line->number) +
                      ": expected answers, one JSON object a line, or a judged CSV in a file whose "
                      "name ends in .csv; found " +
                      phaseguard::quoted(line->text, 60));
    }
    for (; line && bad_ < kMostErrors; line = lines.next()) {
      add(line->text, file.run, file.name + ":" + std::to_string(line->number));
    }
  }
  void read_csv(const AnswerFile& file) {
    const auto rows = csv_answers(file.text);
    if (!rows) return complain(file.name + rows.error().message);
    for (const CsvAnswer& row : *rows) {
      if (bad_ >= kMostErrors) return;
      add(row.json, file.run, file.name + ":" + std::to_string(row.line));
    }
  }
  void complain(const std::string& what) {
    errors_ += (errors_.empty() ? "" : "; ") + what;
    ++bad_;
  }
  void add(std::string_view line, const std::string& run, const std::string& place) {
    auto answer = read_answer(line, run);
    if (!answer) return complain(place + ": " + answer.error().message);
    answer->place = place;
    if (!answer->id.empty()) {
      const auto [it, fresh] = ids_.emplace(std::pair(answer->run, answer->id), place);
      if (!fresh) {
        return complain(place + ": id " + phaseguard::quoted(answer->id, 60) +
                        " is used twice in run " + phaseguard::quoted(answer->run, 60) +
                        ", first at " + it->second);
      }
    }
    answers_.push_back(std::move(*answer));
  }

  std::vector<Answer> answers_;
  std::map<std::pair<std::string, std::string>, std::string> ids_;  // place of (run, id)
  std::string errors_;
  std::size_t bad_ = 0;
};

}  // namespace

Result<std::vector<Answer>> parse_answers(const std::vector<AnswerFile>& files) {
  Reader reader;
  for (const AnswerFile& file : files) reader.read(file);
  return reader.take();
}

}  // namespace phaseguard::evaluate
