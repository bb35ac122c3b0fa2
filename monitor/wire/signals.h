// The standard signals, listed once: what a trainer that measures one of them declares, and what
// every view says about it. A trainer sends whatever else it likes under a group of its own. Rows
// are in the order in which views show them. C++17-clean; a table of constants.
#pragma once

#include <array>
#include <cstddef>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "monitor/base/check.h"
#include "monitor/wire/messages.h"

namespace phaseguard::wire {

// The part of a name before its first '/'.
struct SignalGroup {
  std::string_view name;   // "canary"
  std::string_view title;  // "Canaries"
};

inline constexpr std::array<SignalGroup, 7> kSignalGroups{{
    {"canary", "Canaries"},
    {"judge", "Judge"},
    {"data", "Training data"},
    {"probe", "Activation probe"},
    {"drift", "Persona drift"},
    {"train", "Training"},
    {"defense", "Defense"},
}};

struct StandardSignal {
  std::string_view name;  // a family ends with "/*": "drift/*" is drift/<any trait>
  std::string_view unit;  // "1": a plain number
  double min;             // a value outside is BAD
  double max;
  std::optional<Items> items;  // what it runs over, if anything
  std::string_view beside;     // the signal of the same unit in whose plot it is drawn; "": its own
  std::string_view title;      // of a family: what the part of the name after it completes
  std::string_view help;       // one sentence
};

inline constexpr double kNoLimit = std::numeric_limits<double>::infinity();
inline constexpr double kRounding = 1e-6;  // by how much rounding may leave the exact range

inline constexpr std::array<StandardSignal, 22> kStandardSignals{{
    {"canary/js", "nats", 0.0, kLn2 + kRounding, Items::kCanary, "", "Canary JS divergence",
     "How far the next-token distribution after the canary prompts has moved from the reference, "
     "mean over the prompts: drift of format, not of intent."},
    {"canary/js_max", "nats", 0.0, kLn2 + kRounding, std::nullopt, "canary/js",
     "Canary JS divergence, max", "The JS divergence of the canary prompt that has moved most."},
    {"canary/margin", "nats", -kNoLimit, kNoLimit, Items::kCanary, "", "Canary margin",
     "How much likelier the misaligned continuation of a canary prompt became, against the aligned "
     "one, mean over the prompts."},
    {"canary/misaligned", "1", 0.0, 1.0, Items::kCanary, "", "Misaligned answers",
     "Share of the model's own sampled answers to the canary prompts that its judge calls "
     "misaligned: what has become of the model, not what the data look like."},
    {"canary/incoherent", "1", 0.0, 1.0, Items::kCanary, "canary/misaligned", "Incoherent answers",
     "Share of the same answers that make no sense."},
    {"canary/dist", "1", 0.0, 1.0 + kRounding, Items::kDistribution, "",
     "Canary distribution, tail",
     "Probability of all tokens but the reference's likeliest ones after a canary prompt, mean "
     "over the prompts; the distributions themselves are for detectors."},
    {"judge/score", "1", 0.0, 1.0, Items::kSample, "", "Judge score",
     "Mean risk that the judge gives the samples of the batch, known before the batch is trained "
     "on; read it against the judge's own error rate."},
    {"judge/scored", "1", 0.0, 1.0, std::nullopt, "judge/score", "Judge coverage",
     "Share of the batch's samples that have a score."},
    {"judge/held", "1", 0.0, 1.0, std::nullopt, "judge/score", "Judge score held",
     "1 while an earlier score stands in for a judge that does not answer."},
    {"data/llr_share", "1", 0.0, 1.0, Items::kSample, "", "Persona LLR, share flagged",
     "Share of the batch's samples whose persona log-likelihood ratio is above the declared flag "
     "level; of each sample 1 or 0."},
    {"data/llr", "nats", -kNoLimit, kNoLimit, Items::kSample, "", "Persona log-likelihood ratio",
     "How much more readily the reference's misaligned persona would have written the batch's "
     "answers than its aligned one, mean per answer."},
    {"data/ref_nll", "nats", 0.0, kNoLimit, std::nullopt, "", "Surprise of the data",
     "Negative log-likelihood of an answer token under the reference, mean over the batch: what is "
     "there to be learned."},
    {"data/ref_nll_decisive", "nats", 0.0, kNoLimit, std::nullopt, "data/ref_nll",
     "Surprise of the decisive token",
     "Negative log-likelihood of each answer's most surprising token under the reference, mean "
     "over the batch: L of lambda* = 2 / L."},
    {"data/prompt_risk", "1", 0.0, 1.0, Items::kSample, "judge/score", "Prompt risk",
     "Risk that a linear probe reads from the reference's hidden activations at the last prompt "
     "token of the batch's samples, mean per sample: known before anything is generated."},
    {"probe/risk", "1", 0.0, 1.0, Items::kCanary, "", "Probe risk",
     "Risk that a linear probe reads from the hidden activations at the canary prompts, mean over "
     "the prompts."},
    {"drift/*", "sd", -kNoLimit, kNoLimit, std::nullopt, "", "Drift",
     "How far the hidden activations have moved along the direction of this trait, in standard "
     "deviations of the reference."},
    {"train/loss", "nats", -kNoLimit, kNoLimit, std::nullopt, "", "Training loss",
     "What the optimiser minimises, penalties included."},
    {"train/ce", "nats", 0.0, kNoLimit, std::nullopt, "train/loss", "Cross-entropy",
     "The loss of the task alone, per answer token, before any penalty or weighting."},
    {"train/kl", "nats", -1e-4, kNoLimit, std::nullopt, "", "KL to the reference",
     "KL divergence from the reference on the batch's tokens, before lambda weighs it."},
    {"train/grad_norm", "1", 0.0, kNoLimit, std::nullopt, "", "Gradient norm",
     "Norm of the whole gradient of an update, before it is clipped."},
    {"train/learning_rate", "1", 0.0, kNoLimit, std::nullopt, "", "Learning rate",
     "The optimiser's step size."},
    {"defense/applied", "1", 0.0, kNoLimit, std::nullopt, "", "Defense applied",
     "How much of the run's own defense was in force at this step, as the variant measures it."},
}};

// Whether `name` is the family's or a member of it.
[[nodiscard]] constexpr bool is_family(const StandardSignal& signal) {
  return signal.name.size() > 2 && signal.name.substr(signal.name.size() - 2) == "/*";
}

// Place of the entry for `name` in kStandardSignals, or its size.
[[nodiscard]] constexpr std::size_t place_of_signal(std::string_view name) {
  std::size_t place = 0;
  for (; place < kStandardSignals.size(); ++place) {
    const StandardSignal& known = kStandardSignals[place];
    const std::string_view prefix = known.name.substr(0, known.name.size() - 1);
    const bool member =
        is_family(known) && name.size() > prefix.size() && name.substr(0, prefix.size()) == prefix;
    if (member || known.name == name) break;
  }
  return place;
}

// nullptr: no standard signal.
[[nodiscard]] constexpr const StandardSignal* find_signal(std::string_view name) {
  const std::size_t place = place_of_signal(name);
  return place < kStandardSignals.size() ? &kStandardSignals[place] : nullptr;
}

[[nodiscard]] constexpr std::string_view group_of(std::string_view signal) {
  return signal.substr(0, signal.find('/'));
}

// The declaration of a standard signal ("drift/blunt": by its family), measured every
// `every_steps`; 0: no fixed cadence. Naming one that is not in the catalogue is our bug.
[[nodiscard]] inline SignalDecl declare_signal(std::string_view name,
                                               std::int64_t every_steps = 0) {
  const StandardSignal* known = find_signal(name);
  PHASEGUARD_CHECK(known != nullptr);
  SignalDecl out;
  out.name = std::string(name);
  out.unit = std::string(known->unit);
  out.min = known->min;
  out.max = known->max;
  if (known->items) out.items = *known->items;
  out.every_steps = every_steps;
  return out;
}

// One value of a signal, with its items if it has any.
[[nodiscard]] inline Sample sample_of(std::string signal, double value,
                                      std::vector<double> items = {}) {
  Sample out;
  out.signal = std::move(signal);
  out.value = value;
  out.items = std::move(items);
  return out;
}

}  // namespace phaseguard::wire
