#include "monitor/wire/messages.h"

#include <cmath>
#include <type_traits>

namespace phaseguard::wire {

namespace {

std::string_view kind_of_report(Report::Origin origin) {
  if (origin == Report::Origin::kCanary) return "canary";
  if (origin == Report::Origin::kBatch) return "batch";
  return "step";
}

struct KindOf {
  std::string_view operator()(const Report& r) const { return kind_of_report(r.origin); }
  std::string_view operator()(const Hello&) const { return "hello"; }
  std::string_view operator()(const Applied&) const { return "applied"; }
  std::string_view operator()(const Heartbeat&) const { return "heartbeat"; }
  std::string_view operator()(const Goodbye&) const { return "goodbye"; }
  std::string_view operator()(const Welcome&) const { return "welcome"; }
  std::string_view operator()(const Reject&) const { return "reject"; }
  std::string_view operator()(const Control&) const { return "control"; }
  std::string_view operator()(const Request&) const { return "request"; }
  std::string_view operator()(const Command&) const { return "command"; }
  std::string_view operator()(const Query&) const { return "query"; }
  std::string_view operator()(const Reply&) const { return "reply"; }
  std::string_view operator()(const PolicyLoaded&) const { return "policy"; }
  std::string_view operator()(const Decision&) const { return "decision"; }
  std::string_view operator()(const LinkChange&) const { return "link"; }
  std::string_view operator()(const Tick&) const { return "tick"; }
  std::string_view operator()(const Status&) const { return "status"; }
  std::string_view operator()(const Adopted&) const { return "adopted"; }
  std::string_view operator()(const Snapshot&) const { return "snapshot"; }
  std::string_view operator()(const Resend&) const { return "resend"; }
};

}  // namespace

std::string_view kind_of(const Body& body) { return std::visit(KindOf{}, body); }

Quality assess(const SignalDecl& declared, double value) {
  // JS may exceed ln 2 by rounding: 1e-6 is allowed, which the declaration's max
  // carries.
  const bool in_range = std::isfinite(value) && value >= declared.min && value <= declared.max;
  return in_range ? Quality::kGood : Quality::kBad;
}

}  // namespace phaseguard::wire
