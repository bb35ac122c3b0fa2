#include "monitor/dashboard/replay/alternative.h"

#include <algorithm>

#include "monitor/base/text.h"

namespace phaseguard::dashboard {
namespace {

std::string values_text(const std::vector<wire::KnobSetting>& knobs) {
  std::string text;
  for (const wire::KnobSetting& knob : knobs) {
    text += (text.empty() ? "" : ", ") + knob.knob + " " + number_text(knob.value);
  }
  return text;
}

std::string told(const std::optional<wire::Decision>& decision,
                 const std::vector<wire::KnobSetting>& knobs) {
  const std::string values = values_text(knobs);
  if (!decision) return values.empty() ? "no decision" : values + ": no decision";
  return values.empty() ? decision->summary : values + ": " + decision->summary;
}

}  // namespace

Result<Alternative> Alternative::create(const Candidate& candidate) {
  if (!candidate.problem.empty()) return fail(Errc::kIo, candidate.problem);
  policy::Parsed parsed = policy::parse(candidate.text, candidate.name);
  if (parsed.document) return Alternative(candidate.name, std::move(*parsed.document));
  for (const policy::Diagnostic& each : parsed.diagnostics) {
    if (each.severity == policy::Severity::kError) {
      return fail(Errc::kMalformed, to_text(each, candidate.name));
    }
  }
  return fail(Errc::kMalformed, candidate.name + " is no policy");
}

void Alternative::advance(const Tape& tape, std::size_t messages) {
  const std::size_t until = std::min(tape.size(), place_ + messages);
  for (; place_ < until && problem_.empty(); ++place_) {
    const wire::Message message = tape.message(place_);
    played_ = message.header.seq;
    if (auto played = comparison_.on(message); !played) {
      problem_ = played.error().message;
    } else if (comparison_.ended()) {
      problem_ =
          "from step " + std::to_string(compared().intervened.value) +
          " on a value that somebody raised, or that was adopted, was in force: not compared";
    }
  }
  take_rows();
}

// A recorded decision follows its event at once: a row of the newest message may still get it.
void Alternative::take_rows() {
  const auto& rows = compared().rows;
  const auto add = [&](const std::vector<wire::KnobSetting>& knobs, Step step, bool happened) {
    for (const wire::KnobSetting& knob : knobs) {
      run::Series& series = happened ? lines_[knob.knob].happened : lines_[knob.knob].would;
      series.append(step, 0.0, knob.value, Quality::kGood);
    }
  };
  for (; rows_ < rows.size() && (rows[rows_].happened || rows[rows_].seq < played_); ++rows_) {
    const policy::ComparedEvent& row = rows[rows_];
    add(row.happened_knobs, row.step, true);
    add(row.would_knobs, row.step, false);
    if (!row.differs()) continue;
    divergences_.push_back({row.seq, row.step, told(row.happened, row.happened_knobs),
                            told(row.would, row.would_knobs)});
  }
}

std::string Alternative::summary() const {
  if (!comparison_.started() && problem_.empty()) return "no trainer has declared anything yet";
  if (rows_ == 0) return problem_.empty() ? "neither has decided anything" : "";
  const std::string all = std::to_string(rows_) + (rows_ == 1 ? " decision" : " decisions");
  if (divergences_.empty()) return "agrees at all of " + all;
  return "differs at " + std::to_string(divergences_.size()) + " of " + all + ", first at step " +
         std::to_string(divergences_.front().step.value);
}

}  // namespace phaseguard::dashboard
