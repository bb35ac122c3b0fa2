#include "monitor/policy/engine/snapshot.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "monitor/base/sha256.h"
#include "monitor/policy/engine/knobs.h"
#include "monitor/policy/engine/rule.h"
#include "monitor/policy/engine/tracks/joins.h"
#include "monitor/policy/engine/tracks/tracker.h"
#include "monitor/policy/laws/law_row.h"

namespace phaseguard::policy {

namespace {

constexpr std::string_view kMagic = "phaseguard-machine 8\n";

class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}
  static constexpr bool kReads = false;

  void word(std::uint64_t& value) {
    for (int shift = 0; shift < 64; shift += 8) out_ += static_cast<char>(value >> shift & 0xff);
  }
  void bytes(std::string& text, std::uint64_t) { out_ += text; }
  [[nodiscard]] bool holds(std::uint64_t) const { return true; }

 private:
  std::string& out_;
};

// Stops at the first thing that does not fit: done() says so, later fields read as 0.
class Reader {
 public:
  explicit Reader(std::string_view in) : in_(in) {}
  static constexpr bool kReads = true;
  static constexpr std::uint64_t kMost = std::uint64_t{1} << 60;

  void word(std::uint64_t& value) {
    value = 0;
    if (!fits(8)) return;
    for (std::size_t i = 0; i < 8; ++i) {
      value |= static_cast<std::uint64_t>(static_cast<unsigned char>(in_[i])) << (8 * i);
    }
    in_.remove_prefix(8);
  }
  void bytes(std::string& text, std::uint64_t size) {
    if (!fits(size)) return;
    text = std::string(in_.substr(0, size));
    in_.remove_prefix(size);
  }
  // Every element of a list is a word or begins with one, so a larger count is a lie.
  [[nodiscard]] bool holds(std::uint64_t count) { return fits(std::min(count, kMost) * 8); }
  [[nodiscard]] bool fits(std::uint64_t size) {
    ok_ = ok_ && size <= in_.size();
    return ok_;
  }
  [[nodiscard]] bool done() const { return ok_ && in_.empty(); }

 private:
  std::string_view in_;
  bool ok_ = true;
};

// ---- one visit per type, the same for writing and reading

template <class A>
void visit(A& a, std::int64_t& value) {
  auto bits = static_cast<std::uint64_t>(value);
  a.word(bits);
  value = static_cast<std::int64_t>(bits);
}
template <class A>
void visit(A& a, double& value) {
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  a.word(bits);
  std::memcpy(&value, &bits, sizeof bits);
}
template <class A>
void visit(A& a, Step& step) {
  visit(a, step.value);
}
template <class A>
void visit(A& a, bool& value) {
  std::uint64_t bits = value ? 1 : 0;
  a.word(bits);
  value = bits != 0;
}
template <class A>
void visit(A& a, std::uint8_t& value) {
  std::uint64_t bits = value;
  a.word(bits);
  value = static_cast<std::uint8_t>(bits);
}
// The last enumerator: a larger number in the bytes is read as the first one.
template <class E>
constexpr std::uint64_t kLast = 2;
template <>
constexpr std::uint64_t kLast<TrackForm> = static_cast<std::uint64_t>(TrackForm::kRatio);
template <>
constexpr std::uint64_t kLast<MovedBy> = static_cast<std::uint64_t>(MovedBy::kAdopted);
template <class A, class E, class = std::enable_if_t<std::is_enum_v<E>>>
void visit(A& a, E& value) {
  auto bits = static_cast<std::uint64_t>(value);
  a.word(bits);
  value = bits <= kLast<E> ? static_cast<E>(bits) : E{};
}
template <class A>
void visit(A& a, std::string& text) {
  std::uint64_t size = text.size();
  a.word(size);
  a.bytes(text, size);
}
template <class A, class E>
void visit(A& a, wire::Word<E>& word) {
  std::string text = word.text();
  visit(a, text);
  if constexpr (A::kReads) word = wire::Word<E>::from(std::move(text));
}
template <class A, class T>
void visit(A& a, std::vector<T>& list);
template <class A>
void visit(A& a, LawState& s) {
  visit(a, s.y), visit(a, s.low), visit(a, s.sum), visit(a, s.threshold), visit(a, s.values);
  visit(a, s.steps), visit(a, s.next), visit(a, s.columns), visit(a, s.peak);
  visit(a, s.peak_step), visit(a, s.good), visit(a, s.since), visit(a, s.fresh);
}
template <class A>
void visit(A& a, DetectorState& s) {
  visit(a, s.n), visit(a, s.streak), visit(a, s.statistic), visit(a, s.step);
  visit(a, s.quality), visit(a, s.value), visit(a, s.quiet_step), visit(a, s.first_vote);
  visit(a, s.ignored), visit(a, s.faults), visit(a, s.held), visit(a, s.clear_streak);
  visit(a, s.n_at_start), visit(a, s.law);
}
template <class A>
void visit(A& a, PartialJoin& s) {
  visit(a, s.step), visit(a, s.arrived), visit(a, s.qualities), visit(a, s.values);
}
template <class A>
void visit(A& a, SignalTrack& s) {
  visit(a, s.name), visit(a, s.declared), visit(a, s.unit), visit(a, s.form), visit(a, s.item);
  visit(a, s.runs_over_canaries), visit(a, s.keeps_items), visit(a, s.columns), visit(a, s.min);
  visit(a, s.max), visit(a, s.every_steps), visit(a, s.watched), visit(a, s.watchers);
  visit(a, s.joins), visit(a, s.members), visit(a, s.last), visit(a, s.quality);
  visit(a, s.value), visit(a, s.items), visit(a, s.measured), visit(a, s.covered);
  visit(a, s.faults), visit(a, s.partials), visit(a, s.waiting);
}
template <class A>
void visit(A& a, KnobState& s) {
  visit(a, s.min), visit(a, s.max), visit(a, s.value), visit(a, s.target), visit(a, s.items);
  visit(a, s.site), visit(a, s.cause), visit(a, s.cause_rule), visit(a, s.cause_operator);
  visit(a, s.decision), visit(a, s.slewed_to), visit(a, s.unscored);
  Override& o = s.override_;
  visit(a, o.active), visit(a, o.lowering), visit(a, o.value), visit(a, o.operator_name);
  visit(a, o.reason), visit(a, o.expires), visit(a, o.command), visit(a, o.adopted);
}
template <class A>
void visit(A& a, wire::Held& s) {
  visit(a, s.kind), visit(a, s.name), visit(a, s.knob), visit(a, s.value), visit(a, s.site);
  visit(a, s.expires_step), visit(a, s.command), visit(a, s.attempt), visit(a, s.number);
  visit(a, s.outcome), visit(a, s.detail);
}
template <class A>
void visit(A& a, wire::Sample& s) {
  visit(a, s.signal), visit(a, s.value), visit(a, s.missing), visit(a, s.items);
  visit(a, s.lower), visit(a, s.upper);
}
template <class A>
void visit(A& a, wire::Parts::Part& s) {
  visit(a, s.k), visit(a, s.weight), visit(a, s.sample);
}
template <class A>
void visit(A& a, wire::Parts::Pending& s) {
  visit(a, s.signal), visit(a, s.step), visit(a, s.n), visit(a, s.origin), visit(a, s.batch);
  visit(a, s.parts);
}
template <class A>
void visit(A& a, wire::Parts::Done& s) {
  visit(a, s.signal), visit(a, s.step);
}
template <class A>
void visit(A& a, IssuedRequest& s) {
  visit(a, s.id), visit(a, s.type), visit(a, s.rule), visit(a, s.fallback), visit(a, s.settled);
}
template <class A>
void visit(A& a, HandledCommand& s) {
  visit(a, s.id), visit(a, s.verdict.status), visit(a, s.verdict.text);
}
template <class A>
void visit(A& a, Mark& s) {
  visit(a, s.step), visit(a, s.points), visit(a, s.time), visit(a, s.before_steps);
  visit(a, s.before_s);
}
template <class A>
void visit(A& a, ControllerState& s) {
  visit(a, s.track), visit(a, s.seen), visit(a, s.smoothed), visit(a, s.output), visit(a, s.items);
  visit(a, s.rung), visit(a, s.from), visit(a, s.start), visit(a, s.bad), visit(a, s.told);
  visit(a, s.batch), visit(a, s.unscored);
}
template <class A>
void visit(A& a, Inhibition& s) {
  visit(a, s.until), visit(a, s.operator_name), visit(a, s.reason);
}
template <class A>
void visit(A& a, RuleState& s) {
  visit(a, s.mode), visit(a, s.armed), visit(a, s.fired), visit(a, s.at_floor), visit(a, s.order);
  visit(a, s.voters), visit(a, s.seen), visit(a, s.points), visit(a, s.held_points);
  visit(a, s.quiet_points), visit(a, s.held_since), visit(a, s.fired_at), visit(a, s.quiet_at);
  visit(a, s.rollbacks), visit(a, s.rollback_at), visit(a, s.inhibited), visit(a, s.controllers);
  visit(a, s.because.command), visit(a, s.because.attempt), visit(a, s.because.number);
}
template <class A, class T>
void visit(A& a, std::vector<T>& list) {
  std::uint64_t count = list.size();
  a.word(count);
  if (!a.holds(count)) return;
  if constexpr (A::kReads) list.assign(static_cast<std::size_t>(count), T{});
  for (T& element : list) visit(a, element);
}
template <class A>
void visit(A& a, MachineState& s) {
  visit(a, s.tracks), visit(a, s.track_of), visit(a, s.least_points), visit(a, s.n_canaries);
  visit(a, s.attempt), visit(a, s.segment), visit(a, s.start_step), visit(a, s.step);
  visit(a, s.time), visit(a, s.decisions);
  visit(a, s.firings), visit(a, s.version), visit(a, s.steady_version), visit(a, s.detectors);
  visit(a, s.rules), visit(a, s.knobs), visit(a, s.requests), visit(a, s.commands);
  visit(a, s.trainer_held), visit(a, s.requests_skipped);
  visit(a, s.parts.pending()), visit(a, s.parts.done());
  s.elapsed.visit_fields([&a](auto& field) { visit(a, field); });
}

template <class A>
void visit(A& a, KnobSpec& s) {
  visit(a, s.name), visit(a, s.base), visit(a, s.min), visit(a, s.max);
}

// ---- what the engine relies on; all else that the bytes say is taken as it is

bool are_below(const std::vector<std::int64_t>& indices, std::size_t limit) {
  return std::all_of(indices.begin(), indices.end(), [&](std::int64_t i) {
    return i >= 0 && i < static_cast<std::int64_t>(limit);
  });
}

bool has_sound_detectors(const MachineState& state) {
  const Document& document = state.document;
  const std::size_t detectors = document.detectors.size();
  if (state.detectors.size() != detectors || state.track_of.size() != detectors ||
      state.least_points.size() != detectors) {
    return false;
  }
  for (std::size_t i = 0; i < detectors; ++i) {
    const std::int64_t track = state.track_of[i];
    if (track < -1 || track >= static_cast<std::int64_t>(state.tracks.size()) ||
        !row_of(document.detectors[i]).is_sound(document.detectors[i], state.detectors[i].law)) {
      return false;
    }
  }
  return true;
}

bool has_sound_partials(const SignalTrack& track) {
  const std::size_t members = track.members.size();
  if (members > 0 && track.partials.size() != kMaxPartials) return false;
  if (track.waiting < 0 || track.waiting > static_cast<std::int64_t>(track.partials.size())) {
    return false;
  }
  return std::all_of(track.partials.begin(), track.partials.begin() + track.waiting,
                     [&](const PartialJoin& partial) {
                       return partial.qualities.size() == members &&
                              partial.values.size() == members;
                     });
}

bool has_sound_tracks(const MachineState& state) {
  for (std::size_t i = 0; i < state.tracks.size(); ++i) {
    const SignalTrack& track = state.tracks[i];
    const auto itself = static_cast<std::int64_t>(i);
    const bool sound = are_below(track.watchers, state.detectors.size()) &&
                       are_below(track.joins, state.tracks.size()) &&
                       are_below(track.members, state.tracks.size()) && has_sound_partials(track);
    if (!sound) return false;
    // A join comes after its members, so that what they tell each other ends.
    for (const std::int64_t join : track.joins) {
      if (join <= itself) return false;
    }
  }
  return true;
}

bool has_sound_parts(MachineState& state) {
  const std::vector<wire::Parts::Pending>& pending = state.parts.pending();
  return std::all_of(pending.begin(), pending.end(), [](const wire::Parts::Pending& one) {
    return !one.parts.empty() && one.origin >= 0 && one.origin <= 2;
  });
}

// Which rung of a ladder; others have none.
bool has_sound_rung(const Controller& controller, const ControllerState& run) {
  const auto* ladder = std::get_if<LadderController>(&controller);
  const auto rungs = ladder ? static_cast<std::int64_t>(ladder->rungs.size()) : 0;
  return run.rung >= -1 && run.rung < rungs;
}

bool has_sound_rules(const MachineState& state) {
  if (state.rules.size() != state.document.rules.size()) return false;
  for (std::size_t i = 0; i < state.rules.size(); ++i) {
    const RuleSpec& spec = state.document.rules[i];
    if (state.rules[i].controllers.size() != spec.sets.size()) return false;
    for (std::size_t c = 0; c < spec.sets.size(); ++c) {
      const ControllerState& run = state.rules[i].controllers[c];
      if (run.track < -1 || run.track >= static_cast<std::int64_t>(state.tracks.size()) ||
          !has_sound_rung(spec.sets[c].controller, run)) {
        return false;
      }
    }
  }
  return true;
}

bool has_sound_causes(const MachineState& state) {
  if (state.knobs.size() != state.document.knobs.size() + state.adopted.size()) return false;
  const auto is_rule = [&](std::int64_t rule) {
    return rule >= 0 && rule < static_cast<std::int64_t>(state.rules.size());
  };
  return std::all_of(state.knobs.begin(), state.knobs.end(),
                     [&](const KnobState& knob) {
                       return knob.cause != MovedBy::kRule || is_rule(knob.cause_rule);
                     }) &&
         std::all_of(state.requests.begin(), state.requests.end(),
                     [&](const IssuedRequest& request) { return is_rule(request.rule); });
}

}  // namespace

std::string encode_state(MachineState state) {
  std::string out(kMagic);
  out += state.document.digest;
  Writer writer(out);
  visit(writer, state);
  if (!state.adopted.empty()) visit(writer, state.adopted);
  return out + hex(sha256(out));
}

Result<void> decode_state(std::string_view bytes, MachineState& state) {
  constexpr std::size_t kHex = 64;
  const std::string_view body = bytes.substr(0, bytes.size() < kHex ? 0 : bytes.size() - kHex);
  if (body.substr(0, kMagic.size()) != kMagic || hex(sha256(body)) != bytes.substr(body.size())) {
    return fail(Errc::kMalformed,
                "expected a snapshot of a policy machine, version 8, found bytes that are cut, "
                "damaged or something else; fold the record instead");
  }
  const std::string_view digest = body.substr(kMagic.size(), kHex);
  if (digest != state.document.digest) {
    return fail(Errc::kConflict, "the snapshot is of another policy: expected digest " +
                                     state.document.digest + ", found " + std::string(digest));
  }
  MachineState read = state;
  Reader reader(body.substr(kMagic.size() + kHex));
  visit(reader, read);
  read.adopted.clear();
  const bool more = !reader.done();
  if (more) visit(reader, read.adopted);
  if (!reader.done() || read.adopted.empty() == more || !has_sound_detectors(read) ||
      !has_sound_parts(read) || !has_sound_tracks(read) || !has_sound_rules(read) ||
      !has_sound_causes(read)) {
    return fail(Errc::kMalformed, "the snapshot does not hold this policy's state");
  }
  wire::Hello declared;
  declared.knobs = state.declared_knobs;
  declare_knobs(read, declared);  // limits and directions, which are not in the bytes
  index_samples(read);
  index_rules(read);
  state = std::move(read);
  return {};
}

}  // namespace phaseguard::policy
