#include "monitor/wire/kinds.h"

#include <type_traits>
#include <utility>
#include <vector>

namespace phaseguard::wire {

namespace {

struct Kind {
  std::string_view name;
  Body (*empty)();
};

template <class Alternative>
Body empty() {
  return Alternative{};
}

template <Report::Origin origin>
Body empty_report() {
  Report report;
  report.origin = origin;
  return report;
}

// kind_of() stays the only table of names.
void add(std::vector<Kind>& all, Body (*empty)()) { all.push_back({kind_of(empty()), empty}); }

template <class Alternative>
void add_alternative(std::vector<Kind>& all) {
  if constexpr (std::is_same_v<Alternative, Report>) {
    add(all, empty_report<Report::Origin::kStep>);
    add(all, empty_report<Report::Origin::kCanary>);
    add(all, empty_report<Report::Origin::kBatch>);
  } else {
    add(all, empty<Alternative>);
  }
}

template <std::size_t... I>
std::vector<Kind> all_of(std::index_sequence<I...>) {
  std::vector<Kind> all;
  (add_alternative<std::variant_alternative_t<I, Body>>(all), ...);
  return all;
}

}  // namespace

std::optional<Body> empty_body(std::string_view kind) {
  static const std::vector<Kind> kAll =
      all_of(std::make_index_sequence<std::variant_size_v<Body>>());
  for (const Kind& known : kAll) {
    if (known.name == kind) return known.empty();
  }
  return std::nullopt;
}

bool needs_run(const Body& body) {
  return !std::holds_alternative<Query>(body) && !std::holds_alternative<Reply>(body) &&
         !std::holds_alternative<Heartbeat>(body) && !std::holds_alternative<Reject>(body);
}

}  // namespace phaseguard::wire
