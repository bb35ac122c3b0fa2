// One policy played over the events of one run. The only place that knows which hello begins a
// policy, whose constants it runs with, which messages it hears and which event a recorded decision
// answers. The daemon (live, and when it takes a record up again), verify, replay, backtest, policy
// tests, pre-flight and the trainer's guard all play through it, so that they cannot differ. Pure;
// owned by one thread; a copy goes on by itself.
//
// 1. A policy of the caller's: create(document, hello), then on(event) for each event after it.
// 2. The policy of a record: Playback(), then follow(message) for each message from the first.
//
// New attempts (Hello) and new segments (Applied) are events like all others: see machine.h.
#pragma once

#include <optional>
#include <string_view>

#include "monitor/base/result.h"
#include "monitor/policy/document.h"
#include "monitor/policy/engine/machine.h"
#include "monitor/wire/messages.h"

namespace phaseguard::policy {

class Playback {
 public:
  Playback() = default;

  // `hello`: the run's first Hello. Errors: the policy does not fit it (machine.h).
  [[nodiscard]] static Result<Playback> create(const Document& document,
                                               const wire::Message& hello);

  // The next event; gives what the policy decides on it. Nothing before it has begun, and nothing
  // for a Decision, which is an answer and no event.
  std::optional<wire::Decision> on(const wire::Message& event);

  // The next message of a record, as on(). The policy begins at a PolicyLoaded, with the newest
  // Hello before it and the constants recorded in it. Errors, which name the seq: no Hello before
  // it; the policy does not parse, is not the recorded one, or does not fit.
  [[nodiscard]] Result<std::optional<wire::Decision>> follow(const wire::Message& message);

  // Machine::align(): of a trainer's own copy, never of a record.
  void align(const wire::Control& control);

  // Machine::restore(): of a trainer's own copy too. Errors: it has not begun; those of the bytes.
  [[nodiscard]] Result<void> restore(std::string_view snapshot);

  // What the hello that began it led to. In no record: what is in force at the start is not a
  // decision of the run.
  [[nodiscard]] const std::optional<wire::Decision>& opening() const { return opening_; }

  // Of the newest event heard: a Decision that is recorded next answers it, and has its step.
  [[nodiscard]] const wire::Header& event() const { return event_; }

  // Null: not begun.
  [[nodiscard]] const Machine* machine() const { return machine_ ? &*machine_ : nullptr; }

 private:
  Result<void> begin(const Document& document, const wire::Message& hello);
  Result<void> begin_recorded(const wire::Message& message, const wire::PolicyLoaded& loaded);

  std::optional<wire::Message> hello_;  // follow(): the newest
  std::optional<Machine> machine_;
  std::optional<wire::Decision> opening_;
  wire::Header event_;
};

}  // namespace phaseguard::policy
