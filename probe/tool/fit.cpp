// `phaseguard-probe fit`: a probe, or trait directions, from activation files.
#include <chrono>
#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>

#include "monitor/base/printable.h"
#include "probe/files/direction_set.h"
#include "probe/files/feature_file.h"
#include "probe/tool/commands.h"

namespace phaseguard::probe_tool {

namespace {

using probe::ActivationProbe;
using probe::FeatureFile;

std::string today() {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm utc{};
  gmtime_r(&now, &utc);
  char text[16];
  std::strftime(text, sizeof text, "%Y-%m-%d", &utc);
  return text;
}

// The optimum is unique, so a gradient of zero proves it: the trace shows how it was reached.
void print_proof(const ActivationProbe& fitted) {
  const probe::FitRecord& record = fitted.record();
  std::printf("  Newton step   objective          largest gradient\n");
  for (std::size_t i = 0; i < record.trace.size(); ++i) {
    std::printf("  %11zu   %.12f     %.3e\n", i, record.trace[i].objective,
                record.trace[i].gradient_max);
  }
  std::printf(
      "  converged: largest gradient %.3e <= %.0e; strictly convex with l2 = %g, so this is the "
      "one "
      "optimum\n",
      record.gradient_max, probe::kGradientTolerance, record.l2);
}

void print_probe(const ActivationProbe& fitted, const std::string& out) {
  const probe::FitRecord& record = fitted.record();
  const probe::HeldOut& held = fitted.held_out();
  print_line(stdout, "probe of layer %s, %s, width %lld, model %s, on the states of %s",
             fitted.site().layer.c_str(), fitted.site().position.c_str(),
             static_cast<long long>(fitted.site().width), fitted.site().model_id.c_str(),
             fitted.site().scored.c_str());
  std::printf("fitted on %zu positive and %zu negative samples\n", record.n_positive,
              record.n_negative);
  print_proof(fitted);
  std::printf("held out: %zu positive, %zu negative; %zu resamples within class, seed %llu\n",
              held.n_positive, held.n_negative, held.resamples,
              static_cast<unsigned long long>(record.seed));
  std::printf("  AUROC %.4f  [%.4f, %.4f]\n  AUPRC %.4f  [%.4f, %.4f]\n", held.auroc,
              held.auroc_lower, held.auroc_upper, held.auprc, held.auprc_lower, held.auprc_upper);
  print_line(stdout, "calibration: %s, risk = sigma(%.6g t + %.6g)",
             name_of(fitted.calibration().method), fitted.calibration().slope,
             fitted.calibration().intercept);
  std::printf("threshold: risk > %.6g, for a false-alarm rate of at most %g (%zu of %zu)\n",
              fitted.threshold(), fitted.false_alarm_rate(), held.false_alarms, held.n_negative);
  print_line(stdout, "written to %s", out.c_str());
}

nlohmann::json json_of(const ActivationProbe& fitted, const std::string& out) {
  nlohmann::json trace = nlohmann::json::array();
  for (const auto& point : fitted.record().trace) {
    trace.push_back({{"objective", point.objective}, {"gradient_max", point.gradient_max}});
  }
  return {
      {"kind", "probe"}, {"out", out}, {"metadata", fitted.to_file().metadata}, {"trace", trace}};
}

// Before rows are drawn or gathered into sides, so that a row is named as the file has it.
Result<FeatureFile> load_finite(const std::string& file) {
  auto features = FeatureFile::load(file);
  if (!features) return features;
  auto ok = probe::check_finite(features->x, file + ": features");
  if (!ok) return tl::unexpected(ok.error());
  return features;
}

// The two labelled sides: another file, or a share of the same.
Result<probe::Split> sides(const FitCommand& command, const FeatureFile& features) {
  if (command.held_out.empty()) {
    auto split = probe::split_rows(features, command.held_share, command.options.seed);
    if (!split) return fail(split.error().code, command.features + ": " + split.error().message);
    return split;
  }
  auto held = load_finite(command.held_out);
  if (!held) return tl::unexpected(held.error());
  if (auto ok = same_site(features.site, held->site, command.held_out); !ok) {
    return tl::unexpected(ok.error());
  }
  for (const auto& [file, labels] :
       {std::pair(command.features, features.labels), std::pair(command.held_out, held->labels)}) {
    if (labels.empty()) {
      return fail(Errc::kInvalidArgument,
                  file + ": expected a tensor `labels` of 0 and 1, found none");
    }
  }
  probe::Split split;
  split.fit_x = features.x;
  split.fit_y = features.labels;
  split.held_x = std::move(held->x);
  split.held_y = std::move(held->labels);
  return split;
}

int fit_probe(const FitCommand& command, const FeatureFile& features) {
  const auto split = sides(command, features);
  if (!split) return failed(split.error());
  probe::ProbeOptions options = command.options;
  const auto method = probe::parse_calibration(command.calibration);
  if (!method) return failed(method.error());
  options.calibration = *method;
  if (options.date.empty()) options.date = today();
  const auto fitted = ActivationProbe::fit(split->fit_x, split->fit_y, split->held_x, split->held_y,
                                           features.site, options);
  if (!fitted) {
    return failed({fitted.error().code, command.features + ": " + fitted.error().message});
  }
  if (auto ok = fitted->save(command.out); !ok) return failed(ok.error());
  if (command.json) {
    std::printf("%s\n", printable_json(json_of(*fitted, command.out).dump(2)).c_str());
  } else {
    print_probe(*fitted, command.out);
  }
  return kDone;
}

void print_directions(const probe::DirectionSet& set, const std::string& out) {
  print_line(stdout, "%zu directions of layer %s, model %s", set.directions().size(),
             set.site().layer.c_str(), set.site().model_id.c_str());
  for (std::size_t i = 0; i < set.directions().size(); ++i) {
    const auto& one = set.directions()[i];
    std::printf("  %-24s length %8.4f, from %zu with and %zu without;  cosines:",
                plain(one.trait()).c_str(), one.direction().norm, one.n_trait(), one.n_other());
    for (std::size_t j = 0; j < set.directions().size(); ++j) {
      std::printf(" %+.2f", set.cosine(i, j));
    }
    std::printf("\n");
  }
  print_line(stdout, "written to %s", out.c_str());
}

int fit_directions(const FitCommand& command, const FeatureFile& features) {
  std::vector<std::string> traits = command.traits;
  if (traits.empty()) {
    for (const auto& [trait, labels] : features.traits) traits.push_back(trait);
  }
  std::vector<probe::TraitDirection> directions;
  for (const std::string& trait : traits) {
    const auto sides = probe::sides_of(features, trait);
    if (!sides) {
      return failed({sides.error().code, command.features + ": " + sides.error().message});
    }
    auto one = probe::TraitDirection::fit(sides->with, sides->without, trait, features.site);
    if (!one) return failed({one.error().code, command.features + ": " + one.error().message});
    directions.push_back(std::move(*one));
  }
  const auto set = probe::DirectionSet::make(std::move(directions));
  if (!set) return failed({set.error().code, command.features + ": " + set.error().message});
  if (auto ok = set->save(command.out); !ok) return failed(ok.error());
  if (command.json) {
    const nlohmann::json out{
        {"kind", "directions"}, {"out", command.out}, {"metadata", set->to_file().metadata}};
    std::printf("%s\n", printable_json(out.dump(2)).c_str());
  } else {
    print_directions(*set, command.out);
  }
  return kDone;
}

}  // namespace

int failed(const Error& error) {
  print_line(stderr, "phaseguard-probe: %s", error.message.c_str());
  return kFailed;
}

int run_fit(const FitCommand& command) {
  const auto features = load_finite(command.features);
  if (!features) return failed(features.error());
  return command.directions ? fit_directions(command, *features) : fit_probe(command, *features);
}

}  // namespace phaseguard::probe_tool
