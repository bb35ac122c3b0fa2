// CURVE on the sockets: who comes in, who does not, and what a revocation does to those inside.
#include <chrono>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "monitor/keys/key.h"
#include "monitor/link/client.h"
#include "monitor/link/server.h"
#include "tests/support/catch.h"
#include "tests/support/folder.h"

namespace phaseguard::link {
namespace {

constexpr int kPatienceMs = 5000;
constexpr int kHopelessMs = 600;  // long enough for what must not come

// A server whose list of keys is a map: public key to id; `doors` says where each id may be.
struct Hall {
  explicit Hall(bool tcp) {
    server_key = *keys::make_pair();
    options.endpoints = endpoints_in(folder.path());
    if (tcp) {
      const Endpoint any = *parse_endpoint("tcp://127.0.0.1:*");
      options.endpoints = {any, any, any, any};
    }
    Security security;
    security.secret_key = server_key.secret_key;
    security.admit = [this](Door door, const std::string& key) {
      return ids.count(key) > 0 && doors[ids[key]] == door ? ids[key] : "";
    };
    security.takes = [this](Door door, const std::string& id) {
      return doors.count(id) > 0 && doors[id] == door;
    };
    security.connections_of_a_key = 2;
    options.security = security;
    auto bound = ServerSockets::bind(options);
    REQUIRE(bound.has_value());
    server.emplace(std::move(*bound));
  }

  keys::ClientKey granted(const std::string& id, Door door) {
    keys::ClientKey key = fresh();
    ids[key.public_key] = id;
    doors[id] = door;
    return key;
  }
  [[nodiscard]] keys::ClientKey fresh() const {
    const keys::Pair pair = *keys::make_pair();
    return {"x", keys::Role::kTrainer, pair.secret_key, pair.public_key, server_key.public_key};
  }
  DealerClient dealer(const Endpoint& endpoint, const std::optional<keys::ClientKey>& key) const {
    ClientOptions client;
    client.key = key;
    return std::move(*DealerClient::connect(endpoint.text(), client));
  }
  // Sends until a frame has come, or the time is up.
  std::vector<Incoming> hear(DealerClient& client, const std::string& frame, int patience_ms) {
    std::vector<Incoming> incoming;
    bool sent = false;
    for (int waited = 0; incoming.empty() && waited < patience_ms; waited += 20) {
      sent = sent || client.send(frame);
      server->poll(20, -1, incoming);
    }
    return incoming;
  }

  test::Folder folder;
  keys::Pair server_key;
  std::map<std::string, std::string> ids;
  std::map<std::string, Door> doors;
  ServerOptions options;
  std::optional<ServerSockets> server;
};

TEST_CASE("a granted key comes in and is known by its id", "[link][keys]") {
  for (const bool tcp : {false, true}) {
    Hall hall(tcp);
    const auto key = hall.granted("ann#1", Door::kOperator);
    auto client = hall.dealer(hall.server->endpoints().operators, key);
    const auto heard = hall.hear(client, "hello", kPatienceMs);
    REQUIRE(heard.size() == 1);
    CHECK(heard[0].key == "ann#1");
    CHECK(heard[0].door == Door::kOperator);
    CHECK_FALSE(client.handshake_failure().has_value());
    REQUIRE(hall.server->send(heard[0].peer, "answer"));
    CHECK(client.receive(kPatienceMs) == "answer");
  }
}

TEST_CASE("nobody else comes in, by any transport", "[link][keys][hostile]") {
  for (const bool tcp : {false, true}) {
    INFO((tcp ? "tcp" : "ipc"));
    Hall hall(tcp);
    const auto granted = hall.granted("ann#1", Door::kOperator);
    auto other_server = granted;
    other_server.server_key = keys::make_pair()->public_key;
    const Endpoints& at = hall.server->endpoints();
    struct Attempt {
      const char* who;
      Endpoint where;
      std::optional<keys::ClientKey> key;
    };
    for (const Attempt& attempt :
         {Attempt{"no key", at.operators, std::nullopt},
          Attempt{"a key that is not granted", at.operators, hall.fresh()},
          Attempt{"a key of another door", at.telemetry, granted},
          Attempt{"a key of another door", at.query, granted},
          Attempt{"who takes another for the server", at.operators, other_server}}) {
      INFO(attempt.who);
      auto client = hall.dealer(attempt.where, attempt.key);
      CHECK(hall.hear(client, "force", kHopelessMs).empty());
      CHECK(client.handshake_failure().has_value());
    }
    CHECK(hall.server->counters().frames_in == 0);
    CHECK(hall.server->counters().keys_refused >= 3);
  }
}

TEST_CASE("a refused key says so, and comes in after it was granted", "[link][keys]") {
  Hall hall(false);
  auto key = hall.fresh();
  auto client = hall.dealer(hall.server->endpoints().operators, key);
  CHECK(hall.hear(client, "hello", kHopelessMs).empty());
  const auto failure = client.handshake_failure();
  REQUIRE(failure.has_value());
  CHECK(failure->is_refused);
  CHECK(failure->why.find("refused this key") != std::string::npos);
  hall.ids[key.public_key] = "ann#1";
  hall.doors["ann#1"] = Door::kOperator;
  client.reopen();
  CHECK(hall.hear(client, "hello", kPatienceMs).size() == 1);
}

TEST_CASE("what a revoked key sends from then on is not read", "[link][keys]") {
  Hall hall(false);
  const auto key = hall.granted("ann#1", Door::kOperator);
  auto client = hall.dealer(hall.server->endpoints().operators, key);
  const auto heard = hall.hear(client, "before", kPatienceMs);
  REQUIRE(heard.size() == 1);
  hall.doors.erase("ann#1");
  hall.server->on_rights_taken();
  CHECK_FALSE(hall.server->send(heard[0].peer, "told to the revoked"));
  CHECK(hall.hear(client, "after", kHopelessMs).empty());
  CHECK(hall.server->counters().frames_refused == 1);
  CHECK_FALSE(client.receive(0).has_value());
  client.reopen();
  CHECK(hall.hear(client, "after", kHopelessMs).empty());
}

TEST_CASE("after a revocation the feed goes on for those who may see it", "[link][keys]") {
  for (const bool tcp : {false, true}) {
    INFO((tcp ? "tcp" : "ipc"));
    Hall hall(tcp);
    const auto stays = hall.granted("stays#1", Door::kFeed);
    const auto goes = hall.granted("goes#1", Door::kFeed);
    const auto viewer = [&](const keys::ClientKey& key) {
      ClientOptions options;
      options.key = key;
      const std::string where = hall.server->endpoints().feed.text();
      return std::move(*SubscriberClient::connect(where, {""}, options));
    };
    auto staying = viewer(stays);
    auto going = viewer(goes);
    std::vector<Incoming> none;
    const auto is_told = [&](SubscriberClient& who, const std::string& what, int patience_ms) {
      for (int waited = 0; waited < patience_ms; waited += 20) {
        hall.server->publish("run/step", what);
        hall.server->poll(20, -1, none);
        while (const auto frame = who.receive(0)) {
          if (frame->bytes == what) return true;
        }
      }
      return false;
    };
    REQUIRE(is_told(staying, "one", kPatienceMs));
    REQUIRE(is_told(going, "two", kPatienceMs));
    for (int round = 0; round < 5; ++round) {  // an ipc path is bound again and again
      hall.doors.erase("goes#1");
      hall.server->on_rights_taken();
      INFO(round);
      CHECK(is_told(staying, "three", kPatienceMs));
    }
    CHECK_FALSE(is_told(going, "four", kHopelessMs));
  }
}

TEST_CASE("a key has so many connections, and takes no one else's seat", "[link][keys][hostile]") {
  Hall hall(false);
  hall.server.reset();
  hall.options.operator_seats = 3;
  hall.server.emplace(std::move(*ServerSockets::bind(hall.options)));
  const auto greedy = hall.granted("greedy#1", Door::kOperator);
  const auto modest = hall.granted("modest#1", Door::kOperator);
  const Endpoint at = hall.server->endpoints().operators;
  auto first = hall.dealer(at, modest);
  const auto heard = hall.hear(first, "first", kPatienceMs);
  REQUIRE(heard.size() == 1);
  std::vector<DealerClient> crowd;
  for (int i = 0; i < 5; ++i) {
    crowd.push_back(hall.dealer(at, greedy));
    CHECK(hall.hear(crowd.back(), "more", kPatienceMs).size() == 1);
  }
  CHECK(hall.server->knows(heard[0].peer));
  CHECK(hall.server->taken(Door::kOperator) == 3);
}

}  // namespace
}  // namespace phaseguard::link
