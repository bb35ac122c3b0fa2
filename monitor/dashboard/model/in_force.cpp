// When which knob protected the run, and by whom.
#include <algorithm>
#include <limits>

#include "monitor/dashboard/model/describe.h"

namespace phaseguard::dashboard {
namespace {

struct Piece {
  double from = 0.0;
  double to = 0.0;
  std::string text;
  wire::CauseKind cause = wire::CauseKind::kInitial;
  bool by_guard = false;
};

// The causes of one knob in the present segment, each until the next.
std::vector<Piece> causes_of(const run::RunState& state, const std::string& name,
                             const run::KnobState& knob) {
  std::vector<Piece> out;
  for (const run::AppliedCause& one : knob.applied_causes) {
    if (one.attempt != state.attempt || one.segment != state.segment) continue;
    const auto from = static_cast<double>(one.step.value);
    if (!out.empty()) out.back().to = from;
    out.push_back({from, std::numeric_limits<double>::infinity(),
                   one_line(name, 24) + " by " + who(one.cause) +
                       (one.by_guard ? ", decided by the trainer's guard" : ""),
                   one.cause.kind().value_or(wire::CauseKind::kInitial), one.by_guard});
  }
  return out;
}

std::vector<Piece> pieces_of(const run::RunState& state, double until) {
  std::vector<Piece> out;
  for (const auto& [name, knob] : state.knobs) {
    const std::vector<Piece> causes = causes_of(state, name, knob);
    for (const run::OnInterval& on : knob.on_applied) {
      if (on.attempt != state.attempt || on.segment != state.segment) continue;
      const auto from = static_cast<double>(on.from.value);
      const double to = std::max(on.to.value < 0 ? until : static_cast<double>(on.to.value), from);
      const std::size_t before = out.size();
      for (const Piece& cause : causes) {
        const Piece piece{std::max(from, cause.from), std::min(to, cause.to), cause.text,
                          cause.cause, cause.by_guard};
        if (piece.from < piece.to) out.push_back(piece);
      }
      if (out.size() == before)
        out.push_back(
            {from, to, one_line(name, 24) + " in force", wire::CauseKind::kInitial, false});
    }
  }
  return out;
}

bool goes_before(wire::CauseKind a, wire::CauseKind b) {
  const auto rank = [](wire::CauseKind kind) {
    switch (kind) {
      case wire::CauseKind::kOperator:
        return 5;
      case wire::CauseKind::kAdopted:
        return 4;
      case wire::CauseKind::kLink:
        return 3;
      case wire::CauseKind::kRule:
        return 2;
      case wire::CauseKind::kBase:
        return 1;
      case wire::CauseKind::kInitial:
        break;
    }
    return 0;
  };
  return rank(a) > rank(b);
}

}  // namespace

std::vector<Interval> protected_intervals(const run::RunState& state, double until) {
  const std::vector<Piece> pieces = pieces_of(state, until);
  std::vector<double> edges;
  for (const Piece& piece : pieces) {
    edges.push_back(piece.from);
    edges.push_back(piece.to);
  }
  std::sort(edges.begin(), edges.end());
  edges.erase(std::unique(edges.begin(), edges.end()), edges.end());
  std::vector<Interval> out;
  for (std::size_t i = 0; i + 1 < edges.size(); ++i) {
    Interval now{edges[i], edges[i + 1], "", wire::CauseKind::kInitial, false};
    for (const Piece& piece : pieces) {
      if (piece.from > now.from || piece.to < now.to) continue;
      now.text += (now.text.empty() ? "" : "; ") + piece.text;
      if (goes_before(piece.cause, now.cause)) now.cause = piece.cause;
      now.by_guard = now.by_guard || piece.by_guard;
    }
    if (now.text.empty()) continue;
    if (!out.empty() && out.back().to == now.from && out.back().text == now.text) {
      out.back().to = now.to;
    } else {
      out.push_back(std::move(now));
    }
  }
  return out;
}

}  // namespace phaseguard::dashboard
