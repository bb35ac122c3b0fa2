// `phaseguard-probe eval` and `score`: a fitted probe, or directions, on an activation file.
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "monitor/base/json.h"
#include "monitor/base/printable.h"
#include "monitor/base/text.h"
#include "monitor/stats/rate_json.h"
#include "monitor/stats/wilson.h"
#include "probe/files/direction_set.h"
#include "probe/files/feature_file.h"
#include "probe/tool/commands.h"

namespace phaseguard::probe_tool {

namespace {

using nlohmann::json;
using probe::ActivationProbe;
using probe::DirectionSet;
using probe::FeatureFile;

// Scores with the rows that are not finite left out of everything but their count.
struct Scored {
  std::vector<double> risks;  // per row; NaN: BAD
  std::size_t bad = 0, over = 0;
  double mean = 0.0;       // of the good ones; NaN: none
  double staleness = 0.0;  // of the good ones; NaN: none
  std::vector<double> good;
  std::vector<std::uint8_t> good_labels;
};

Result<Scored> scored_rows(const ActivationProbe& fitted, const FeatureFile& features) {
  auto risks = fitted.score(features.x);
  if (!risks) return tl::unexpected(risks.error());
  Scored out;
  out.risks = std::move(*risks);
  probe::Features good;
  good.cols = features.x.cols;
  double sum = 0.0;
  for (std::size_t i = 0; i < out.risks.size(); ++i) {
    if (std::isnan(out.risks[i])) {
      ++out.bad;
      continue;
    }
    const auto row = features.x.row(i);
    good.values.insert(good.values.end(), row.begin(), row.end());
    ++good.rows;
    out.good.push_back(out.risks[i]);
    if (!features.labels.empty()) out.good_labels.push_back(features.labels[i]);
    out.over += out.risks[i] > fitted.threshold() ? 1 : 0;
    sum += out.risks[i];
  }
  out.mean = out.staleness = std::nan("");
  if (good.rows == 0) return out;
  out.mean = sum / static_cast<double>(good.rows);
  const auto staleness = fitted.staleness_of(good);
  if (!staleness) return tl::unexpected(staleness.error());
  out.staleness = *staleness;
  return out;
}

int verdict(const ScoreCommand& command, double staleness) {
  if (!command.max_staleness || staleness <= *command.max_staleness) return kDone;
  std::fprintf(stderr,
               "phaseguard-probe: staleness %.3g exceeds the limit of %g: these states are far "
               "from those the probe was fitted on, its risks mean little; fit it anew\n",
               staleness, *command.max_staleness);
  return kFindings;
}

struct Evaluation {
  stats::Ranking ranking;
  stats::RankingIntervals intervals;
  stats::Rate false_alarms, hits;  // above the saved threshold
};

Result<Evaluation> evaluated(const ScoreCommand& command, const ActivationProbe& fitted,
                             const Scored& scored) {
  Evaluation out;
  const auto ranking = stats::rank_scores(scored.good, scored.good_labels);
  if (!ranking) return tl::unexpected(ranking.error());
  out.ranking = *ranking;
  const auto intervals =
      stats::bootstrap(scored.good, scored.good_labels, command.bootstrap, command.seed);
  if (!intervals) return tl::unexpected(intervals.error());
  out.intervals = *intervals;
  std::int64_t alarms = 0, hits = 0;
  for (std::size_t i = 0; i < scored.good.size(); ++i) {
    if (scored.good[i] <= fitted.threshold()) continue;
    (scored.good_labels[i] != 0 ? hits : alarms) += 1;
  }
  const auto a = stats::wilson(alarms, static_cast<std::int64_t>(ranking->n_negative));
  const auto h = stats::wilson(hits, static_cast<std::int64_t>(ranking->n_positive));
  if (!a) return tl::unexpected(a.error());
  if (!h) return tl::unexpected(h.error());
  out.false_alarms = *a;
  out.hits = *h;
  return out;
}

void print_evaluation(const ScoreCommand& command, const ActivationProbe& fitted,
                      const Scored& scored, const Evaluation& e) {
  if (command.json) {
    const json out{{"auroc", e.ranking.auroc},
                   {"auroc_lower", e.intervals.auroc.lower},
                   {"auroc_upper", e.intervals.auroc.upper},
                   {"auprc", e.ranking.auprc},
                   {"auprc_lower", e.intervals.auprc.lower},
                   {"auprc_upper", e.intervals.auprc.upper},
                   {"resamples", e.intervals.resamples},
                   {"seed", command.seed},
                   {"n_positive", e.ranking.n_positive},
                   {"n_negative", e.ranking.n_negative},
                   {"bad", scored.bad},
                   {"threshold", fitted.threshold()},
                   {"false_alarms", stats::rate_json(e.false_alarms)},
                   {"hits", stats::rate_json(e.hits)},
                   {"staleness", number_json(scored.staleness)}};
    std::printf("%s\n", printable_json(out.dump(2)).c_str());
    return;
  }
  print_line(stdout, "%s on %s: %zu positive, %zu negative, %zu BAD rows left out",
             command.fitted.c_str(), command.features.c_str(), e.ranking.n_positive,
             e.ranking.n_negative, scored.bad);
  std::printf("  AUROC %.4f  [%.4f, %.4f]\n  AUPRC %.4f  [%.4f, %.4f]\n", e.ranking.auroc,
              e.intervals.auroc.lower, e.intervals.auroc.upper, e.ranking.auprc,
              e.intervals.auprc.lower, e.intervals.auprc.upper);
  std::printf("  (bootstrap 95 %%: %zu resamples within class, seed %llu)\n", e.intervals.resamples,
              static_cast<unsigned long long>(command.seed));
  print_line(stdout,
             "  risk > %.6g (chosen for a false-alarm rate of %g): false alarms %s, hits %s",
             fitted.threshold(), fitted.false_alarm_rate(), stats::text_of(e.false_alarms).c_str(),
             stats::text_of(e.hits).c_str());
  std::printf("  staleness %.3f sd\n", scored.staleness);
}

void print_scores(const ScoreCommand& command, const ActivationProbe& fitted,
                  const Scored& scored) {
  if (command.json) {
    json rows = json::array();
    for (double risk : scored.risks) {
      rows.push_back({{"risk", number_json(risk)},
                      {"quality", std::isnan(risk) ? "bad" : "good"},
                      {"over", risk > fitted.threshold()}});
    }
    const json out{{"kind", "probe"},
                   {"scored", fitted.site().scored},
                   {"rows", rows},
                   {"mean", number_json(scored.mean)},
                   {"over", scored.over},
                   {"bad", scored.bad},
                   {"n", scored.good.size()},
                   {"threshold", fitted.threshold()},
                   {"staleness", number_json(scored.staleness)}};
    std::printf("%s\n", printable_json(out.dump(2)).c_str());
    return;
  }
  for (std::size_t i = 0; i < scored.risks.size(); ++i) {
    if (std::isnan(scored.risks[i])) {
      std::printf("%6zu  BAD: a value of this row is not finite\n", i);
    } else {
      print_line(stdout, "%6zu  %.6f%s", i, scored.risks[i],
                 scored.risks[i] > fitted.threshold() ? "  over" : "");
    }
  }
  print_line(
      stdout, "mean risk %.4f of %zu rows, %zu over %.6g, %zu BAD; staleness %.3f sd; scores %s",
      scored.mean, scored.good.size(), scored.over, fitted.threshold(), scored.bad,
      scored.staleness,
      fitted.site().scored == "theta0" ? "the data (theta0's states)" : "drift (theta's states)");
}

int score_probe(const ScoreCommand& command, const tensors::TensorFile& file,
                const FeatureFile& features, bool evaluation) {
  const auto fitted = ActivationProbe::from_file(file, command.fitted);
  if (!fitted) return failed(fitted.error());
  if (auto ok = same_site(fitted->site(), features.site, command.fitted); !ok) {
    return failed(ok.error());
  }
  const auto scored = scored_rows(*fitted, features);
  if (!scored)
    return failed({scored.error().code, command.features + ": " + scored.error().message});
  if (!evaluation) {
    print_scores(command, *fitted, *scored);
    return scored->good.empty() ? failed({Errc::kInvalidArgument,
                                          command.features + ": no row is finite, nothing scored"})
                                : verdict(command, scored->staleness);
  }
  if (features.labels.empty()) {
    return failed({Errc::kInvalidArgument,
                   command.features + ": expected a tensor `labels` of 0 and 1, found none"});
  }
  const std::string digest = probe::data_digest(features.x, features.labels);
  if (digest == fitted->record().data_sha256 || digest == fitted->held_out().data_sha256) {
    return failed({Errc::kRefused, command.features +
                                       ": the probe was fitted or calibrated on these very data; "
                                       "judge it on samples it has not seen"});
  }
  const auto result = evaluated(command, *fitted, *scored);
  if (!result)
    return failed({result.error().code, command.features + ": " + result.error().message});
  print_evaluation(command, *fitted, *scored, *result);
  return verdict(command, scored->staleness);
}

int score_directions(const ScoreCommand& command, const tensors::TensorFile& file,
                     const FeatureFile& now) {
  const auto set = DirectionSet::from_file(file, command.fitted);
  if (!set) return failed(set.error());
  if (command.reference.empty()) {
    return failed({Errc::kInvalidArgument,
                   "drift along directions needs --reference: the same prompts' states under "
                   "theta0"});
  }
  const auto reference = FeatureFile::load(command.reference);
  if (!reference) return failed(reference.error());
  probe::Site here = now.site;
  here.scored = set->site().scored;  // directions are of theta0, drift is of theta
  if (auto ok = same_site(set->site(), here, command.fitted); !ok) return failed(ok.error());
  if (auto ok = same_site(set->site(), reference->site, command.fitted); !ok) {
    return failed(ok.error());
  }
  const auto drift = set->drift(reference->x, now.x);
  if (!drift) return failed({drift.error().code, command.features + ": " + drift.error().message});
  json list = json::array();
  for (const probe::TraitDrift& one : *drift) {
    const bool good = one.drift.quality == Quality::kGood;
    list.push_back(
        {{"trait", one.trait},
         {"quality", good ? "good" : "bad"},
         {"drift", number_json(one.drift.drift)},
         {"sd_reference", number_json(one.drift.sd_reference)},
         {"drift_in_sd", one.drift.drift_in_sd ? number_json(*one.drift.drift_in_sd) : json()}});
    if (command.json) continue;
    std::printf("drift/%-24s ", plain(one.trait).c_str());
    if (!good) {
      std::printf("BAD: not finite\n");
    } else if (!one.drift.drift_in_sd) {
      std::printf("%+.6g (the reference does not vary along it)\n", one.drift.drift);
    } else {
      std::printf("%+.6g, %+.3f sd of the reference over %zu prompts\n", one.drift.drift,
                  *one.drift.drift_in_sd, now.x.rows);
    }
  }
  if (command.json) {
    const json out{{"kind", "directions"}, {"drift", list}};
    std::printf("%s\n", printable_json(out.dump(2)).c_str());
  }
  return kDone;
}

int dispatch(const ScoreCommand& command, bool evaluation) {
  const auto file = tensors::load_safetensors(command.fitted);
  if (!file) return failed(file.error());
  const auto features = FeatureFile::load(command.features);
  if (!features) return failed(features.error());
  const auto schema = file->metadata.find("schema");
  const bool directions =
      schema != file->metadata.end() && schema->second.rfind("phaseguard-directions/", 0) == 0;
  if (!directions) return score_probe(command, *file, *features, evaluation);
  if (!evaluation) return score_directions(command, *file, *features);
  return failed({Errc::kInvalidArgument,
                 command.fitted + ": holds directions; eval judges a probe, score gives drift"});
}

}  // namespace

int run_eval(const ScoreCommand& command) { return dispatch(command, true); }
int run_score(const ScoreCommand& command) { return dispatch(command, false); }

int run_inspect(const InspectCommand& command) {
  const auto file = tensors::load_safetensors(command.file);
  if (!file) return failed(file.error());
  const auto schema = file->metadata.find("schema");
  const std::string kind = schema != file->metadata.end() ? schema->second : "";
  // Reading it as what it claims to be finds damage that the metadata alone do not show.
  Result<void> readable;
  if (kind.rfind("phaseguard-probe/", 0) == 0) {
    if (auto read = ActivationProbe::from_file(*file, command.file); !read)
      readable = tl::unexpected(read.error());
  } else if (kind.rfind("phaseguard-directions/", 0) == 0) {
    if (auto read = DirectionSet::from_file(*file, command.file); !read)
      readable = tl::unexpected(read.error());
  } else if (kind.rfind("phaseguard-features/", 0) == 0) {
    if (auto read = FeatureFile::from_file(*file, command.file); !read)
      readable = tl::unexpected(read.error());
  }
  if (!readable) return failed(readable.error());
  json tensors = json::object();
  for (const auto& [name, record] : file->tensors) {
    tensors[name] = {{"dtype", name_of(record.dtype)}, {"shape", record.shape}};
  }
  if (command.json) {
    const json out{{"metadata", file->metadata}, {"tensors", tensors}};
    const std::string text = out.dump(2, ' ', false, json::error_handler_t::replace);
    std::printf("%s\n", printable_json(text).c_str());
    return kDone;
  }
  for (const auto& [key, value] : file->metadata) {
    print_line(stdout, "%-24s %s", key.c_str(), phaseguard::quoted(value, 200).c_str());
  }
  for (const auto& [name, tensor] : tensors.items()) {
    print_line(stdout, "tensor %-17s %s", name.c_str(), tensor.dump().c_str());
  }
  return kDone;
}

}  // namespace phaseguard::probe_tool
