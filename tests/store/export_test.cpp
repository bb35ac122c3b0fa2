#include "monitor/store/export.h"

#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/run/story.h"
#include "tests/store/place.h"
#include "tests/support/hostile.h"
#include "tests/wire/samples.h"

using namespace phaseguard;

namespace {

std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

}  // namespace

TEST_CASE("CSV has one row a point with its segment and quality", "[store]") {
  const test::Place place;
  const auto file = place.file("story");
  auto story = test::story();
  auto writer = test::open_writer(file, *RunId::parse("story"));
  test::record(writer, story.messages);
  std::ostringstream out;
  REQUIRE(store::export_csv(test::open_reader(file), out).has_value());
  const auto rows = lines(out.str());
  REQUIRE(rows.size() == 14);
  REQUIRE(rows[0] == "seq,t,attempt,segment,step,signal,value,quality");
  REQUIRE(rows[1] == "4,1750000003,1,0,0,canary/js,0.01,good");
  REQUIRE(rows[6] == "6,1750000005,1,0,5,canary/js/c02,NaN,bad");
  REQUIRE(rows[8] == "8,1750000007,1,0,8,judge/score,1.5,bad");
  REQUIRE(rows[9] == "12,1750000011,1,1,1,train/loss,2.5,good");
  REQUIRE(rows[13] == "17,1750000016,2,0,6,train/loss,2.25,good");
}

TEST_CASE("JSONL has every message with names for what JSON cannot say", "[store]") {
  const test::Place place;
  auto messages = wire::samples();
  const RunId run = messages.front().header.run;
  const auto file = place.file(run.text());
  auto writer = test::open_writer(file, run);
  test::record(writer, messages);
  std::ostringstream out;
  REQUIRE(store::export_jsonl(test::open_reader(file), out).has_value());
  const auto rows = lines(out.str());
  REQUIRE(rows.size() == messages.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto json = nlohmann::json::parse(rows[i]);
    REQUIRE(json.at("kind") == wire::kind_of(messages[i].body));
    REQUIRE(json.at("seq") == static_cast<std::int64_t>(i) + 1);
    if (json.at("kind") == "policy") REQUIRE(json.at("text") == "version = 1\nname = \"hybrid\"\n");
    if (json.at("kind") == "step") {
      REQUIRE(json.at("samples").at(1).at("value") == "NaN");
      REQUIRE(json.at("samples").at(2).at("items").at(1) == "-Infinity");
    }
  }
}

TEST_CASE("a hostile name forges no row, runs no formula, and reads back from JSON",
          "[store][hostile]") {
  const test::Place place;
  const auto file = place.file("story");
  test::Story story;
  wire::Hello hello = test::hello();
  hello.canary_ids = {test::kHostileName, "=cmd()"};
  hello.notes = {test::kHostileName};
  story.add(0, hello);
  story.add(1, test::report(wire::Report::Origin::kCanary,
                            {test::sample("canary/js", 0.1, {0.1, 0.1}),
                             test::sample("=cmd(\"a\",1)", 2.0), test::sample("-3", 4.0)}));
  auto writer = test::open_writer(file, *RunId::parse("story"));
  test::record(writer, story.messages);
  std::ostringstream csv, json;
  REQUIRE(store::export_csv(test::open_reader(file), csv).has_value());
  REQUIRE(store::export_jsonl(test::open_reader(file), json).has_value());
  CHECK(test::came_through(csv.str()).empty());
  CHECK(test::came_through(json.str()).empty());
  const auto rows = lines(csv.str());
  REQUIRE(rows.size() == 6);
  CHECK_THAT(rows[2], Catch::Contains(",canary/js/" + std::string(test::kHostileShown) + ",0.1,"));
  CHECK_THAT(rows[4], Catch::Contains(",\"'=cmd(\"\"a\"\",1)\",2,"));
  CHECK_THAT(rows[5], Catch::Contains(",-3,4,"));
  const auto recorded = nlohmann::json::parse(lines(json.str()).at(0));
  CHECK(recorded.at("notes").at(0) == test::kHostileName);
}

TEST_CASE("an output that fails is an error", "[store][fault]") {
  const test::Place place;
  const auto file = place.file("story");
  auto story = test::story();
  auto writer = test::open_writer(file, *RunId::parse("story"));
  test::record(writer, story.messages);
  std::ofstream full("/dev/full");
  REQUIRE(store::export_csv(test::open_reader(file), full).error().code == Errc::kIo);
}
