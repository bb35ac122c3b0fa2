// Who comes in at which door, how often, and what a change of the list does.
#include "monitor/daemon/doorkeeper.h"

#include <fstream>
#include <string>

#include "monitor/wire/codec.h"
#include "tests/support/catch.h"
#include "tests/support/folder.h"

namespace phaseguard::daemon {
namespace {

using keys::Role;
using link::Door;

constexpr std::int64_t kSecond = 1'000'000'000;

struct List {
  List() : keys(folder / "keys") { REQUIRE(keys.prepare().has_value()); }

  // The public key.
  std::string grant(const std::string& name, Role role, const std::string& runs = "*") const {
    const std::string key = keys::make_pair()->public_key;
    REQUIRE(keys.change([&](keys::Ledger& ledger) {
                  return ledger.grant({name, role, runs, key, false, "now"});
                })
                .has_value());
    return key;
  }
  void revoke(const std::string& name) const {
    REQUIRE(
        keys.change([&](keys::Ledger& ledger) { return ledger.revoke(name, "then"); }).has_value());
  }

  test::Folder folder;
  keys::Folder keys;
};

std::string frame_of(wire::Body body) {
  wire::Message message;
  message.body = std::move(body);
  return wire::encode(message);
}

TEST_CASE("each role has its doors", "[daemon][keys]") {
  const List list;
  struct Expected {
    Role role;
    std::string doors;  // telemetry, operator, query, feed
  };
  for (const Expected& expected :
       {Expected{Role::kTrainer, "1000"}, Expected{Role::kViewer, "0011"},
        Expected{Role::kOperator, "0111"}}) {
    const std::string name = keys::name_of(expected.role);
    const std::string key = list.grant(name, expected.role);
    auto keeper = Doorkeeper::open(list.keys.path());
    REQUIRE(keeper.has_value());
    const link::Security security = keeper->security();
    const std::string id = keys::id_of(name, key);
    for (std::size_t i = 0; i < 4; ++i) {
      INFO(name << " at door " << i);
      const auto door = static_cast<Door>(i);
      const bool open = expected.doors[i] == '1';
      CHECK(security.admit(door, key) == (open ? id : ""));
      CHECK(security.takes(door, id) == open);
      CHECK(security.admit(door, keys::make_pair()->public_key).empty());
      CHECK_FALSE(security.takes(door, "nobody#0"));
      CHECK_FALSE(security.takes(door, ""));
    }
  }
}

TEST_CASE("a change of the list is in force at the next look", "[daemon][keys]") {
  const List list;
  const std::string ann = list.grant("ann", Role::kOperator, "team-a-*");
  auto keeper = Doorkeeper::open(list.keys.path());
  REQUIRE(keeper.has_value());
  const std::string id = keys::id_of("ann", ann);
  CHECK_FALSE(keeper->look()->any);
  CHECK(keeper->access_of(id).key == id + " operator");
  CHECK(keeper->access_of(id).runs == "team-a-*");

  list.grant("bob", Role::kViewer);
  auto change = *keeper->look();
  CHECK(change.any);
  CHECK_FALSE(change.rights_taken);

  list.revoke("ann");
  change = *keeper->look();
  CHECK(change.rights_taken);
  CHECK(keeper->security().admit(Door::kOperator, ann).empty());
  CHECK_FALSE(keeper->security().takes(Door::kOperator, id));
  CHECK(keeper->access_of(id).runs.empty());
  CHECK_FALSE(matches(keeper->access_of(id).runs, "team-a-1"));
}

TEST_CASE("fewer runs or another role are rights taken too", "[daemon][keys]") {
  const List list;
  const std::string key = list.grant("t", Role::kTrainer, "a-*");
  auto keeper = Doorkeeper::open(list.keys.path());
  REQUIRE(keeper.has_value());
  for (const keys::Grant& changed : {keys::Grant{"t", Role::kTrainer, "b-*", key, false, "1"},
                                     keys::Grant{"t", Role::kViewer, "*", key, false, "2"}}) {
    REQUIRE(
        list.keys.change([&](keys::Ledger& ledger) { return ledger.grant(changed); }).has_value());
    CHECK(keeper->look()->rights_taken);
    CHECK(keeper->access_of(changed.id()).runs == changed.runs);
  }
}

TEST_CASE("a list that cannot be read leaves the one in force, and is told once",
          "[daemon][keys][hostile]") {
  const List list;
  const std::string ann = list.grant("ann", Role::kOperator);
  auto keeper = Doorkeeper::open(list.keys.path());
  REQUIRE(keeper.has_value());
  std::ofstream(list.keys.ledger_file(), std::ios::trunc) << "nonsense\n";
  const auto wrong = keeper->look();
  REQUIRE_FALSE(wrong.has_value());
  CHECK(wrong.error().message.find(list.keys.ledger_file() + ":1") != std::string::npos);
  CHECK_FALSE(keeper->look()->any);
  CHECK_FALSE(keeper->security().admit(Door::kOperator, ann).empty());
}

TEST_CASE("what a key sends beyond its rate is not taken, and time gives it back",
          "[daemon][keys]") {
  const List list;
  list.grant("ann", Role::kOperator);
  auto keeper = Doorkeeper::open(list.keys.path());
  REQUIRE(keeper.has_value());
  const std::string command = frame_of(wire::Command{});
  const std::string query = frame_of(wire::Query{});
  const auto taken = [&](const std::string& frame, Nanos now) {
    int n = 0;
    for (int i = 0; i < 1000; ++i)
      n += keeper->is_within_rate("ann#1", Door::kOperator, frame, now);
    return n;
  };
  CHECK(taken(command, Nanos{kSecond}) == 20);
  CHECK(taken(query, Nanos{kSecond}) == 400);  // a flood of one leaves the other
  CHECK(taken(command, Nanos{kSecond + kSecond / 10}) == 0);
  CHECK(taken(command, Nanos{3 * kSecond}) == 10);
  CHECK(taken(command, Nanos{kSecond}) == 0);  // a clock that goes back gives nothing
  CHECK(taken(command, Nanos{1000 * kSecond}) == 20);
}

}  // namespace
}  // namespace phaseguard::daemon
