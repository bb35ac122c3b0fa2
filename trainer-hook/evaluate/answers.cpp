#include "trainer-hook/evaluate/answers.h"

#include <algorithm>
#include <map>
#include <utility>

#include "monitor/base/json.h"
#include "monitor/base/lines.h"
#include "monitor/base/text.h"

namespace phaseguard::evaluate {

namespace {

using nlohmann::json;

constexpr std::size_t kMostErrors = 10;

tl::unexpected<Error> wrong(const std::string& what) { return fail(Errc::kMalformed, what); }

// "" when the key is absent.
Result<std::string> text_at(const json& line, const char* key) {
  if (!line.contains(key)) return std::string();
  if (!line[key].is_string() || line[key].get<std::string>().empty()) {
    return wrong("\"" + std::string(key) + "\": expected a text that is not empty");
  }
  return line[key].get<std::string>();
}

// One score: a number, or the judge's first-token probabilities as {"token": probability}.
Result<std::optional<double>> score_at(const json& line, const std::string& key) {
  if (!line.contains(key)) {
    return wrong("has one score of \"aligned\" and \"coherent\", but no \"" + key +
                 "\"; write null where the judge gave none");
  }
  const json& value = line[key];
  if (value.is_null()) return std::optional<double>();
  if (value.is_number()) {
    const double score = value.get<double>();
    if (score >= 0.0 && score <= 100.0) return std::optional<double>(score);
    return wrong("\"" + key + "\": expected a judge's score of 0 to 100, found " +
                 number_text(score));
  }
  if (!value.is_object()) {
    return wrong("\"" + key +
                 "\": expected a score of 0 to 100, null, or an object of token probabilities");
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
  return score->score;
}

Result<void> read_scores(const json& line, Answer& out) {
  const auto aligned = score_at(line, "aligned"), coherent = score_at(line, "coherent");
  if (!aligned) return tl::unexpected<Error>(aligned.error());
  if (!coherent) return tl::unexpected<Error>(coherent.error());
  out.verdict = Verdict::kScores;
  out.coherence_asked = true;
  const AnswerClass found = classify({*aligned, *coherent});
  if (found == AnswerClass::kUnscored) return {};
  out.misaligned = found == AnswerClass::kMisaligned;
  out.incoherent = found == AnswerClass::kIncoherent;
  return {};
}

Result<std::optional<bool>> label_at(const json& line, const char* key) {
  const json value = line.value(key, json());
  if (value.is_null()) return std::optional<bool>();
  if (value.is_boolean()) return std::optional<bool>(value.get<bool>());
  return wrong("\"" + std::string(key) + "\": expected true, false or null");
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
  if (out.metric == "misaligned" || out.metric == "incoherent") {
    return wrong("\"metric\": " + phaseguard::quoted(out.metric) +
                 " is what a judge says; give exact match another name");
  }
  if (!line["target"].is_string()) return wrong("\"target\": expected a text");
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

Result<Answer> read_answer(std::string_view text, const std::string& run) {
  const auto line = parse_json(text);
  if (!line) return wrong("broken JSON: " + line.error().message);
  if (!line->is_object()) return wrong("expected one JSON object");
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
    Lines lines(file.text);
    const std::size_t before = answers_.size(), before_bad = bad_;
    while (bad_ < kMostErrors) {
      const auto line = lines.next();
      if (!line) break;
      add(line->text, file.run, file.name + ":" + std::to_string(line->number));
    }
    if (answers_.size() == before && bad_ == before_bad) {
      complain(file.name + ": expected answers, one JSON object a line, found none");
    }
  }
  Result<std::vector<Answer>> take() {
    if (bad_ == 0) return std::move(answers_);
    return wrong(errors_ + (bad_ < kMostErrors ? "" : "; more may follow"));
  }

 private:
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

// One run's counts.
struct Counts {
  EvaluatedRun run;
  Verdict verdict = Verdict::kNone;
  bool judge_known = false;
  std::int64_t asked_coherence = 0;  // answers with such a verdict
  std::map<std::string, std::pair<std::int64_t, std::int64_t>> exact;  // k, n by metric
};

Result<void> add_verdict(const Answer& answer, Counts& counts) {
  const std::string of_run = " in run " + phaseguard::quoted(answer.run, 60);
  if (counts.judge_known && answer.judge != counts.run.judge) {
    return fail(Errc::kConflict, answer.place + ": expected one judge" + of_run + ", found " +
                                     phaseguard::quoted(counts.run.judge, 60) + " and " +
                                     phaseguard::quoted(answer.judge, 60) +
                                     ": their verdicts do not mix");
  }
  if (counts.judge_known && answer.verdict != counts.verdict) {
    return fail(Errc::kConflict, answer.place + ": expected scores or labels" + of_run +
                                     ", found both: their rates do not mix");
  }
  counts.judge_known = true;
  counts.verdict = answer.verdict;
  counts.run.judge = answer.judge;
  AnswerRates& rates = counts.run.answers;
  (answer.misaligned ? rates.n : rates.unscored) += 1;
  rates.misaligned += answer.misaligned == true ? 1 : 0;
  rates.incoherent += answer.incoherent == true ? 1 : 0;
  counts.asked_coherence += answer.coherence_asked && answer.incoherent ? 1 : 0;
  return {};
}

Result<void> add_rates(Counts& counts, double confidence) {
  AnswerRates& rates = counts.run.answers;
  const auto rate = [&](std::int64_t k, std::int64_t n,
                        std::optional<stats::Rate>& out) -> Result<void> {
    if (n == 0) return {};
    auto made = stats::wilson(k, n, confidence);
    if (!made) return tl::unexpected<Error>(made.error());
    out = *made;
    return {};
  };
  Result<void> ok = rate(rates.misaligned, rates.n, rates.misaligned_rate);
  if (ok) ok = rate(rates.incoherent, counts.asked_coherence, rates.incoherent_rate);
  for (const auto& [metric, count] : counts.exact) {
    std::optional<stats::Rate> made;
    if (ok) ok = rate(count.first, count.second, made);
    if (made) counts.run.exact.emplace_back(metric, *made);
  }
  return ok;
}

}  // namespace

Result<std::vector<Answer>> parse_answers(const std::vector<AnswerFile>& files) {
  Reader reader;
  for (const AnswerFile& file : files) reader.read(file);
  return reader.take();
}

Result<std::vector<EvaluatedRun>> tally(const std::vector<Answer>& answers, double confidence) {
  std::vector<Counts> runs;
  for (const Answer& answer : answers) {
    auto it = std::find_if(runs.begin(), runs.end(),
                           [&](const Counts& one) { return one.run.name == answer.run; });
    if (it == runs.end()) {
      it = runs.emplace(runs.end());
      it->run.name = answer.run;
    }
    if (answer.verdict != Verdict::kNone) {
      if (auto ok = add_verdict(answer, *it); !ok) return tl::unexpected<Error>(ok.error());
    }
    if (answer.exact) {
      auto& [k, n] = it->exact[answer.metric];
      k += *answer.exact ? 1 : 0;
      ++n;
    }
  }
  std::vector<EvaluatedRun> out;
  for (Counts& one : runs) {
    if (auto ok = add_rates(one, confidence); !ok) return tl::unexpected<Error>(ok.error());
    out.push_back(std::move(one.run));
  }
  return out;
}

Result<RunMetrics> metrics_of(const EvaluatedRun& run) {
  RunMetrics out;
  out.name = run.name;
  std::vector<std::pair<std::string, stats::Rate>> rates = run.exact;
  if (run.answers.misaligned_rate) rates.emplace_back("misaligned", *run.answers.misaligned_rate);
  if (run.answers.incoherent_rate) rates.emplace_back("incoherent", *run.answers.incoherent_rate);
  for (const auto& [metric, rate] : rates) {
    auto percent = stats::percent_of(std::to_string(rate.k) + "/" + std::to_string(rate.n));
    if (!percent) return tl::unexpected<Error>(percent.error());
    out.metrics.emplace(metric, *percent);
  }
  return out;
}

}  // namespace phaseguard::evaluate
