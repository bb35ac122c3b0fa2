// The runner itself: it must be able to fail.
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/conformance/runner.h"
#include "tests/support/catch.h"
#include "tests/support/folder.h"

namespace fs = std::filesystem;
using namespace phaseguard;
using namespace phaseguard::conformance;

namespace {

std::string file_of(const std::string& cases) {
  return R"({"schema": "phaseguard-vectors/1", "group": "t", "tolerance": {"abs": 1e-12, "rel": 0}, "cases": [)" +
         cases + "]}";
}

std::string wilson_case(const std::string& id, const std::string& expect) {
  return R"({"id": ")" + id + R"(", "op": "wilson", "input": {"k": 1, "n": 2}, "expect": )" +
         expect + "}";
}

struct Ran {
  Result<Tally> tally;
  std::string text;
};
Ran run(const test::Folder& folder, const Options& options = {}) {
  std::ostringstream out;
  auto tally = run_folder(folder.path(), options, all_operations(), out);
  return {std::move(tally), out.str()};
}

}  // namespace

TEST_CASE("a wrong answer is reported with got and wanted", "[conformance]") {
  const test::Folder folder;
  folder.write("a.json", file_of(wilson_case("right", R"({"rate": 0.5})") + "," +
                                 wilson_case("wrong", R"({"rate": 0.5000001})")));
  const Ran ran = run(folder);
  REQUIRE(ran.tally);
  CHECK(ran.tally->passed == 1);
  CHECK(ran.tally->failed == 1);
  CHECK(ran.text == "FAIL a.json wrong (wilson): rate: got 0.5, wanted 0.5000001\n");
}

TEST_CASE("an unknown operation fails, it is not skipped", "[conformance]") {
  const test::Folder folder;
  folder.write("a.json", file_of(R"({"id": "x", "op": "telepathy", "input": {}, "expect": {}})"));
  const Ran ran = run(folder);
  REQUIRE(ran.tally);
  CHECK(ran.tally->passed == 0);
  CHECK(ran.tally->failed == 1);
  CHECK(ran.text == "FAIL a.json x (telepathy): unknown operation\n");
}

TEST_CASE("every kind of disagreement fails", "[conformance]") {
  const test::Folder folder;
  const std::string expect = GENERATE(
      R"({"error": true})", R"({"quality": "BAD"})", R"({"rate": null})", R"({"rate": "NaN"})",
      R"({"rate": [0.5]})", R"({"rate": true})", R"({"no_such_key": 1})", R"({"rate": "half"})");
  folder.write("a.json", file_of(wilson_case("x", expect)));
  const Ran ran = run(folder);
  REQUIRE(ran.tally);
  CHECK(ran.tally->failed == 1);
}

TEST_CASE("a refusal or a BAD value where a number is wanted fails", "[conformance]") {
  const test::Folder folder;
  folder.write(
      "a.json",
      file_of(
          R"({"id": "r", "op": "wilson", "input": {"k": 1, "n": 0}, "expect": {}},)"
          R"({"id": "b", "op": "js_pair", "input": {"model": ["NaN"], "reference": [0]}, "expect": {}})"));
  const Ran ran = run(folder);
  REQUIRE(ran.tally);
  CHECK(ran.tally->failed == 2);
}

TEST_CASE("the float32 path is held to its own tolerance", "[conformance]") {
  const test::Folder folder;
  // 0.1 and 0.7 are not float32 numbers: the two paths must differ, and 0 is not tolerance enough.
  folder.write(
      "a.json",
      file_of(
          R"({"id": "f", "op": "js_pair", "tolerance": {"abs": 1e-9, "rel": 0, "abs_float32": 0},
      "input": {"model": [0.1, 0.7, 3.3], "reference": [1.1, 0.2, 0.3]},
      "expect": {"full": 0.18}})"));
  const Ran ran = run(folder);
  REQUIRE(ran.tally);
  CHECK(ran.tally->failed == 1);
  CHECK(ran.text.find("(js_pair, float32): full: got ") != std::string::npos);
}

TEST_CASE("a case whose input cannot be read fails", "[conformance]") {
  const test::Folder folder;
  folder.write("a.json",
               file_of(R"({"id": "x", "op": "wilson", "input": {"n": 2}, "expect": {"rate": 0.5}},)"
                       R"({"id": "y", "op": "wilson", "expect": {"rate": 0.5}}, 7)"));
  const Ran ran = run(folder);
  REQUIRE(ran.tally);
  CHECK(ran.tally->failed == 3);
}

TEST_CASE("information keys are not compared, other keys are", "[conformance]") {
  CHECK(differences({{"value", 1.0}}, {{"value", 1.0}, {"wrong_sum", 2.0}}, {}).empty());
  CHECK(differences({{"value", 1.0}}, {{"value", 1.0}, {"sum", 2.0}}, {}).size() == 1);
  CHECK(differences({{"n", 3}}, {{"n", 4}}, {10.0, 0.0}).size() == 1);  // counts are exact
  CHECK(differences({{"v", 3.0}}, {{"v", 4.0}}, {1.0, 0.0}).empty());
}

TEST_CASE("filters choose files and operations", "[conformance]") {
  const test::Folder folder;
  folder.write("a.json", file_of(wilson_case("x", R"({"rate": 0.5})")));
  folder.write("b.json", file_of(wilson_case("y", R"({"rate": 0.5})")));
  CHECK(run(folder).tally->passed == 2);
  CHECK(run(folder, {{"b"}, {}}).tally->passed == 1);
  CHECK(run(folder, {{"b.json"}, {"wilson"}}).tally->passed == 1);
  CHECK_FALSE(run(folder, {{"c"}, {}}).tally);
  CHECK_FALSE(run(folder, {{}, {"level"}}).tally);
}

TEST_CASE("a folder that cannot be run is an error, not a pass", "[conformance]") {
  const test::Folder folder;
  CHECK_FALSE(run(folder).tally);  // no file
  folder.write("a.json", "{\"schema\": ");
  CHECK_THAT(run(folder).tally.error().message, Catch::Contains("a.json: broken JSON"));
  folder.write("a.json", R"({"schema": "something-else/1", "cases": []})");
  CHECK_THAT(run(folder).tally.error().message, Catch::Contains("expected \"schema\""));
  folder.write("a.json", R"({"schema": "phaseguard-vectors/1"})");
  CHECK_THAT(run(folder).tally.error().message, Catch::Contains("cases"));
  std::ostringstream out;
  CHECK_FALSE(run_folder(folder.path() / "nowhere", {}, all_operations(), out));
}
