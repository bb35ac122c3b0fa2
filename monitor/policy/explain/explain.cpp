#include "monitor/policy/explain/explain.h"

#include <algorithm>

#include "monitor/base/text.h"
#include "monitor/policy/asks.h"
#include "monitor/policy/engine/machine.h"
#include "monitor/policy/explain/explain_parts.h"
#include "monitor/policy/laws/law_row.h"

namespace phaseguard::policy {

namespace {

// "direction model_ref, mask answer and per_sample".
std::string asks_text(const std::vector<Ask>& asks) {
  std::string out;
  for (std::size_t i = 0; i < asks.size(); ++i) {
    out += i == 0 ? "" : i + 1 == asks.size() ? " and " : ", ";
    out += asks[i].key + " " + asks[i].word;
  }
  return out;
}

std::string explain_knob(const KnobSpec& knob) {
  std::string out = "Starts at " + number_text(knob.base) + " and may be moved between " +
                    number_text(knob.min) + " and " + number_text(knob.max) + ".";
  if (knob.slew_per_step) {
    out += " It changes by at most " + number_text(*knob.slew_per_step) +
           " a step, except upward on a trip or an operator's command.";
  }
  if (knob.protects && *knob.protects == wire::Protects::kDown) {
    out += " It protects by going down: a smaller value counts as a raise.";
  } else if (knob.protects && *knob.protects == wire::Protects::kNone) {
    out += " No direction of it protects: every change counts as a lowering.";
  }
  if (knob.substitute) {
    out += " It is set to " + number_text(*knob.substitute) + " when the link is lost.";
  }
  if (!knob.asks.empty()) {
    out += " A trainer must declare it with " + asks_text(knob.asks) + ", or is refused.";
  }
  return out;
}

std::vector<std::string> precedence_of(const Document& document) {
  std::vector<std::string> out = {
      "The limits above and those the trainer declares: a value outside is refused, not clamped.",
      "An operator forcing a knob up: always accepted.",
      "Latched rules: what they set is a floor for everything automatic, until an operator resets "
      "them with a reason.",
      "An operator's lowering: it needs a reason and an expiry, and is refused while a latched "
      "rule "
      "sets the knob."};
  const bool ranked = std::any_of(document.rules.begin(), document.rules.end(),
                                  [](const RuleSpec& rule) { return rule.priority != 0; });
  out.push_back(ranked ? "Rules in force: the one of the highest priority; among equals the "
                         "largest value."
                       : "Rules in force: the largest of their values.");
  out.push_back("The base value.");
  return out;
}

std::string loss_text(wire::OnLoss loss) {
  const std::string lost = "When the link to the daemon is lost, ";
  switch (loss) {
    case wire::OnLoss::kLocal:
      return lost +
             "the trainer's own copy of this policy goes on deciding; what is in force is never "
             "lowered by the loss.";
    case wire::OnLoss::kHold:
      return lost + "knobs keep their values.";
    case wire::OnLoss::kSubstitute:
      return lost + "knobs take their substitute values where those are higher.";
    case wire::OnLoss::kPause:
      return lost + "training is paused.";
    case wire::OnLoss::kStop:
      return lost + "training is stopped.";
  }
  return "";
}

// What `enforce` adds to a lost link; an own choice of the owner's is left as it is.
std::string profile_text(const Document& document) {
  const bool adds = document.profile == wire::Profile::kEnforce &&
                    document.link_loss == wire::OnLoss::kLocal && !document.shadow;
  if (!adds) return "";
  return " After two measurement intervals a knob that is not held up takes its substitute value "
         "where that protects more; after 10 minutes training is paused, unless something is held "
         "up.";
}

std::vector<std::string> failures_of(const Document& document) {
  std::vector<std::string> out;
  out.push_back(
      "A value that is not finite or lies outside the declared range is bad and never compared. " +
      std::string(
          document.bad_signal == BadSignal::kVote
              ? "Unless a detector says otherwise it counts as above the threshold (for one "
                "that cumulates evidence: three in a row vote)"
              : "Unless a detector says otherwise it is not counted and ends a streak") +
      "; three bad or missing in a row raise an alert.");
  out.push_back("A measurement that is " + std::to_string(document.missing_after_intervals) +
                (document.missing_after_intervals == 1 ? " interval" : " intervals") +
                " of its cadence late counts as missing.");
  out.push_back(
      "Lost data ends no rule: a detector that has voted counts as voting until a good value lies "
      "below its threshold.");
  out.push_back(loss_text(document.link_loss) + profile_text(document));
  out.push_back(std::string(document.carries_detectors
                                ? "A resumed run goes on with its detectors' state; one that was "
                                  "rolled back starts them again."
                                : "A resumed run, and one that was rolled back, starts its "
                                  "detectors again.") +
                " Latches and overrides stay.");
  return out;
}

std::string mode_text(const Document& document) {
  if (!document.shadow) return "It is enforced: what it decides is sent to the trainer.";
  const std::string text = "It runs in shadow: it decides and records, and sends nothing";
  return text + (document.strict_shadow
                     ? "; nor can an operator raise anything."
                     : " but what an operator raises, where the trainer lets him.");
}

std::string summary_of(const Document& document) {
  const auto several = [](std::size_t n, const char* thing) {
    return std::to_string(n) + " " + thing + (n == 1 ? "" : "s");
  };
  return "Policy " + document.name + " has " + several(document.detectors.size(), "detector") +
         " and " + several(document.rules.size(), "rule") + " for " +
         several(document.knobs.size(), "knob") + ". " + mode_text(document);
}

// A paragraph of lines up to `width` columns, all but the first indented.
std::string wrapped(const std::string& text, std::size_t indent, std::size_t width) {
  std::string out, line;
  std::size_t from = 0;
  while (from < text.size()) {
    std::size_t end = text.find(' ', from);
    if (end == std::string::npos) end = text.size();
    const std::string word = text.substr(from, end - from);
    if (!line.empty() && indent + line.size() + 1 + word.size() > width) {
      out += line + "\n" + std::string(indent, ' ');
      line.clear();
    }
    line += (line.empty() ? "" : " ") + word;
    from = end + 1;
  }
  return out + line + "\n";
}

constexpr std::size_t kWidth = 100;

std::string parts_text(const std::vector<ExplainedPart>& parts, const char* title) {
  if (parts.empty()) return "";
  std::size_t longest = 0;
  for (const ExplainedPart& part : parts) longest = std::max(longest, part.name.size());
  const std::size_t indent = std::min<std::size_t>(longest, 24) + 4;
  std::string out = std::string("\n") + title + "\n";
  for (const ExplainedPart& part : parts) {
    out += "  " + part.name;
    if (part.name.size() + 4 > indent) {
      out += "\n" + std::string(indent, ' ');
    } else {
      out += std::string(indent - 2 - part.name.size(), ' ');
    }
    std::string text = part.text;
    if (!part.null_hypothesis.empty()) text += " " + part.null_hypothesis;
    out += wrapped(text, indent, kWidth);
  }
  return out;
}

std::string list_text(const std::vector<std::string>& items, const char* title, bool numbered) {
  std::string out = std::string("\n") + title + "\n";
  for (std::size_t i = 0; i < items.size(); ++i) {
    const std::string mark = numbered ? std::to_string(i + 1) + ". " : "- ";
    out += "  " + mark + wrapped(items[i], 2 + mark.size(), kWidth);
  }
  return out;
}

// What of a source is not yet declared.
void declare(wire::Hello& hello, const std::string& name, wire::Word<wire::Items> items,
             std::int64_t cadence) {
  if (name.empty()) return;
  std::string plain = name;
  if (plain.size() > 2 && plain.compare(plain.size() - 2, 2, "/*") == 0) {
    plain.resize(plain.size() - 2);
    items = wire::Items::kCanary;
  }
  for (wire::SignalDecl& other : hello.signals) {
    if (other.name != plain) continue;
    if (other.items.empty()) other.items = items;
    return;
  }
  wire::SignalDecl signal;
  signal.name = plain;
  signal.unit = "1";
  signal.items = items;
  signal.columns = items == wire::Items::kDistribution ? 2 : 0;
  signal.every_steps = cadence;
  hello.signals.push_back(std::move(signal));
}

void declare(wire::Hello& hello, const SourceSpec& source, const wire::Word<wire::Items>& items,
             std::int64_t cadence) {
  declare(hello, source.signal, items, cadence);
  declare(hello, source.minus, {}, cadence);
  declare(hello, source.over, {}, cadence);
}

}  // namespace

wire::Hello assumed_declaration(const Document& document, std::int64_t cadence) {
  wire::Hello hello;
  hello.session = "assumed";
  hello.cadence_steps = cadence;
  hello.canary_ids = {"c01", "c02"};
  hello.requests = {wire::RequestType::kCheckpoint, wire::RequestType::kRollback,
                    wire::RequestType::kPause, wire::RequestType::kStop};
  for (const KnobSpec& knob : document.knobs) {
    wire::KnobDecl declared;
    declared.name = knob.name;
    declared.unit = "1";
    declared.min = knob.min;
    declared.max = knob.max;
    declared.initial = knob.base;
    declared.per_sample = true;
    assume(declared, knob.asks);
    hello.knobs.push_back(std::move(declared));
  }
  for (const DetectorSpec& detector : document.detectors) {
    const bool rows = row_of(detector).reads_rows;
    declare(hello, detector.source,
            rows ? wire::Word<wire::Items>(wire::Items::kDistribution) : wire::Word<wire::Items>(),
            cadence);
    for (wire::SignalDecl& signal : hello.signals) {
      if (signal.name != detector.source.signal) continue;
      signal.variant = detector.variant;
      if (!detector.noise_sds && !detector.limit_sds) continue;
      signal.noise_mean = 0.0;
      signal.noise_sd = 1.0;
    }
  }
  for (const RuleSpec& rule : document.rules) {
    for (const KnobAction& action : rule.sets) {
      if (stars_of(action.controller)) hello.knobs[action.knob].lambda_star = 1.0;
      const SourceSpec* source = source_of(action.controller);
      if (source == nullptr) continue;
      const bool samples = std::holds_alternative<PerSampleController>(action.controller);
      for (wire::SignalDecl& signal : hello.signals) {
        if (samples && signal.name == source->signal) signal.items = wire::Items::kSample;
      }
      declare(hello, *source,
              samples ? wire::Word<wire::Items>(wire::Items::kSample) : wire::Word<wire::Items>(),
              cadence);
    }
    for (const SiteAction& action : rule.sites)
      hello.knobs[action.knob].sites.push_back(action.site);
  }
  for (const SignalSpec& spec : document.signals) {
    declare(hello, spec.name, {}, cadence);  // a member of a group of signals
    for (wire::SignalDecl& signal : hello.signals) {
      if (signal.name == spec.name) assume(signal, spec.asks);
    }
  }
  return hello;
}

Explanation explain(const Document& document, const wire::Hello& hello) {
  Explanation out;
  out.summary = summary_of(document);
  for (const KnobSpec& knob : document.knobs) {
    out.knobs.push_back({knob.name, explain_knob(knob), "", Step{-1}, {}});
  }
  for (const SignalSpec& signal : document.signals) {
    out.signals.push_back(
        {signal.name,
         "A trainer must declare it with " + asks_text(signal.asks) + ", or is refused.",
         "",
         Step{-1},
         {}});
  }
  for (const DetectorSpec& detector : document.detectors) {
    out.detectors.push_back({detector.name,
                             detector_text(document, detector),
                             row_of(detector).null_text(detector),
                             Step{-1},
                             {}});
  }
  auto machine = Machine::create(document, hello);
  const auto evidence = machine ? machine->rule_evidence() : std::vector<wire::RuleEvidence>{};
  for (std::size_t i = 0; i < document.rules.size(); ++i) {
    const RuleSpec& rule = document.rules[i];
    ExplainedPart part{rule.name, rule_text(document, rule), "", Step{-1}, {}};
    for (const Term& term : rule.of) part.above.push_back(term_name(document, term));
    if (i < evidence.size()) part.earliest = evidence[i].earliest_step;
    part.text +=
        part.earliest < Step{0}
            ? " Its earliest possible step is not known."
            : " It can fire at step " + std::to_string(part.earliest.value) + " at the earliest.";
    out.rules.push_back(std::move(part));
  }
  out.precedence = precedence_of(document);
  out.failures = failures_of(document);
  return out;
}

std::string to_text(const Explanation& explanation) {
  std::string out = wrapped(explanation.summary, 0, kWidth);
  out += parts_text(explanation.knobs, "Knobs");
  out += parts_text(explanation.signals, "Signals");
  out += parts_text(explanation.detectors, "Detectors");
  out += parts_text(explanation.rules, "Rules");
  out += list_text(explanation.precedence, "Who wins on a knob, highest first", true);
  return out + list_text(explanation.failures, "When something is missing or broken", false);
}

}  // namespace phaseguard::policy
