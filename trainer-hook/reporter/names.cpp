#include "trainer-hook/reporter/reporter.h"

namespace phaseguard::reporter {

const char* name_of(LinkState state) noexcept {
  switch (state) {
    case LinkState::kOff:
      return "off";
    case LinkState::kConnecting:
      return "connecting";
    case LinkState::kSync:
      return "sync";
    case LinkState::kLinked:
      return "linked";
    case LinkState::kStale:
      return "stale";
    case LinkState::kLost:
      return "lost";
    case LinkState::kFenced:
      return "fenced";
    case LinkState::kRefused:
      return "refused";
    case LinkState::kDisabledError:
      return "disabled_error";
    case LinkState::kClosed:
      return "closed";
  }
  return "off";
}

const char* name_of(Source source) noexcept {
  switch (source) {
    case Source::kInitial:
      return "initial";
    case Source::kDaemon:
      return "daemon";
    case Source::kGuard:
      return "guard";
    case Source::kHold:
      return "hold";
  }
  return "initial";
}

}  // namespace phaseguard::reporter
