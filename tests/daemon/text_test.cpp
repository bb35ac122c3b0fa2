// What the daemon writes for others to read: its log and its metrics.
#include <spdlog/logger.h>
#include <spdlog/sinks/ostream_sink.h>

#include <algorithm>
#include <sstream>

#include "monitor/daemon/log.h"
#include "monitor/daemon/metrics.h"
#include "tests/support/catch.h"
#include "tests/support/hostile.h"

using namespace phaseguard;
using Catch::Contains;

TEST_CASE("an entry of the log is one printable line", "[daemon][hostile]") {
  std::ostringstream text;
  const auto sink = std::make_shared<spdlog::sinks::ostream_sink_mt>(text);
  sink->set_formatter(daemon::log_formatter());
  spdlog::logger logger("test", sink);
  logger.warn("{}: hello refused", test::kHostileName);
  const std::string log = text.str();
  CHECK(test::came_through(log).empty());
  CHECK(std::count(log.begin(), log.end(), '\n') == 1);
  CHECK_THAT(log, Contains(" warning " + std::string(test::kHostileShown) + ": hello refused\n"));
}

TEST_CASE("no name begins a line of the metrics or ends its quotes", "[daemon][hostile]") {
  const std::string name = std::string(test::kHostileName) + "\"} 1\nphaseguard_forged 1";
  wire::Message message;
  message.header.run = *RunId::parse("r");
  wire::Status status;
  status.policy = name;
  status.mode = wire::Word<wire::Mode>::from(name);
  status.knobs.emplace_back().name = name;
  status.signals.emplace_back().name = name;
  status.rules.emplace_back().rule = name;
  message.body = status;
  const std::string text = daemon::metrics_text({}, {message}, {}, "");
  CHECK(test::came_through(text).empty());
  CHECK_THAT(text, Contains("<script>\\\"} 1\\\\nphaseguard_forged 1\","));
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    INFO(line);
    CHECK((line.rfind("# ", 0) == 0 || line.rfind("phaseguard_", 0) == 0));
    CHECK(line.rfind("phaseguard_forged", 0) != 0);
  }
}
