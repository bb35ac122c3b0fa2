#include "monitor/ctl/backtest/backtest.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <numeric>
#include <utility>

#include "monitor/base/table_text.h"
#include "monitor/base/text.h"
#include "monitor/ctl/text_lines.h"
#include "monitor/run/intervened.h"
#include "monitor/stats/clustered.h"
#include "monitor/wire/words.h"

namespace phaseguard::ctl {

namespace {

// The label that counts: the labels file's, by run name, file name or path; else the recording's.
const Label* named_label(const Labels& labels, const LabelledRun& run, std::string& key) {
  for (const std::string& name :
       {run.name, std::filesystem::path(run.file).filename().string(), run.file}) {
    const auto found = labels.find(name);
    if (found == labels.end()) continue;
    key = name;
    return &found->second;
  }
  return nullptr;
}

class Collector {
 public:
  Collector(const std::vector<policy::Document>& documents, const std::vector<std::string>& files,
            Backtest& out)
      : documents_(documents), out_(out) {
    for (std::size_t i = 0; i < documents.size(); ++i) {
      out_.policies.emplace_back();
      out_.policies.back().document = documents[i];
      out_.policies.back().file = files[i];
    }
  }

  // Error: the file cannot be read.
  Result<void> take(const std::string& file) {
    auto reader = store::Reader::open(file);
    if (!reader) return tl::unexpected(reader.error());
    auto traced = trace(*reader, documents_,
                        {out_.options.rule, out_.options.until_step, out_.options.until_raise});
    if (!traced) return tl::unexpected(traced.error());
    if (auto fresh = check_fresh(file, *reader); !fresh) return fresh;
    LabelledRun run;
    run.file = file;
    run.name = traced->run.text();
    run.updates = traced->updates;
    run.raised = traced->raised;
    std::string label = traced->label;
    std::string key;
    if (const Label* told = named_label(out_.options.labels, run, key)) {
      label = told->label;
      run.harm_step = told->harm_step;
      run.group = told->group;
      used_.push_back(key);
    }
    const auto known = wire::word_of<wire::Label>(label);
    if (!known) {
      out_.skips.push_back({file, label.empty()
                                      ? "no label in the recording, and none given with --labels"
                                      : "the label " + quoted(label, 40) +
                                            " is neither malicious nor "
                                            "harmless; say which with --labels"});
      return {};
    }
    if (traced->intervened >= Step{0} && !out_.options.include_intervened) {
      out_.skips.push_back({file, run::intervened_text(traced->intervened)});
      return {};
    }
    run.malicious = *known == wire::Label::kMalicious;
    out_.runs.push_back(std::move(run));
    for (std::size_t i = 0; i < documents_.size(); ++i) {
      auto& found = traced->traces[i];
      if (found) {
        out_.policies[i].runs.push_back({out_.runs.size() - 1, std::move(*found)});
      } else {
        out_.policies[i].skips.push_back({file, found.error().message});
      }
    }
    return {};
  }

  [[nodiscard]] Result<void> check_labels() const {
    for (const auto& [name, label] : out_.options.labels) {
      if (std::find(used_.begin(), used_.end(), name) != used_.end()) continue;
      return fail(Errc::kNotFound, out_.options.labels_file + ":" + std::to_string(label.line) +
                                       ": no run " + quoted(name, 64) +
                                       " among the given files; correct the name or give the file");
    }
    return {};
  }

 private:
  // The same recording twice, under whatever names, would count as two runs and narrow every
  // interval.
  Result<void> check_fresh(const std::string& file, const store::Reader& reader) {
    auto first = reader.page(Seq{0}, 1);
    if (!first) return tl::unexpected(first.error());
    std::string key = reader.run().text();
    for (const wire::Message& message : *first) {
      if (const auto* hello = std::get_if<wire::Hello>(&message.body)) key += " " + hello->session;
    }
    const auto [known, fresh] = recordings_.emplace(key, file);
    if (fresh) return {};
    return fail(Errc::kInvalidArgument, file + ": the same recording of run " +
                                            reader.run().text() + " as " + known->second +
                                            "; give each once");
  }

  const std::vector<policy::Document>& documents_;
  Backtest& out_;
  std::vector<std::string> used_;
  std::map<std::string, std::string> recordings_;  // run and session -> file
};

ClassScore class_score(const Backtest& all, const PolicyScore& policy, bool malicious) {
  ClassScore out;
  std::int64_t n = 0;
  std::map<std::pair<std::string, std::size_t>, stats::Tally> groups;
  out.spent.assign(policy.document.knobs.size(), 0.0);
  for (const RunScore& score : policy.runs) {
    if (all.runs[score.run].malicious != malicious) continue;
    ++n;
    const std::string& group = all.runs[score.run].group;
    stats::Tally& tally = groups[{group, group.empty() ? score.run : 0}];
    ++tally.n;
    for (std::size_t k = 0; k < out.spent.size(); ++k) out.spent[k] += score.trace.spent[k];
    if (score.trace.acted < Step{0}) continue;
    ++tally.k;
    const Step harm = all.runs[score.run].harm_step;
    out.leads.push_back(harm < Step{0} ? score.trace.lead : harm.value - score.trace.acted.value);
  }
  std::sort(out.leads.begin(), out.leads.end());
  for (double& spent : out.spent) spent = n > 0 ? spent / static_cast<double>(n) : wire::kNaN;
  std::vector<stats::Tally> clusters;
  bool grouped = false;
  for (const auto& [group, tally] : groups) {
    clusters.push_back(tally);
    grouped = grouped || !group.first.empty();
  }
  if (auto rate = stats::clustered(clusters, grouped ? "group" : "run")) out.acted = *rate;
  return out;
}

DetectorScore detector_score(const Backtest& all, const PolicyScore& policy, std::size_t index,
                             const wire::DetectorInfo& info) {
  DetectorScore out;
  out.detector = info.name;
  out.type = info.type;
  out.signal = info.signal;
  std::vector<double> peaks;
  std::vector<std::uint8_t> classes;
  for (const RunScore& score : policy.runs) {
    const double peak = score.trace.peaks[index].peak;
    if (std::isnan(peak)) {
      ++out.without;
      continue;
    }
    const bool malicious = all.runs[score.run].malicious;
    peaks.push_back(peak);
    classes.push_back(malicious ? 1 : 0);
    (malicious ? out.malicious : out.harmless).push_back(peak);
  }
  if (auto ranking = stats::rank_scores(peaks, classes)) out.ranking = *ranking;
  const auto resamples = static_cast<std::size_t>(all.options.resamples);
  if (auto found = stats::bootstrap(peaks, classes, resamples, all.options.seed)) {
    out.interval = found->auroc;
  }
  return out;
}

void score_floor(PolicyScore& policy) {
  bool agree = true;
  for (const RunScore& score : policy.runs) {
    agree = agree && score.trace.floor == policy.runs.front().trace.floor;
    policy.acted += score.trace.acted >= Step{0} ? 1 : 0;
    policy.at_floor += score.trace.acted >= Step{0} && score.trace.at_floor ? 1 : 0;
  }
  if (agree && !policy.runs.empty()) policy.floor = policy.runs.front().trace.floor;
}

double measured(const PolicyScore& policy, const Criterion& criterion) {
  const std::string& what = criterion.measure;
  const auto& hits = policy.malicious.acted;
  const auto& alarms = policy.harmless.acted;
  if (what == "detection") return hits ? hits->rate : wire::kNaN;
  if (what == "detection_lower") return hits ? hits->lower : wire::kNaN;
  if (what == "false_alarm") return alarms ? alarms->rate : wire::kNaN;
  if (what == "false_alarm_upper") return alarms ? alarms->upper : wire::kNaN;
  if (what == "lambda_steps_malicious") return hits ? sum_of(policy.malicious.spent) : wire::kNaN;
  if (what == "lambda_steps_harmless") return alarms ? sum_of(policy.harmless.spent) : wire::kNaN;
  if (what == "lead_steps") {
    const auto median = median_of(policy.malicious.leads);
    return median ? static_cast<double>(*median) : wire::kNaN;
  }
  for (const DetectorScore& detector : policy.detectors) {
    if (detector.detector != criterion.detector || !detector.ranking) continue;
    return what == "auc" ? detector.ranking->auroc : detector.interval->lower;
  }
  return wire::kNaN;
}

CriterionResult judged(const PolicyScore& policy, const Criterion& criterion) {
  CriterionResult out{criterion, measured(policy, criterion), false};
  // What was not measured did not pass.
  out.pass = criterion.at_least ? out.found >= criterion.bound : out.found <= criterion.bound;
  return out;
}

// A slip of the pen in a criteria file would otherwise look like a failed policy.
Result<void> check_names(const Backtest& all) {
  std::vector<std::string> detectors, rules;
  for (const PolicyScore& policy : all.policies) {
    for (const auto& detector : policy.document.detectors) detectors.push_back(detector.name);
    for (const auto& rule : policy.document.rules) rules.push_back(rule.name);
  }
  const auto known = [](const std::string& name, const std::vector<std::string>& all_names) {
    return std::find(all_names.begin(), all_names.end(), name) != all_names.end();
  };
  for (const Criterion& criterion : all.options.criteria) {
    if (criterion.detector.empty() || known(criterion.detector, detectors)) continue;
    return fail(Errc::kNotFound, "criteria, line " + std::to_string(criterion.line) +
                                     ": no policy has a detector " +
                                     quoted(criterion.detector, 64) +
                                     " (there are: " + joined(detectors, ", ") + ")");
  }
  if (!all.options.rule.empty() && !known(all.options.rule, rules)) {
    return fail(Errc::kNotFound, "--rule: no policy has a rule " + quoted(all.options.rule, 64) +
                                     " (there are: " + joined(rules, ", ") + ")");
  }
  return {};
}

}  // namespace

bool Backtest::passed() const {
  for (const PolicyScore& policy : policies) {
    for (const CriterionResult& result : policy.criteria) {
      if (!result.pass) return false;
    }
  }
  return true;
}

std::int64_t Backtest::count(bool malicious) const {
  return std::count_if(runs.begin(), runs.end(),
                       [&](const LabelledRun& run) { return run.malicious == malicious; });
}

std::string Backtest::raised_remark() const {
  std::int64_t n = 0;
  Step first{-1};
  for (const LabelledRun& run : runs) {
    if (run.raised < Step{0}) continue;
    ++n;
    if (first < Step{0} || run.raised < first) first = run.raised;
  }
  if (n == 0) return "";
  return "In " + std::to_string(n) + " of " +
         counted(static_cast<std::int64_t>(runs.size()), "recording") +
         " a knob was raised or a rollback made while recording, first at step " +
         std::to_string(first.value) + ": what was measured after that was measured under it" +
         (options.until_raise ? ". Detectors' values are taken from before it."
                              : ". --until-raise takes the detectors' values from before it.");
}

double sum_of(const std::vector<double>& spent) {
  return std::accumulate(spent.begin(), spent.end(), 0.0);
}

std::optional<std::int64_t> median_of(const std::vector<std::int64_t>& ascending) {
  if (ascending.empty()) return std::nullopt;
  return ascending[(ascending.size() - 1) / 2];
}

Result<Backtest> backtest(const std::vector<policy::Document>& documents,
                          const std::vector<std::string>& policy_files,
                          const std::vector<std::string>& run_files,
                          const BacktestOptions& options) {
  Backtest out;
  out.options = options;
  Collector collector(documents, policy_files, out);
  if (auto good = check_names(out); !good) return tl::unexpected(good.error());
  for (const std::string& file : run_files) {
    if (auto taken = collector.take(file); !taken) return tl::unexpected(taken.error());
  }
  if (auto good = collector.check_labels(); !good) return tl::unexpected(good.error());
  if (out.runs.empty()) {
    std::string why = "expected runs labelled malicious or harmless, found none in " +
                      counted(static_cast<std::int64_t>(run_files.size()), "file");
    for (const Skip& skip : out.skips) why += "; " + skip.what + ": " + skip.why;
    return fail(Errc::kInvalidArgument, why);
  }
  for (PolicyScore& policy : out.policies) {
    policy.malicious = class_score(out, policy, true);
    policy.harmless = class_score(out, policy, false);
    const wire::PolicyLoaded described = policy::describe(policy.document);
    for (std::size_t i = 0; i < described.detectors.size(); ++i) {
      policy.detectors.push_back(detector_score(out, policy, i, described.detectors[i]));
    }
    score_floor(policy);
    for (const Criterion& criterion : options.criteria) {
      policy.criteria.push_back(judged(policy, criterion));
    }
  }
  return out;
}

}  // namespace phaseguard::ctl
