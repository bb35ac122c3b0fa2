#include "monitor/wire/signals.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "monitor/base/text.h"
#include "tests/support/catch.h"
#include "tests/support/folder.h"
#include "tests/support/source_dir.h"
#include "tests/support/words.h"

namespace phaseguard::wire {
namespace {

static_assert(find_signal("canary/js")->unit == "nats");
static_assert(find_signal("drift/blunt")->name == "drift/*");
static_assert(find_signal("drift/") == nullptr && find_signal("drift") == nullptr);
static_assert(find_signal("canary/js/c01") == nullptr && find_signal("mine/score") == nullptr);
static_assert(find_signal("") == nullptr && group_of("train/loss") == "train");
static_assert(group_of("odd") == "odd");

std::string bound(double value) {
  if (value == kNoLimit) return "∞";
  if (value == -kNoLimit) return "−∞";
  return value == kLn2 + kRounding ? "ln 2" : value == 1.0 + kRounding ? "1" : number_text(value);
}

std::string code(std::string_view text) { return "`" + std::string(text) + "`"; }

std::string row_of(const StandardSignal& signal) {
  return "| " + code(signal.name) + " | " + std::string(signal.unit) + " | " + bound(signal.min) +
         " … " + bound(signal.max) + " | " + (signal.items ? code(text_of(*signal.items)) : "") +
         " | " + std::string(signal.help) + " |";
}

TEST_CASE("every row of the catalogue is whole, and groups stay together", "[wire]") {
  std::vector<std::string_view> groups;
  std::vector<std::string_view> names;
  for (const StandardSignal& signal : kStandardSignals) {
    INFO(std::string(signal.name));
    CHECK(std::find(names.begin(), names.end(), signal.name) == names.end());
    names.push_back(signal.name);
    if (groups.empty() || groups.back() != group_of(signal.name)) {
      groups.push_back(group_of(signal.name));
    }
    CHECK_FALSE(signal.unit.empty());
    CHECK_FALSE(signal.title.empty());
    CHECK(signal.min < signal.max);
    CHECK(signal.help.size() > 10);
    CHECK(signal.help.back() == '.');
    if (signal.beside.empty()) continue;
    const StandardSignal* host = find_signal(signal.beside);
    REQUIRE(host != nullptr);
    CHECK(host->beside.empty());  // one that has its own plot
    CHECK(host->unit == signal.unit);
  }
  REQUIRE(groups.size() == kSignalGroups.size());
  for (std::size_t i = 0; i < groups.size(); ++i) CHECK(groups[i] == kSignalGroups[i].name);
}

TEST_CASE("a standard signal is declared as the catalogue has it", "[wire]") {
  const SignalDecl js = declare_signal("canary/js", 5);
  CHECK(js.name == "canary/js");
  CHECK(js.unit == "nats");
  CHECK(js.items == "canary");
  CHECK(js.every_steps == 5);
  CHECK(js.variant.empty());
  CHECK(assess(js, kLn2) == Quality::kGood);
  CHECK(assess(js, 0.7) == Quality::kBad);
  const SignalDecl drift = declare_signal("drift/blunt");
  CHECK(drift.name == "drift/blunt");
  CHECK(drift.unit == "sd");
  CHECK(drift.every_steps == 0);
}

TEST_CASE("docs/PROTOCOL.md has the rows of the catalogue and no other", "[wire]") {
  const std::string page = test::read_file(test::source_dir() + "/docs/PROTOCOL.md");
  std::string expected = "| signal | unit | range | items | |\n|---|---|---|---|---|\n";
  for (const StandardSignal& signal : kStandardSignals) expected += row_of(signal) + "\n";
  INFO(expected);
  CHECK(page.find(expected + "\n") != std::string::npos);
}

}  // namespace
}  // namespace phaseguard::wire
