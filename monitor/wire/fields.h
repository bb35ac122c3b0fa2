// The keys of every message, each listed once: encode.cpp and decode.cpp both walk these lists, in
// this order, which is the order on the wire. A key is the struct's field name unless it would meet
// one of the envelope's (`seq`, `attempt`). Internal to the codec.
//
// A visitor is called as visitor(key, field, presence) and, for a field that travels as MessagePack
// bin, visitor.binary(key, field, presence). Adding a field at the end of a list is a minor
// version.
#pragma once

#include <cstdint>
#include <limits>
#include <type_traits>
#include <variant>

#include "monitor/wire/messages.h"

namespace phaseguard::wire {

// Whether a reader insists on the key, and the least value of an integer.
struct Presence {
  bool needed = false;
  std::int64_t least = 0;
  bool when_set = false;  // a writer leaves it out unless it is set: keys that 1.0 does not have
};
inline constexpr Presence kNeeded{true, 0};
inline constexpr Presence kOptional{false, 0};
inline constexpr Presence kFromMinusOne{false, -1};  // -1: none, unknown
inline constexpr Presence kWhenSet{false, -1, true};
// Ids of requests: the trainer's guard counts its own downwards from -1.
inline constexpr Presence kAnyNeeded{true, std::numeric_limits<std::int64_t>::min()};

// Lets in `T` and `const T`, so that one list serves the reader and the writer.
template <class F, class T>
using Fields = std::enable_if_t<std::is_same_v<std::remove_const_t<F>, T>, int>;

// ---- parts of messages ----

template <class V, class T, Fields<T, KnobDecl> = 0>
void fields(V& v, T& x) {
  v("name", x.name, kNeeded);
  v("unit", x.unit, kOptional);
  v("min", x.min, kNeeded);
  v("max", x.max, kNeeded);
  v("initial", x.initial, kOptional);
  v("site", x.site, kOptional);
  v("direction", x.direction, kOptional);
  v("mask", x.mask, kOptional);
  v("normaliser", x.normaliser, kOptional);
  v("form", x.form, kOptional);
  v("reference", x.reference, kOptional);
  v("per_sample", x.per_sample, kOptional);
  v("sites", x.sites, kOptional);
  v("protects", x.protects, kWhenSet);
  v("forcible", x.forcible, kWhenSet);
  v("lambda_star", x.lambda_star, kWhenSet);
}

template <class V, class T, Fields<T, SignalDecl> = 0>
void fields(V& v, T& x) {
  v("name", x.name, kNeeded);
  v("unit", x.unit, kOptional);
  v("min", x.min, kOptional);
  v("max", x.max, kOptional);
  v("variant", x.variant, kOptional);
  v("items", x.items, kOptional);
  v("every_steps", x.every_steps, kOptional);
  v("columns", x.columns, kOptional);
  v("join", x.join, kWhenSet);
  v("noise_mean", x.noise_mean, kWhenSet);
  v("noise_sd", x.noise_sd, kWhenSet);
  v("noise_n", x.noise_n, kWhenSet);
}

template <class V, class T, Fields<T, Sample> = 0>
void fields(V& v, T& x) {
  v("signal", x.signal, kNeeded);
  v("value", x.value, kOptional);
  v("missing", x.missing, kOptional);
  v("items", x.items, kOptional);
  v("lower", x.lower, kOptional);
  v("upper", x.upper, kOptional);
}

template <class V, class T, Fields<T, AppliedKnob> = 0>
void fields(V& v, T& x) {
  v("name", x.name, kNeeded);
  v("value", x.value, kNeeded);
  v("decision", x.decision, kOptional);
  v("cause", x.cause, kOptional);
  v("site", x.site, kOptional);
}

template <class V, class T, Fields<T, RequestOutcome> = 0>
void fields(V& v, T& x) {
  v("id", x.id, kAnyNeeded);
  v("status", x.status, kNeeded);
  v("detail", x.detail, kOptional);
  v("restored_step", x.restored_step, kFromMinusOne);
}

template <class V, class T, Fields<T, Then> = 0>
void fields(V& v, T& x) {
  v("value", x.value, kNeeded);
  v("cause", x.cause, kOptional);
  v("site", x.site, kOptional);
}

template <class V, class T, Fields<T, KnobSetting> = 0>
void fields(V& v, T& x) {
  v("knob", x.knob, kNeeded);
  v("value", x.value, kNeeded);
  v("items", x.items, kOptional);
  v("cause", x.cause, kOptional);
  v("decision", x.decision, kOptional);
  v("site", x.site, kOptional);
  v("expires_step", x.expires_step, kWhenSet);
  v("then", x.then, kWhenSet);
  v("batch", x.batch, kWhenSet);
  v("unscored", x.unscored, kWhenSet);
}

template <class V, class T, Fields<T, Held> = 0>
void fields(V& v, T& x) {
  v("kind", x.kind, kNeeded);
  v("name", x.name, kNeeded);
  v("knob", x.knob, kOptional);
  v("value", x.value, kOptional);
  v("site", x.site, kWhenSet);
  v("expires_step", x.expires_step, kWhenSet);
  v("command", x.command, kWhenSet);
  v("attempt", x.attempt, kWhenSet);
  v("number", x.number, kWhenSet);
  v("outcome", x.outcome, kWhenSet);
  v("detail", x.detail, kWhenSet);
}

template <class V, class T, Fields<T, DetectorInfo> = 0>
void fields(V& v, T& x) {
  v("name", x.name, kNeeded);
  v("signal", x.signal, kNeeded);
  v("type", x.type, kNeeded);
  v("threshold", x.threshold, kOptional);
  v("unit", x.unit, kOptional);
  v("needed", x.needed, kOptional);
  v("warmup", x.warmup, kOptional);
  v("constants", x.constants, kOptional);
}

template <class V, class T, Fields<T, RuleInfo> = 0>
void fields(V& v, T& x) {
  v("name", x.name, kNeeded);
  v("when", x.when, kOptional);
  v("of", x.of, kOptional);
  v("latch", x.latch, kOptional);
  v("alert", x.alert, kOptional);
  v("sets", x.sets, kOptional);
  v("requests", x.requests, kOptional);
}

template <class V, class T, Fields<T, DetectorEvidence> = 0>
void fields(V& v, T& x) {
  v("detector", x.detector, kNeeded);
  v("signal", x.signal, kOptional);
  v("step", x.step, kFromMinusOne);
  v("quality", x.quality, kOptional);
  v("value", x.value, kOptional);
  v("statistic", x.statistic, kOptional);
  v("threshold", x.threshold, kOptional);
  v("streak", x.streak, kOptional);
  v("needed", x.needed, kOptional);
  v("n", x.n, kOptional);
  v("warmup", x.warmup, kOptional);
  v("voting", x.voting, kOptional);
}

template <class V, class T, Fields<T, RuleEvidence> = 0>
void fields(V& v, T& x) {
  v("rule", x.rule, kNeeded);
  v("state", x.state, kNeeded);
  v("votes", x.votes, kOptional);
  v("needed", x.needed, kOptional);
  v("of", x.of, kOptional);
  v("earliest_step", x.earliest_step, kFromMinusOne);
  v("fired_step", x.fired_step, kFromMinusOne);
  v("at_floor", x.at_floor, kOptional);
  v("phase", x.phase, kWhenSet);
  v("until_step", x.until_step, kWhenSet);
  v("streak", x.streak, kWhenSet);
  v("streak_needed", x.streak_needed, kWhenSet);
}

template <class V, class T, Fields<T, Alert> = 0>
void fields(V& v, T& x) {
  v("severity", x.severity, kNeeded);
  v("source", x.source, kOptional);
  v("text", x.text, kOptional);
}

template <class V, class T, Fields<T, KnobStatus> = 0>
void fields(V& v, T& x) {
  v("name", x.name, kNeeded);
  v("decided", x.decided, kOptional);
  v("sent", x.sent, kOptional);
  v("applied", x.applied, kOptional);
  v("applied_step", x.applied_step, kFromMinusOne);
  v("cause", x.cause, kOptional);
  v("decision", x.decision, kOptional);
  v("confirmed", x.confirmed, kOptional);
  v("min", x.min, kWhenSet);
  v("max", x.max, kWhenSet);
  v("limit_by", x.limit_by, kWhenSet);
  v("trip_value", x.trip_value, kWhenSet);
  v("protects", x.protects, kWhenSet);
  v("protecting", x.protecting, kWhenSet);
}

template <class V, class T, Fields<T, FateCount> = 0>
void fields(V& v, T& x) {
  v("fate", x.fate, kNeeded);
  v("values", x.values, kNeeded);
}

template <class V, class T, Fields<T, SignalStatus> = 0>
void fields(V& v, T& x) {
  v("name", x.name, kNeeded);
  v("value", x.value, kOptional);
  v("quality", x.quality, kOptional);
  v("step", x.step, kFromMinusOne);
  v("age_s", x.age_s, kOptional);
  v("fates", x.fates, kWhenSet);
  v("incomplete", x.incomplete, kWhenSet);
}

template <class V, class T, Fields<T, RequestStatus> = 0>
void fields(V& v, T& x) {
  v("id", x.id, kAnyNeeded);
  v("type", x.type, kOptional);
  v("status", x.status, kOptional);
  v("detail", x.detail, kOptional);
}

template <class V, class T, Fields<T, OverrideStatus> = 0>
void fields(V& v, T& x) {
  v("active", x.active, kOptional);
  v("knob", x.knob, kOptional);
  v("value", x.value, kOptional);
  v("operator_name", x.operator_name, kOptional);
  v("reason", x.reason, kOptional);
  v("expires_step", x.expires_step, kFromMinusOne);
}

template <class V, class T, Fields<T, Inhibited> = 0>
void fields(V& v, T& x) {
  v("rule", x.rule, kNeeded);
  v("until_step", x.until_step, kFromMinusOne);
}

// ---- bodies ----

template <class V, class T, Fields<T, Hello> = 0>
void fields(V& v, T& x) {
  v("session", x.session, kNeeded);
  v("parent_attempt", x.parent_attempt, kFromMinusOne);
  v("start_step", x.start_step, kOptional);
  v("total_steps", x.total_steps, kOptional);
  v("cadence_steps", x.cadence_steps, kOptional);
  v("hook_version", x.hook_version, kOptional);
  v("model_id", x.model_id, kOptional);
  v("reference_id", x.reference_id, kOptional);
  v("label", x.label, kOptional);
  v("canary_set", x.canary_set, kOptional);
  v("canary_digest", x.canary_digest, kOptional);
  v("canary_ids", x.canary_ids, kOptional);
  v("knobs", x.knobs, kNeeded);
  v("signals", x.signals, kNeeded);
  v("requests", x.requests, kOptional);
  v("notes", x.notes, kOptional);
  v("record", x.record, kWhenSet);
  v("position", x.position, kWhenSet);
  v("from", x.from, kWhenSet);
  v("segment", x.segment, kWhenSet);
  v("held", x.held, kWhenSet);
  v("rollbacks", x.rollbacks, kWhenSet);
  v("process", x.process, kWhenSet);
  v("guard", x.guard, kWhenSet);
  v("snapshots", x.snapshots, kWhenSet);
  v("segments", x.segments, kWhenSet);
  v("laws", x.laws, kWhenSet);
  v("key", x.key, kWhenSet);
}

template <class V, class T, Fields<T, Report> = 0>
void fields(V& v, T& x) {
  v("samples", x.samples, kNeeded);
  v("batch", x.batch, kOptional);
  v("wants_control", x.wants_control, kOptional);
  v("part", x.part, kWhenSet);
  v("weight", x.weight, kWhenSet);
}

template <class V, class T, Fields<T, Applied> = 0>
void fields(V& v, T& x) {
  v("knobs", x.knobs, kNeeded);
  v("requests", x.requests, kOptional);
  v("segment", x.segment, kOptional);
  v("source", x.source, kOptional);
  v("state_version", x.state_version, kWhenSet);
}

template <class V, class T, Fields<T, Heartbeat> = 0>
void fields(V& v, T& x) {
  v("state", x.state, kOptional);
  v("dropped", x.dropped, kOptional);
  v("journaled", x.journaled, kOptional);
  v("snapshot", x.snapshot, kWhenSet);
}

template <class V, class T, Fields<T, Goodbye> = 0>
void fields(V& v, T& x) {
  v("reason", x.reason, kNeeded);
  v("detail", x.detail, kOptional);
}

template <class V, class T, Fields<T, Welcome> = 0>
void fields(V& v, T& x) {
  v("epoch", x.epoch, kNeeded);
  v("heartbeat_ms", x.heartbeat_ms, kOptional);
  v("stale_ms", x.stale_ms, kOptional);
  v("lease_ms", x.lease_ms, kOptional);
  v.binary("policy_text", x.policy_text, kOptional);
  v("policy_digest", x.policy_digest, kOptional);
  v("mode", x.mode, kNeeded);
  v("on_loss", x.on_loss, kOptional);
  v("ack", x.ack, kOptional);
  v("record", x.record, kWhenSet);
  v("position", x.position, kWhenSet);
  v("knobs", x.knobs, kWhenSet);
  v("held", x.held, kWhenSet);
  v("rollbacks", x.rollbacks, kWhenSet);
  v("profile", x.profile, kWhenSet);
  v("laws", x.laws, kWhenSet);
}

template <class V, class T, Fields<T, Reject> = 0>
void fields(V& v, T& x) {
  v("code", x.code, kNeeded);
  v("reason", x.reason, kNeeded);
  v("ours", x.ours, kOptional);
  v("theirs", x.theirs, kOptional);
  v("retry", x.retry, kOptional);
}

template <class V, class T, Fields<T, Control> = 0>
void fields(V& v, T& x) {
  v("epoch", x.epoch, kNeeded);
  v("state_version", x.state_version, kNeeded);
  v("mode", x.mode, kNeeded);
  v("knobs", x.knobs, kNeeded);
  v("answers_batch", x.answers_batch, kOptional);
  v("valid_until_step", x.valid_until_step, kFromMinusOne);
  v("ack", x.ack, kOptional);
  v("position", x.position, kWhenSet);
  v("segment", x.segment, kWhenSet);
  v("held", x.held, kWhenSet);
  v("inhibited", x.inhibited, kWhenSet);
}

template <class V, class T, Fields<T, Request> = 0>
void fields(V& v, T& x) {
  v("epoch", x.epoch, kOptional);
  v("id", x.id, kAnyNeeded);
  v("type", x.type, kNeeded);
  v("reason", x.reason, kOptional);
  v("decision", x.decision, kOptional);
  v("before_step", x.before_step, kFromMinusOne);
}

template <class V, class T, Fields<T, Snapshot> = 0>
void fields(V& v, T& x) {
  v("epoch", x.epoch, kNeeded);
  v("number", x.number, kNeeded);
  v("part", x.part, kNeeded);
  v("parts", x.parts, kNeeded);
  v.binary("bytes", x.bytes, kNeeded);
}

template <class V, class T, Fields<T, Resend> = 0>
void fields(V& v, T& x) {
  v("epoch", x.epoch, kNeeded);
  v("from", x.from, kNeeded);
}

template <class V, class T, Fields<T, Command> = 0>
void fields(V& v, T& x) {
  v("id", x.id, kNeeded);
  v("action", x.action, kNeeded);
  v("operator_name", x.operator_name, kOptional);
  v("reason", x.reason, kOptional);
  v("knob", x.knob, kOptional);
  v("value", x.value, kOptional);
  v("rule", x.rule, kOptional);
  v("expires_after_steps", x.expires_after_steps, kOptional);
  v("expected_version", x.expected_version, kFromMinusOne);
  v("key", x.key, kWhenSet);
}

template <class V, class T, Fields<T, Query> = 0>
void fields(V& v, T& x) {
  v("id", x.id, kNeeded);
  v("what", x.what, kNeeded);
  v("from_seq", x.from_seq, kOptional);
  v("limit", x.limit, kOptional);
}

template <class V, class T, Fields<T, Reply> = 0>
void fields(V& v, T& x) {
  v("id", x.id, kNeeded);
  v("status", x.status, kNeeded);
  v("text", x.text, kOptional);
  v("last_seq", x.seq, kOptional);
  v("more", x.more, kOptional);
  v.binary("messages", x.messages, kOptional);
}

template <class V, class T, Fields<T, PolicyLoaded> = 0>
void fields(V& v, T& x) {
  v("name", x.name, kNeeded);
  v("digest", x.digest, kNeeded);
  v.binary("text", x.text, kNeeded);
  v("mode", x.mode, kOptional);
  v("detectors", x.detectors, kOptional);
  v("rules", x.rules, kOptional);
  v("request_base", x.request_base, kWhenSet);
}

template <class V, class T, Fields<T, Decision> = 0>
void fields(V& v, T& x) {
  v("id", x.id, kNeeded);
  v("because", x.because, kNeeded);
  v("state_version", x.state_version, kOptional);
  v("mode", x.mode, kOptional);
  v("policy_digest", x.policy_digest, kOptional);
  v("before", x.before, kOptional);
  v("knobs", x.knobs, kNeeded);
  v("requests", x.requests, kOptional);
  v("alerts", x.alerts, kOptional);
  v("detectors", x.detectors, kOptional);
  v("rules", x.rules, kOptional);
  v("summary", x.summary, kOptional);
}

template <class V, class T, Fields<T, LinkChange> = 0>
void fields(V& v, T& x) {
  v("state", x.state, kNeeded);
  v("detail", x.detail, kOptional);
  v("epoch", x.epoch, kOptional);
  v("from", x.from, kWhenSet);
  v("to", x.to, kWhenSet);
}
template <class V, class T, Fields<T, Tick> = 0>
void fields(V&, T&) {}

template <class V, class T, Fields<T, Adopted> = 0>
void fields(V& v, T& x) {
  v("held", x.held, kNeeded);
  v("record", x.record, kWhenSet);
  v("position", x.position, kWhenSet);
}

template <class V, class T, Fields<T, Status> = 0>
void fields(V& v, T& x) {
  v("link", x.link, kNeeded);
  v("age_s", x.age_s, kOptional);
  v("trainer_attempt", x.attempt, kOptional);
  v("segment", x.segment, kOptional);
  v("total_steps", x.total_steps, kOptional);
  v("label", x.label, kOptional);
  v("policy", x.policy, kOptional);
  v("policy_digest", x.policy_digest, kOptional);
  v("mode", x.mode, kOptional);
  v("control", x.control, kOptional);
  v("state_version", x.state_version, kOptional);
  v("epoch", x.epoch, kOptional);
  v("last_seq", x.last_seq, kOptional);
  v("run_file", x.run_file, kOptional);
  v("knobs", x.knobs, kOptional);
  v("signals", x.signals, kOptional);
  v("detectors", x.detectors, kOptional);
  v("rules", x.rules, kOptional);
  v("requests", x.requests, kOptional);
  v("alerts", x.alerts, kOptional);
  v("override", x.override_, kOptional);
  v("intervened_step", x.intervened_step, kWhenSet);
  v("end", x.end, kWhenSet);
  v("skipped", x.skipped, kWhenSet);
  v("missing", x.missing, kWhenSet);
}

// ---- envelope ----

// The kind's place in the map; its value is known from the body.
struct KindField {
  std::string_view text;
};
template <class V, class T, Fields<T, Message> = 0>
void fields(V& v, T& x) {
  v("v", x.header.version, kNeeded);
  KindField kind{kind_of(x.body)};
  v("kind", kind, kNeeded);
  v("run", x.header.run, kNeeded);
  v("seq", x.header.seq, kNeeded);
  v("step", x.header.step, Presence{true, -1});
  v("t", x.header.t, kNeeded);
  v("attempt", x.header.attempt, kOptional);
  v("src", x.header.source_seq, kOptional);
  std::visit([&v](auto& body) { fields(v, body); }, x.body);
}

}  // namespace phaseguard::wire
