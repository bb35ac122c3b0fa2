#include "monitor/wire/kinds.h"

#include <utility>

namespace phaseguard::wire {

namespace {

// Tries the alternatives of Body in turn: kind_of() stays the only table of names.
template <std::size_t I = 0>
std::optional<Body> find_body(std::string_view kind) {
  if constexpr (I == std::variant_size_v<Body>) {
    return std::nullopt;
  } else {
    using Alternative = std::variant_alternative_t<I, Body>;
    if constexpr (std::is_same_v<Alternative, Report>) {
      for (auto origin : {Report::Origin::kStep, Report::Origin::kCanary, Report::Origin::kBatch}) {
        Report report;
        report.origin = origin;
        Body body = std::move(report);
        if (kind_of(body) == kind) return body;
      }
    } else {
      Body body{Alternative{}};
      if (kind_of(body) == kind) return body;
    }
    return find_body<I + 1>(kind);
  }
}

}  // namespace

std::optional<Body> empty_body(std::string_view kind) { return find_body(kind); }

bool needs_run(const Body& body) {
  return !std::holds_alternative<Query>(body) && !std::holds_alternative<Reply>(body) &&
         !std::holds_alternative<Heartbeat>(body) && !std::holds_alternative<Reject>(body);
}

}  // namespace phaseguard::wire
