#include "trainer-hook/reporter/guard.h"

#include <algorithm>
#include <utility>

#include "monitor/policy/document.h"
#include "monitor/policy/engine/playback.h"
#include "monitor/wire/codec.h"

namespace phaseguard::reporter {

namespace {

// What of a control is taken over (Machine::align), to be compared.
std::string word_of(const wire::Control& control) {
  wire::Control word;
  word.epoch = control.epoch;
  word.knobs = control.knobs;
  word.ack = control.ack;
  word.segment = control.segment;
  word.held = control.held;
  word.inhibited = control.inhibited;
  return wire::encode({wire::Header{}, std::move(word)});
}

}  // namespace

struct Guard::Parts {
  void note(Seq because, const wire::Decision& decision);

  policy::Playback settled;   // up to the last event that the daemon has recorded
  policy::Playback playback;  // and up to the newest
  std::string digest;
  std::vector<std::pair<Seq, wire::Request>> requests;  // and the event that led to each
  std::int64_t next_id = 0;                             // downwards
  std::string aligned;  // word_of() the control it agrees with; "": something was settled since
};

Guard::Guard(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Guard::Guard(Guard&&) noexcept = default;
Guard& Guard::operator=(Guard&&) noexcept = default;
Guard::~Guard() = default;

Result<Guard> Guard::create(const wire::Welcome& welcome, const wire::Message& hello) {
  const policy::Parsed parsed = policy::parse(welcome.policy_text, "the daemon's policy");
  if (!parsed.document) {
    const std::string why =
        parsed.diagnostics.empty() ? "" : ": " + parsed.diagnostics.front().message;
    return fail(Errc::kMalformed, "the policy that the daemon sent does not parse here" + why);
  }
  Result<policy::Playback> playback = policy::Playback::create(*parsed.document, hello);
  if (!playback) return tl::unexpected<Error>(playback.error());
  Guard guard(
      std::unique_ptr<Parts>(new Parts{*playback, *playback, welcome.policy_digest, {}, 0, {}}));
  const auto& opening = guard.parts_->playback.opening();
  if (opening) guard.parts_->note(hello.header.seq, *opening);
  return guard;
}

void Guard::Parts::note(Seq because, const wire::Decision& decision) {
  for (wire::Request request : decision.requests) {
    request.id = --next_id;
    request.decision = 0;
    requests.emplace_back(because, std::move(request));
  }
}

bool Guard::feed(const wire::Message& event) {
  const std::optional<wire::Decision> decision = parts_->playback.on(event);
  if (!decision) return false;
  parts_->note(event.header.seq, *decision);
  return true;
}

std::vector<wire::KnobSetting> Guard::settings() const {
  return parts_->playback.machine()->settings_to_send();
}

void Guard::settle(const wire::Message& event) {
  parts_->settled.on(event);
  parts_->aligned.clear();
}

bool Guard::is_aligned(const wire::Control& control) const {
  return !parts_->aligned.empty() && parts_->aligned == word_of(control);
}

void Guard::align(const wire::Control& control, const std::vector<wire::Message>& later) {
  parts_->settled.align(control);
  parts_->playback = parts_->settled;
  for (const wire::Message& event : later) parts_->playback.on(event);
  parts_->aligned = word_of(control);
}

Result<void> Guard::take_over(std::string_view snapshot, const std::vector<wire::Message>& later) {
  if (Result<void> read = parts_->settled.restore(snapshot); !read) return read;
  parts_->aligned.clear();
  parts_->playback = parts_->settled;
  for (const wire::Message& event : later) parts_->playback.on(event);
  return {};
}

std::vector<wire::Held> Guard::held_after(std::int64_t attempt, Seq seq) const {
  std::vector<wire::Held> held = parts_->playback.machine()->held();
  held.erase(std::remove_if(held.begin(), held.end(),
                            [&](const wire::Held& entry) {
                              return entry.attempt != attempt || entry.number <= seq.value;
                            }),
             held.end());
  return held;
}

std::vector<wire::KnobSetting> Guard::substitutes() const {
  std::vector<wire::KnobSetting> settings;
  for (const policy::KnobSpec& knob : parts_->playback.machine()->document().knobs) {
    if (knob.substitute)
      settings.push_back({knob.name, *knob.substitute, {}, wire::CauseKind::kLink, 0, {}});
  }
  return settings;
}

std::vector<wire::Request> Guard::take_requests(Seq after) {
  std::vector<wire::Request> taken;
  for (auto& [because, request] : parts_->requests) {
    if (because > after) taken.push_back(std::move(request));
  }
  parts_->requests.clear();
  return taken;
}

void Guard::forget_requests(Seq up_to) {
  auto& requests = parts_->requests;
  requests.erase(std::remove_if(requests.begin(), requests.end(),
                                [&](const auto& entry) { return entry.first <= up_to; }),
                 requests.end());
}

const std::string& Guard::policy_digest() const { return parts_->digest; }

}  // namespace phaseguard::reporter
