#include "monitor/policy/compare/comparison.h"

#include <algorithm>
#include <utility>

namespace phaseguard::policy {

namespace {

bool above_zero(const std::vector<wire::KnobSetting>& knobs) {
  return std::any_of(knobs.begin(), knobs.end(),
                     [](const wire::KnobSetting& knob) { return knob.value > 0.0; });
}

bool same_values(const std::vector<wire::KnobSetting>& a, const std::vector<wire::KnobSetting>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const wire::KnobSetting& x, const wire::KnobSetting& y) {
                      return x.knob == y.knob && x.value == y.value;
                    });
}

std::vector<std::string> asked(const std::optional<wire::Decision>& decision) {
  std::vector<std::string> out;
  if (!decision) return out;
  for (const wire::Request& r : decision->requests) {
    out.push_back(r.type.text() + " " + std::to_string(r.before_step.value));
  }
  for (const wire::Alert& alert : decision->alerts) {
    out.push_back(alert.severity.text() + " " + alert.source.text());
  }
  return out;
}

}  // namespace

bool ComparedEvent::differs() const {
  return !same_values(happened_knobs, would_knobs) || asked(happened) != asked(would);
}

const ComparedEvent* Compared::first_difference() const {
  const auto found = std::find_if(rows.begin(), rows.end(),
                                  [](const ComparedEvent& row) { return row.differs(); });
  return found == rows.end() ? nullptr : &*found;
}

Comparison::Comparison(Document document, Intervention intervention)
    : document_(std::move(document)), intervention_(intervention) {
  out_.policy = document_.name;
}

Result<void> Comparison::on(const wire::Message& message) {
  if (ended()) return {};
  intervened_.take(message);
  out_.intervened = intervened_.step();
  out_.ends_there = out_.intervened >= Step{0} && intervention_ == Intervention::kEndsIt;
  if (ended()) return {};
  out_.run = message.header.run;
  if (std::holds_alternative<wire::Decision>(message.body)) {
    happened(message);
    return {};
  }
  if (const auto* hello = std::get_if<wire::Hello>(&message.body)) {
    out_.label = hello->label.text();
    if (!started()) {
      if (auto begun = begin(message, *hello); !begun) return begun;
    }
  }
  if (const auto* loaded = std::get_if<wire::PolicyLoaded>(&message.body)) {
    out_.recorded_policy = loaded->name;
  }
  auto decided = playback_.on(message);
  if (!decided) return {};
  would_ = decided->knobs;
  add_row(message.header).would = std::move(*decided);
  return {};
}

Result<void> Comparison::begin(const wire::Message& message, const wire::Hello& hello) {
  auto begun = Playback::create(document_, message);
  if (!begun) return tl::unexpected(begun.error());
  playback_ = std::move(*begun);
  would_ = playback_.machine()->settings();
  for (const wire::KnobDecl& knob : hello.knobs) {
    happened_.push_back({knob.name, knob.initial, {}, wire::CauseKind::kInitial, 0, {}});
  }
  return {};
}

void Comparison::happened(const wire::Message& message) {
  const auto& decision = std::get<wire::Decision>(message.body);
  happened_ = decision.knobs;
  const bool same_event = !out_.rows.empty() && out_.rows.back().seq == decision.because;
  ComparedEvent& row = same_event ? out_.rows.back() : add_row(playback_.event());
  row.happened = decision;
  row.happened_knobs = happened_;
  if (above_zero(happened_) && out_.happened_first_raise < Step{0}) {
    out_.happened_first_raise = message.header.step;
  }
}

ComparedEvent& Comparison::add_row(const wire::Header& header) {
  ComparedEvent row;
  row.seq = header.seq;
  row.step = header.step;
  row.attempt = header.attempt;
  row.happened_knobs = happened_;
  row.would_knobs = would_;
  if (above_zero(would_) && out_.would_first_raise < Step{0}) out_.would_first_raise = row.step;
  out_.rows.push_back(std::move(row));
  return out_.rows.back();
}

}  // namespace phaseguard::policy
