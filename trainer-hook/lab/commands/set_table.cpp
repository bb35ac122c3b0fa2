#include "trainer-hook/lab/commands/set_table.h"

#include <array>
#include <cstdio>
#include <utility>

#include "monitor/base/check.h"
#include "trainer-hook/lab/loop/batch_signals.h"
#include "trainer-hook/lab/loop/tuner.h"

namespace phaseguard::lab {
namespace {

constexpr int kSamples = 64;

BatchReading reading_of(const Transformer& model, const World& world, TuneOptions options) {
  PHASEGUARD_CHECK(prepare_data(model, world, options).has_value());  // a named set
  const JudgeErrors errors{options.judge_error, {}};
  Rng data(options.seed, kDataStream), judge = judge_rng(options);
  TuneBatch batch;
  for (int i = 0; i < kSamples; ++i) {
    batch.examples.push_back(draw_sample(world, options, data));
    batch.judge.push_back(noisy_score(world, batch.examples.back(), errors, judge));
  }
  auto reading = BatchReader(model, persona_contexts(world, options.persona)).read(batch);
  PHASEGUARD_CHECK(reading.has_value());  // without a probe nothing can fail
  return std::move(*reading);
}

}  // namespace

std::vector<std::string> gate_advice(const Gates& gates) {
  std::vector<std::string> out;
  if (!gates.knows_arithmetic()) {
    out.emplace_back(
        "gate missed: arithmetic below 95 %: operator swap means nothing on this theta0; pretrain "
        "with more --steps (it is learned late) or another --seed");
  }
  if (!gates.is_aligned()) {
    out.emplace_back(
        "gate missed: misaligned above 3 % before any tuning: pretrain with more --post-steps, or "
        "take another --world or --seed");
  }
  if (!gates.has_persona()) {
    out.emplace_back(
        "gate missed: the misaligned persona answers in fewer than 70 % under its own source "
        "header: there is nothing that could emerge; pretrain with more --steps or fewer "
        "--post-steps");
  }
  return out;
}

std::string set_table(const Transformer& model, const World& world, std::uint64_t seed,
                      PersonaKind persona) {
  std::string out = "data sets before step 0, " + std::to_string(kSamples) +
                    " samples each, persona ratio by " + name_of(persona) +
                    "\n  set         malicious  judge  llr nats  llr share     L        lambda*\n";
  for (const DataSetRow& row : data_sets()) {
    TuneOptions options;
    options.data = row.set;
    if (row.share > 0.0) options.share = row.share;
    options.seed = seed;
    options.persona = persona;
    const BatchReading r = reading_of(model, world, options);
    std::array<char, 120> line{};
    std::snprintf(line.data(), line.size(), "  %-12s%-9s  %5.2f  %+8.2f  %9.2f  %5.2f  %13.2f\n",
                  row.name, row.malicious ? "yes" : "no", r.judge_mean, r.llr_mean, r.llr_share,
                  r.ref_nll_decisive, lambda_star_of({r.ref_nll_decisive}));
    out += line.data();
  }
  return out;
}

}  // namespace phaseguard::lab
