// The daemon's sockets and the clients, over real ipc and loopback tcp.
#include <sys/eventfd.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <thread>
#include <utility>
#include <vector>
#include <zmq.hpp>

#include "monitor/link/client.h"
#include "monitor/link/server.h"
#include "monitor/wire/limits.h"
#include "tests/support/catch.h"
#include "tests/support/folder.h"
#include "tests/support/words.h"

namespace phaseguard::link {
namespace {

constexpr int kPatienceMs = 5000;  // how long a test waits for what must come

ServerOptions options_for(const Endpoints& endpoints) {
  ServerOptions options;
  options.endpoints = endpoints;
  options.local_tcp = LocalTcp::kOpen;
  return options;
}

Endpoints tcp_endpoints() {
  const Endpoint any = *parse_endpoint("tcp://127.0.0.1:*");
  return {any, any, any, any};
}

// Polls until `n` frames have come or patience ends.
std::vector<Incoming> await(ServerSockets& server, std::size_t n) {
  std::vector<Incoming> incoming;
  for (int waited = 0; incoming.size() < n && waited < kPatienceMs; waited += 50)
    server.poll(50, -1, incoming);
  return incoming;
}

// Sends until a connection is there to take it.
bool send_patiently(DealerClient& client, const std::string& frame) {
  for (int waited = 0; waited < kPatienceMs; waited += 10) {
    if (client.send(frame)) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

void round_trip(const Endpoints& endpoints) {
  auto server = ServerSockets::bind(options_for(endpoints));
  REQUIRE(server.has_value());
  auto trainer = DealerClient::connect(server->endpoints().telemetry.text());
  auto person = DealerClient::connect(server->endpoints().operators.text());
  REQUIRE(trainer.has_value());
  REQUIRE(person.has_value());

  REQUIRE(send_patiently(*trainer, "sample"));
  const auto sample = await(*server, 1);
  REQUIRE(sample.size() == 1);
  CHECK(sample[0].door == Door::kTelemetry);
  CHECK(sample[0].bytes == "sample");

  REQUIRE(send_patiently(*person, "force"));
  const auto command = await(*server, 1);
  REQUIRE(command.size() == 1);
  CHECK(command[0].door == Door::kOperator);
  CHECK(command[0].peer != sample[0].peer);

  CHECK(server->send(sample[0].peer, "control"));
  CHECK(server->send(command[0].peer, "reply"));
  CHECK(trainer->receive(kPatienceMs) == "control");
  CHECK(person->receive(kPatienceMs) == "reply");
  CHECK(server->counters().frames_in == 2);
  CHECK(server->counters().frames_out == 2);
}

TEST_CASE("frames go both ways over ipc", "[link]") {
  const test::Folder folder;
  round_trip(endpoints_in(folder.path()));
}

TEST_CASE("frames go both ways over loopback tcp", "[link]") { round_trip(tcp_endpoints()); }

TEST_CASE("a second daemon is told who holds the endpoint, and takes nothing", "[link][fault]") {
  const test::Folder folder;
  auto first = ServerSockets::bind(options_for(endpoints_in(folder.path())));
  REQUIRE(first.has_value());
  const auto second = ServerSockets::bind(options_for(endpoints_in(folder.path())));
  REQUIRE_FALSE(second.has_value());
  CHECK(second.error().code == Errc::kConflict);
  CHECK(second.error().message.find("process " + std::to_string(::getpid())) != std::string::npos);

  auto trainer = DealerClient::connect(first->endpoints().telemetry.text());
  REQUIRE(send_patiently(*trainer, "still here"));
  CHECK(await(*first, 1).size() == 1);

  Endpoints taken = tcp_endpoints();
  auto holder = ServerSockets::bind(options_for(taken));
  REQUIRE(holder.has_value());
  taken.telemetry = holder->endpoints().telemetry;
  const auto late = ServerSockets::bind(options_for(taken));
  REQUIRE_FALSE(late.has_value());
  CHECK(late.error().code == Errc::kConflict);
}

TEST_CASE("a daemon that ended leaves its endpoints free", "[link]") {
  const test::Folder folder;
  { REQUIRE(ServerSockets::bind(options_for(endpoints_in(folder.path()))).has_value()); }
  CHECK(ServerSockets::bind(options_for(endpoints_in(folder.path()))).has_value());
}

TEST_CASE("addresses that strangers reach are bound and connected by nobody", "[link][hostile]") {
  Endpoints open = tcp_endpoints();
  open.feed.host = "0.0.0.0";
  CHECK(ServerSockets::bind(options_for(open)).error().code == Errc::kRefused);
  CHECK(DealerClient::connect("tcp://10.0.0.1:5555").error().code == Errc::kRefused);
  CHECK(SubscriberClient::connect("tcp://10.0.0.1:5555", {""}).error().code == Errc::kRefused);
  CHECK(DealerClient::connect("nonsense").error().code == Errc::kInvalidArgument);
}

TEST_CASE("an oversize frame is not delivered, and other peers do not notice", "[link][hostile]") {
  auto server = ServerSockets::bind(options_for(tcp_endpoints()));
  REQUIRE(server.has_value());
  auto good = DealerClient::connect(server->endpoints().telemetry.text());
  auto bad = DealerClient::connect(server->endpoints().telemetry.text());
  REQUIRE(send_patiently(*good, "before"));
  REQUIRE(await(*server, 1).size() == 1);

  const std::size_t limit = kReadFactor * wire::kTelemetryLimits.frame_bytes;
  REQUIRE(send_patiently(*bad, std::string(limit, 'x')));
  REQUIRE(await(*server, 1).size() == 1);
  REQUIRE(send_patiently(*bad, std::string(limit + 1, 'x')));
  REQUIRE(send_patiently(*good, "after"));
  const auto after = await(*server, 1);
  REQUIRE(after.size() == 1);
  CHECK(after[0].bytes == "after");
  // The sender of the large frame was cut off, comes back by itself and is heard again.
  bool heard = false;
  for (int waited = 0; waited < kPatienceMs && !heard; waited += 20) {
    (void)bad->send("smaller");
    std::vector<Incoming> incoming;
    server->poll(20, -1, incoming);
    for (const Incoming& frame : incoming) heard = heard || frame.bytes == "smaller";
  }
  CHECK(heard);
}

TEST_CASE("a message of several frames is counted and dropped", "[link][hostile]") {
  auto server = ServerSockets::bind(options_for(tcp_endpoints()));
  zmq::context_t context(1);
  zmq::socket_t raw(context, zmq::socket_type::dealer);
  raw.set(zmq::sockopt::linger, 0);
  raw.connect(server->endpoints().telemetry.text());
  raw.send(zmq::str_buffer("one"), zmq::send_flags::sndmore);
  raw.send(zmq::str_buffer("two"), zmq::send_flags::none);
  raw.send(zmq::str_buffer("whole"), zmq::send_flags::none);
  const auto incoming = await(*server, 1);
  REQUIRE(incoming.size() == 1);
  CHECK(incoming[0].bytes == "whole");
  CHECK(server->counters().frames_misshapen == 1);
}

TEST_CASE("without a daemon a client keeps its frames and ends at once", "[link][fault]") {
  const test::Folder folder;
  auto client = DealerClient::connect("ipc://" + (folder / "telemetry"));
  REQUIRE(client.has_value());
  CHECK_FALSE(client->send("nobody there"));
  CHECK_FALSE(client->receive(1).has_value());
  client->wait(-1, 1);
  client->reopen();
  CHECK_FALSE(client->send("nobody there"));
  const auto start = std::chrono::steady_clock::now();
  client->close(200);
  // Not a speed: libzmq's default is to wait for ever. a trainer may wait 0.5 s.
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(5));
  CHECK_FALSE(client->send("closed"));
  CHECK_FALSE(client->receive(1).has_value());
}

TEST_CASE("a client that closes gets its last frames out", "[link]") {
  const test::Folder folder;
  auto server = ServerSockets::bind(options_for(endpoints_in(folder.path())));
  {
    auto client = DealerClient::connect(server->endpoints().telemetry.text());
    REQUIRE(send_patiently(*client, "1"));
    for (int i = 2; i <= 100; ++i) REQUIRE(client->send(std::to_string(i)));
    client->close(2000);
  }
  const auto incoming = await(*server, 100);
  REQUIRE(incoming.size() == 100);
  for (int i = 1; i <= 100; ++i)
    CHECK(incoming[static_cast<std::size_t>(i - 1)].bytes == std::to_string(i));
}

TEST_CASE("a peer that does not read costs a bounded outbox and no wait", "[link][fault]") {
  ServerOptions options = options_for(tcp_endpoints());
  options.high_water_frames = 2;
  options.outbox_frames = 5;
  auto server = ServerSockets::bind(options);
  // Takes nothing off its socket: a reader with a queue of one and a large kernel buffer still
  // unread.
  zmq::context_t context(1);
  zmq::socket_t lazy(context, zmq::socket_type::dealer);
  lazy.set(zmq::sockopt::linger, 0);
  lazy.set(zmq::sockopt::rcvhwm, 1);
  lazy.set(zmq::sockopt::rcvbuf, 4096);
  lazy.connect(server->endpoints().telemetry.text());
  lazy.send(zmq::str_buffer("hello"), zmq::send_flags::none);
  const auto hello = await(*server, 1);
  REQUIRE(hello.size() == 1);

  const std::string frame(60'000, 'x');
  const int n = 2000;  // 120 MB: more than any kernel buffer on the way
  for (int i = 0; i < n; ++i) REQUIRE(server->send(hello[0].peer, frame));
  CHECK(server->counters().frames_dropped > 0);
  CHECK(server->counters().frames_out + server->counters().frames_dropped + 5 ==
        static_cast<std::uint64_t>(n));
}

TEST_CASE("a peer that left is reported when something is sent to it", "[link][fault]") {
  const test::Folder folder;
  auto server = ServerSockets::bind(options_for(endpoints_in(folder.path())));
  PeerId peer = 0;
  {
    auto client = DealerClient::connect(server->endpoints().telemetry.text());
    REQUIRE(send_patiently(*client, "hello"));
    const auto hello = await(*server, 1);
    REQUIRE(hello.size() == 1);
    peer = hello[0].peer;
    CHECK(server->knows(peer));
  }
  bool gone = false;
  for (int i = 0; i < 500 && !gone; ++i) {
    gone = !server->send(peer, "control");
    std::vector<Incoming> none;
    server->poll(10, -1, none);
  }
  CHECK(gone);
  CHECK_FALSE(server->knows(peer));
  CHECK(server->counters().peers_gone == 1);
  CHECK_FALSE(server->send(999, "nobody"));
}

TEST_CASE("a newcomer takes the seat of the longest silent one, never one that is kept",
          "[link][hostile]") {
  ServerOptions options = options_for(tcp_endpoints());
  options.trainer_seats = 2;
  auto server = ServerSockets::bind(options);
  const std::string where = server->endpoints().telemetry.text();
  auto claimed = DealerClient::connect(where);
  REQUIRE(send_patiently(*claimed, "claimed"));
  const PeerId kept = await(*server, 1).at(0).peer;
  server->keep(kept, true);
  auto silent = DealerClient::connect(where);
  REQUIRE(send_patiently(*silent, "silent"));
  const PeerId evicted = await(*server, 1).at(0).peer;

  auto newcomer = DealerClient::connect(where);
  REQUIRE(send_patiently(*newcomer, "newcomer"));
  const Incoming came = await(*server, 1).at(0);
  CHECK(came.seated);
  CHECK(server->knows(kept));
  CHECK_FALSE(server->knows(evicted));
  CHECK(server->counters().peers_evicted == 1);

  // Every seat is kept: who comes is heard once, to be told so, and is gone after that.
  server->keep(came.peer, true);
  auto refused = DealerClient::connect(where);
  REQUIRE(send_patiently(*refused, "refused"));
  const Incoming over = await(*server, 1).at(0);
  CHECK_FALSE(over.seated);
  REQUIRE(send_patiently(*refused, "more"));  // before it is dropped
  CHECK_FALSE(await(*server, 1).at(0).seated);
  CHECK(server->send(over.peer, "no"));
  server->drop(over.peer);
  CHECK_FALSE(server->knows(over.peer));
  CHECK(refused->receive(2000) == "no");
  CHECK(server->counters().peers_refused == 2);

  // A run has ended: its seat is free again.
  server->keep(kept, false);
  REQUIRE(send_patiently(*refused, "again"));
  CHECK(await(*server, 1).at(0).seated);
}

TEST_CASE("of two silent peers the longer silent one gives its seat", "[link][hostile]") {
  ServerOptions options = options_for(tcp_endpoints());
  options.trainer_seats = 2;
  auto server = ServerSockets::bind(options);
  const std::string where = server->endpoints().telemetry.text();
  auto early = DealerClient::connect(where);
  auto late = DealerClient::connect(where);
  REQUIRE(send_patiently(*early, "early"));
  const PeerId first = await(*server, 1).at(0).peer;
  REQUIRE(send_patiently(*late, "late"));
  const PeerId second = await(*server, 1).at(0).peer;
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // silence is counted in ms
  REQUIRE(send_patiently(*early, "again"));
  REQUIRE(await(*server, 1).at(0).peer == first);
  auto newcomer = DealerClient::connect(where);
  REQUIRE(send_patiently(*newcomer, "newcomer"));
  CHECK(await(*server, 1).at(0).seated);
  CHECK(server->knows(first));
  CHECK_FALSE(server->knows(second));
}

TEST_CASE("seats and the time of an answered tool are those of the protocol", "[link]") {
  CHECK(ServerOptions{}.trainer_seats == 1024);
  CHECK(ServerOptions{}.operator_seats == 64);
  CHECK(ServerOptions{}.answered_ms == 2000);
  CHECK(kReadFactor * wire::kTelemetryLimits.frame_bytes == std::size_t{256} * 1024);
}

TEST_CASE("an operator's seat is free soon after its answer", "[link][hostile]") {
  ServerOptions options = options_for(tcp_endpoints());
  options.operator_seats = 1;
  options.answered_ms = 20;
  auto server = ServerSockets::bind(options);
  auto tool = DealerClient::connect(server->endpoints().operators.text());
  REQUIRE(send_patiently(*tool, "status"));
  const PeerId peer = await(*server, 1).at(0).peer;
  std::vector<Incoming> incoming;
  for (int i = 0; i < 5; ++i) server->poll(20, -1, incoming);
  CHECK(server->knows(peer));  // it waits for an answer
  REQUIRE(server->send(peer, "reply"));
  for (int i = 0; i < 100 && server->knows(peer); ++i) server->poll(20, -1, incoming);
  CHECK_FALSE(server->knows(peer));
  CHECK(tool->receive(2000) == "reply");
  // It may ask again, and one that has no answer yet makes room for another.
  REQUIRE(send_patiently(*tool, "status"));
  CHECK(await(*server, 1).at(0).seated);
  auto other = DealerClient::connect(server->endpoints().operators.text());
  REQUIRE(send_patiently(*other, "force"));
  CHECK(await(*server, 1).at(0).seated);
}

TEST_CASE("a subscriber gets the topics it asked for, from when it came", "[link]") {
  const test::Folder folder;
  auto server = ServerSockets::bind(options_for(endpoints_in(folder.path())));
  server->publish("run-a/step", "before anybody looked");
  CHECK_FALSE(server->has_viewers());
  auto viewer = SubscriberClient::connect(server->endpoints().feed.text(), {"run-a/"});
  REQUIRE(viewer.has_value());
  std::optional<FeedFrame> frame;
  int n = 0;
  for (; n < 500 && !frame; ++n) {
    server->publish("run-b/step", "of another run");
    server->publish("run-a/step", std::to_string(n));
    std::vector<Incoming> none;
    server->poll(5, -1, none);
    frame = viewer->receive(5);
  }
  REQUIRE(frame.has_value());
  CHECK(server->has_viewers());
  CHECK(frame->topic == "run-a/step");
  // What follows the first frame follows without a gap.
  int expected = std::stoi(frame->bytes);
  while (frame) {
    CHECK(frame->topic == "run-a/step");
    CHECK(frame->bytes == std::to_string(expected++));
    frame = viewer->receive(100);
  }
  CHECK(expected == n);
}

TEST_CASE("poll ends when the wake-up descriptor is readable", "[link]") {
  const test::Folder folder;
  auto server = ServerSockets::bind(options_for(endpoints_in(folder.path())));
  const int wake = ::eventfd(0, EFD_CLOEXEC);
  std::vector<Incoming> incoming;
  CHECK_FALSE(server->poll(1, wake, incoming));
  const std::uint64_t one = 1;
  REQUIRE(::write(wake, &one, sizeof one) == sizeof one);
  CHECK(server->poll(60'000, wake, incoming));
  CHECK(incoming.empty());

  auto client = DealerClient::connect(server->endpoints().telemetry.text());
  client->wait(wake, 60'000);
  ::close(wake);
}

}  // namespace
}  // namespace phaseguard::link
