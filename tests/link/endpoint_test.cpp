#include "monitor/link/endpoint.h"

#include <string>

#include "tests/support/catch.h"

namespace phaseguard::link {
namespace {

TEST_CASE("endpoints of both transports parse to what they say", "[link]") {
  const auto ipc = parse_endpoint("ipc:///run/user/1000/phaseguard/feed");
  REQUIRE(ipc.has_value());
  CHECK(ipc->transport == Endpoint::Transport::kIpc);
  CHECK(ipc->path == "/run/user/1000/phaseguard/feed");
  CHECK(ipc->text() == "ipc:///run/user/1000/phaseguard/feed");
  CHECK(check_bind(*ipc, false, LocalTcp::kNeedsKeys).has_value());

  const auto tcp = parse_endpoint("tcp://localhost:5555");
  REQUIRE(tcp.has_value());
  CHECK(tcp->text() == "tcp://127.0.0.1:5555");
  CHECK(check_connect(*tcp, false).has_value());
  CHECK(parse_endpoint("tcp://127.0.0.1:*")->port == 0);
}

TEST_CASE("what is no endpoint is refused with the text in the message", "[link][hostile]") {
  const std::string long_path = "ipc:///" + std::string(107, 'x');
  for (const std::string& text :
       {std::string(), std::string("feed"), std::string("udp://127.0.0.1:1"), std::string("ipc://"),
        std::string("ipc://relative"), std::string("ipc://@abstract"), std::string("ipc:///tmp/"),
        long_path, std::string("tcp://127.0.0.1"), std::string("tcp://:5555"),
        std::string("tcp://127.0.0.1:65536"), std::string("tcp://127.0.0.1:-1"),
        std::string("tcp://127.0.0.1:1x"), std::string("ipc:///tmp/a\0b", 14)}) {
    INFO(text);
    const auto endpoint = parse_endpoint(text);
    REQUIRE_FALSE(endpoint.has_value());
    CHECK(endpoint.error().code == Errc::kInvalidArgument);
    CHECK(endpoint.error().message.find("expected") != std::string::npos);
  }
  CHECK(parse_endpoint("ipc:///" + std::string(106, 'x')).has_value());
}

TEST_CASE("beyond loopback nothing is opened without keys", "[link][hostile]") {
  for (const char* text :
       {"tcp://0.0.0.0:5555", "tcp://*:5555", "tcp://192.168.1.2:5555", "tcp://eth0:5555",
        "tcp://127.0.0.1.example.org:5555", "tcp://127.0.0:5555", "tcp://127.0.0.256:5555",
        "tcp://[::1]:5555", "tcp://128.0.0.1:5555"}) {
    INFO(text);
    const auto endpoint = parse_endpoint(text);
    REQUIRE(endpoint.has_value());
    for (const auto& allowed :
         {check_bind(*endpoint, false, LocalTcp::kNeedsKeys),
          check_bind(*endpoint, false, LocalTcp::kOpen), check_connect(*endpoint, false)}) {
      REQUIRE_FALSE(allowed.has_value());
      CHECK(allowed.error().code == Errc::kRefused);
      CHECK(allowed.error().message.find("loopback") != std::string::npos);
    }
    CHECK(check_bind(*endpoint, true, LocalTcp::kNeedsKeys).has_value());
    CHECK(check_connect(*endpoint, true).has_value());
  }
  const Endpoint local = *parse_endpoint("tcp://127.9.8.7:1");
  CHECK(check_connect(local, false).has_value());
  CHECK(check_bind(local, false, LocalTcp::kOpen).has_value());
  CHECK(check_bind(local, true, LocalTcp::kNeedsKeys).has_value());
  CHECK(check_bind(local, false, LocalTcp::kNeedsKeys).error().message.find("--allow-local-tcp") !=
        std::string::npos);
}

TEST_CASE("the default directory is the user's own", "[link]") {
  CHECK(directory_for("/run/user/1000", 1000) == "/run/user/1000/phaseguard");
  CHECK(directory_for("", 1000) == "/tmp/phaseguard-1000");
  CHECK(directory_for("relative", 7) == "/tmp/phaseguard-7");
  CHECK(endpoints_in("/d").operators.text() == "ipc:///d/operator");
}

}  // namespace
}  // namespace phaseguard::link
