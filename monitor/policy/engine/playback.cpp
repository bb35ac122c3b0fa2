#include "monitor/policy/engine/playback.h"

#include <string>
#include <utility>
#include <variant>

namespace phaseguard::policy {

Result<Playback> Playback::create(const Document& document, const wire::Message& hello) {
  Playback playback;
  if (Result<void> begun = playback.begin(document, hello); !begun) {
    return tl::unexpected(begun.error());
  }
  return playback;
}

Result<void> Playback::begin(const Document& document, const wire::Message& hello) {
  auto machine = Machine::create(document, std::get<wire::Hello>(hello.body));
  if (!machine) return tl::unexpected(machine.error());
  machine_ = std::move(*machine);
  opening_ = on(hello);
  return {};
}

std::optional<wire::Decision> Playback::on(const wire::Message& event) {
  if (!machine_ || std::holds_alternative<wire::Decision>(event.body)) return std::nullopt;
  event_ = event.header;
  return machine_->on(event);
}

void Playback::align(const wire::Control& control) {
  if (machine_) machine_->align(control);
}

Result<void> Playback::restore(std::string_view snapshot) {
  if (!machine_) return fail(Errc::kInvalidArgument, "no policy has begun");
  return machine_->restore(snapshot);
}

Result<std::optional<wire::Decision>> Playback::follow(const wire::Message& message) {
  if (std::holds_alternative<wire::Hello>(message.body)) hello_ = message;
  const auto* loaded = std::get_if<wire::PolicyLoaded>(&message.body);
  if (loaded == nullptr) return on(message);
  if (Result<void> begun = begin_recorded(message, *loaded); !begun) {
    return tl::unexpected(begun.error());
  }
  return std::nullopt;
}

Result<void> Playback::begin_recorded(const wire::Message& message,
                                      const wire::PolicyLoaded& loaded) {
  const std::string place = "the policy at seq " + std::to_string(message.header.seq.value);
  if (!hello_) return fail(Errc::kMalformed, place + " comes before any declaration of a trainer");
  Parsed parsed = parse(loaded.text, loaded.name);
  if (!parsed.document) {
    return fail(Errc::kUnsupported,
                place + " cannot be read by this program: " + parsed.diagnostics.front().message);
  }
  Result<void> begun = adopt_constants(*parsed.document, loaded);
  if (begun) begun = begin(*parsed.document, *hello_);
  if (!begun) return fail(Errc::kMalformed, place + ": " + begun.error().message);
  event_ = message.header;
  return {};
}

}  // namespace phaseguard::policy
