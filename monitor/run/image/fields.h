// What each struct of a RunState is made of. Every binding names all fields: one that is added does
// not compile here until it is said what becomes of it. Private to the room.
#pragma once

#include <type_traits>

#include "monitor/run/image/archive.h"
#include "monitor/run/state.h"
#include "monitor/wire/messages.h"
#include "monitor/wire/parts.h"

namespace phaseguard::run::image {

// For T, const or not.
template <class Given, class T>
using Only = std::enable_if_t<std::is_same_v<std::remove_const_t<Given>, T>, int>;

template <>
inline constexpr std::uint8_t kLast<Quality> = static_cast<std::uint8_t>(Quality::kMissing);
template <>
inline constexpr std::uint8_t kLast<wire::ReportFate> = kReportFates - 1;
template <>
inline constexpr std::uint8_t kLast<Derived::Form> =
    static_cast<std::uint8_t>(Derived::Form::kRatio);

// ---- of messages

template <class A, class S, Only<S, wire::KnobDecl> = 0>
void fields(A& a, S& s) {
  auto& [name, unit, min, max, initial, site, direction, mask, normaliser, form, reference,
         per_sample, sites, protects, forcible, lambda_star] = s;
  all(a, name, unit, min, max, initial, site, direction, mask, normaliser, form, reference,
      per_sample, sites, protects, forcible, lambda_star);
}

template <class A, class S, Only<S, wire::SignalDecl> = 0>
void fields(A& a, S& s) {
  auto& [name, unit, min, max, variant, items, every_steps, columns, join, noise_mean, noise_sd,
         noise_n] = s;
  all(a, name, unit, min, max, variant, items, every_steps, columns, join, noise_mean, noise_sd,
      noise_n);
}

template <class A, class S, Only<S, wire::Held> = 0>
void fields(A& a, S& s) {
  auto& [kind, name, knob, value, site, expires_step, command, attempt, number, outcome, detail] =
      s;
  all(a, kind, name, knob, value, site, expires_step, command, attempt, number, outcome, detail);
}

template <class A, class S, Only<S, wire::Hello> = 0>
void fields(A& a, S& s) {
  auto& [session, parent_attempt, start_step, total_steps, cadence_steps, hook_version, model_id,
         reference_id, label, canary_set, canary_digest, canary_ids, knobs, signals, requests,
         notes, record, position, from, segment, held, rollbacks, process, guard, snapshots,
         segments, laws, key] = s;
  all(a, session, parent_attempt, start_step, total_steps, cadence_steps, hook_version, model_id,
      reference_id, label, canary_set, canary_digest, canary_ids, knobs, signals, requests, notes,
      record, position, from, segment, held, rollbacks, process, guard, snapshots, segments, laws,
      key);
}

template <class A, class S, Only<S, wire::Then> = 0>
void fields(A& a, S& s) {
  auto& [value, cause, site] = s;
  all(a, value, cause, site);
}

template <class A, class S, Only<S, wire::KnobSetting> = 0>
void fields(A& a, S& s) {
  auto& [knob, value, items, cause, decision, site, expires_step, then, batch, unscored] = s;
  all(a, knob, value, items, cause, decision, site, expires_step, then, batch, unscored);
}

template <class A, class S, Only<S, wire::Request> = 0>
void fields(A& a, S& s) {
  auto& [epoch, id, type, reason, decision, before_step] = s;
  all(a, epoch, id, type, reason, decision, before_step);
}

template <class A, class S, Only<S, wire::Command> = 0>
void fields(A& a, S& s) {
  auto& [id, action, operator_name, reason, knob, value, rule, expires_after_steps,
         expected_version, key] = s;
  all(a, id, action, operator_name, reason, knob, value, rule, expires_after_steps,
      expected_version, key);
}

template <class A, class S, Only<S, wire::DetectorInfo> = 0>
void fields(A& a, S& s) {
  auto& [name, signal, type, threshold, unit, needed, warmup, constants] = s;
  all(a, name, signal, type, threshold, unit, needed, warmup, constants);
}

template <class A, class S, Only<S, wire::RuleInfo> = 0>
void fields(A& a, S& s) {
  auto& [name, when, of, latch, alert, sets, requests] = s;
  all(a, name, when, of, latch, alert, sets, requests);
}

template <class A, class S, Only<S, wire::PolicyLoaded> = 0>
void fields(A& a, S& s) {
  auto& [name, digest, text, mode, detectors, rules, request_base] = s;
  all(a, name, digest, text, mode, detectors, rules, request_base);
}

template <class A, class S, Only<S, wire::DetectorEvidence> = 0>
void fields(A& a, S& s) {
  auto& [detector, signal, step, quality, value, statistic, threshold, streak, needed, n, warmup,
         voting] = s;
  all(a, detector, signal, step, quality, value, statistic, threshold, streak, needed, n, warmup,
      voting);
}

template <class A, class S, Only<S, wire::RuleEvidence> = 0>
void fields(A& a, S& s) {
  auto& [rule, state, votes, needed, of, earliest_step, fired_step, at_floor, phase, until_step,
         streak, streak_needed] = s;
  all(a, rule, state, votes, needed, of, earliest_step, fired_step, at_floor, phase, until_step,
      streak, streak_needed);
}

template <class A, class S, Only<S, wire::Alert> = 0>
void fields(A& a, S& s) {
  auto& [severity, source, text] = s;
  all(a, severity, source, text);
}

template <class A, class S, Only<S, wire::Decision> = 0>
void fields(A& a, S& s) {
  auto& [id, because, state_version, mode, policy_digest, before, knobs, requests, alerts,
         detectors, rules, summary] = s;
  all(a, id, because, state_version, mode, policy_digest, before, knobs, requests, alerts,
      detectors, rules, summary);
}

template <class A, class S, Only<S, wire::LinkChange> = 0>
void fields(A& a, S& s) {
  auto& [state, detail, epoch, from, to] = s;
  all(a, state, detail, epoch, from, to);
}

template <class A, class S, Only<S, wire::Goodbye> = 0>
void fields(A& a, S& s) {
  auto& [reason, detail] = s;
  all(a, reason, detail);
}

template <class A, class S, Only<S, wire::Sample> = 0>
void fields(A& a, S& s) {
  auto& [signal, value, missing, items, lower, upper] = s;
  all(a, signal, value, missing, items, lower, upper);
}

template <class A, class S, Only<S, wire::Parts::Part> = 0>
void fields(A& a, S& s) {
  auto& [k, weight, sample] = s;
  all(a, k, weight, sample);
}

template <class A, class S, Only<S, wire::Parts::Pending> = 0>
void fields(A& a, S& s) {
  auto& [signal, step, n, origin, batch, parts] = s;
  all(a, signal, step, n, origin, batch, parts);
}

template <class A, class S, Only<S, wire::Parts::Done> = 0>
void fields(A& a, S& s) {
  auto& [signal, step] = s;
  all(a, signal, step);
}

// ---- of the fold

template <class A, class S, Only<S, SignalState> = 0>
void fields(A& a, S& s) {
  auto& [declaration, declared, is_item, series, value, quality, step, t, items, lower, upper, good,
         bad, missing] = s;
  all(a, declaration, declared, is_item, series, value, quality, step, t, items, lower, upper, good,
      bad, missing);
}

template <class A, class S, Only<S, OnInterval> = 0>
void fields(A& a, S& s) {
  auto& [attempt, segment, from, to] = s;
  all(a, attempt, segment, from, to);
}

template <class A, class S, Only<S, AppliedCause> = 0>
void fields(A& a, S& s) {
  auto& [attempt, segment, step, cause, by_guard] = s;
  all(a, attempt, segment, step, cause, by_guard);
}

template <class A, class S, Only<S, KnobState> = 0>
void fields(A& a, S& s) {
  auto& [declaration, decided, applied, decided_value, applied_value, decided_step, applied_step,
         reported_step, reported_seq, cause, decision, applied_cause, applied_decision, on_decided,
         on_applied, applied_causes] = s;
  all(a, declaration, decided, applied, decided_value, applied_value, decided_step, applied_step,
      reported_step, reported_seq, cause, decision, applied_cause, applied_decision, on_decided,
      on_applied, applied_causes);
}

template <class A, class S, Only<S, Segment> = 0>
void fields(A& a, S& s) {
  auto& [attempt, segment, start, from_step, t, seq] = s;
  all(a, attempt, segment, start, from_step, t, seq);
}

template <class A, class S, Only<S, RequestState> = 0>
void fields(A& a, S& s) {
  auto& [request, seq, step, t, outcome, detail, restored_step, done_step] = s;
  all(a, request, seq, step, t, outcome, detail, restored_step, done_step);
}

template <class A, class S, Only<S, Gaps> = 0>
void fields(A& a, S& s) {
  auto& [skipped, missing, from, to, step] = s;
  all(a, skipped, missing, from, to, step);
}

template <class A, class S, Only<S, Rollback> = 0>
void fields(A& a, S& s) {
  auto& [number, restored, seq, is_seen] = s;
  all(a, number, restored, seq, is_seen);
}

template <class A, class S, Only<S, Lineage> = 0>
void fields(A& a, S& s) {
  auto& [rollbacks, before, count] = s;
  all(a, rollbacks, before, count);
}

template <class A, class S, Only<S, SignalFates> = 0>
void fields(A& a, S& s) {
  auto& [counts, newest, in_a_row, decided, trouble, trouble_at, clean, longest_gap, incomplete,
         incomplete_in_a_row] = s;
  all(a, counts, newest, in_a_row, decided, trouble, trouble_at, clean, longest_gap, incomplete,
      incomplete_in_a_row);
}

template <class A, class S, Only<S, Elapsed> = 0>
void fields(A& a, S& s) {
  Elapsed whole = s;  // its fields can be visited to be changed alone
  whole.visit_fields([&a](auto& field) { pass(a, field); });
  if constexpr (A::kTakes) s = whole;
}

template <class A, class S, Only<S, Fates> = 0>
void fields(A& a, S& s) {
  auto& [signals, beyond, clock, jump_s, jumped_at, since_jump] = s;
  all(a, signals, beyond, clock, jump_s, jumped_at, since_jump);
}

template <class A, class S, Only<S, Derived::Waiting> = 0>
void fields(A& a, S& s) {
  auto& [step, qualities, values] = s;
  all(a, step, qualities, values);
}

// It is looked into by the places of its members.
[[nodiscard]] inline bool fits(const Derived& derived) {
  const std::size_t n = derived.members.size();
  const bool is_pair =
      derived.form == Derived::Form::kDifference || derived.form == Derived::Form::kRatio;
  if (n == 0 || (is_pair && n != 2)) return false;
  for (const Derived::Waiting& each : derived.waiting) {
    if (each.qualities.size() != n || each.values.size() != n) return false;
  }
  return true;
}

template <class A, class S, Only<S, Derived> = 0>
void fields(A& a, S& s) {
  auto& [form, members, of_items, unit, min, max, series, waiting, last] = s;
  all(a, form, members, of_items, unit, min, max, series, waiting, last);
  if constexpr (A::kTakes) {
    if (!fits(s)) a.refuse();
  }
}

// What declare() sets is not in it.
template <class A, class S, Only<S, wire::Parts> = 0>
void fields(A& a, S& s) {
  wire::Parts whole = s;
  all(a, whole.pending(), whole.done());
  if constexpr (A::kTakes) s = std::move(whole);
}

template <class A, class L, std::enable_if_t<kIs<std::remove_const_t<L>, Log>, int> = 0>
void fields(A& a, L& s) {
  auto& [entries, dropped] = s;
  all(a, entries, dropped);
}

template <class A, class E, std::enable_if_t<kIs<std::remove_const_t<E>, Entry>, int> = 0>
void fields(A& a, E& s) {
  auto& [seq, step, t, body] = s;
  all(a, seq, step, t, body);
}

// Of whom it is and where its points live its owner says. What a live daemon said last is not of
// the record.
template <class A, class S, Only<S, RunState> = 0>
void fields(A& a, S& s) {
  auto& [run, memory, hello, attempt, segment, segments, lineage, label, total_steps, cadence_steps,
         step, t, first_t, signals, derived, knobs, fates, parts, gaps, policy, decisions, commands,
         links, alerts, requests, goodbye, applied_version, detectors, rules, state_version, mode,
         intervened_step, status, status_t, last_seq, duplicates, skipped] = s;
  all(a, hello, attempt, segment, segments, lineage, label, total_steps, cadence_steps, step, t,
      first_t, signals, derived, knobs, fates, gaps, policy, decisions, commands, links, alerts,
      requests, goodbye, applied_version, detectors, rules, state_version, mode, intervened_step,
      last_seq, duplicates, skipped);
  if constexpr (A::kTakes) {
    if (hello) parts.declare(*hello);
  }
  all(a, parts);
}

}  // namespace phaseguard::run::image
