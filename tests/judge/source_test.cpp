// Callbacks, precomputed scores, and keys.
#include "trainer-hook/judge/source.h"

#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "tests/support/catch.h"
#include "tests/support/folder.h"
#include "trainer-hook/judge/address.h"

using namespace phaseguard;
using namespace phaseguard::judge;

namespace {

TrainingSample sample(const std::string& prompt) { return {{{"user", prompt}}, "Sure.", 0}; }
std::string hash_of(const std::string& prompt) { return hex(sample_hash(sample(prompt))); }

std::string error_of(const std::string& jsonl) {
  const auto table = TableSource::parse(jsonl, "s.jsonl");
  return table ? std::string("accepted") : table.error().message;
}

}  // namespace

TEST_CASE("a callback scores, and what it throws or invents is no score", "[judge][source]") {
  const auto source = callback_source([](const TrainingSample& one) -> double {
    const std::string& prompt = one.prompt[0].content;
    if (prompt == "throw") throw std::runtime_error("out of tea");
    if (prompt == "odd") throw 7;
    return prompt == "off" ? 6.0 : 2.5;
  });
  CHECK(source->score(sample("plain")).score == 2.5);
  CHECK(source->score(sample("off")).outcome == Outcome::kCallback);
  CHECK_THAT(source->score(sample("throw")).why, Catch::Contains("out of tea"));
  CHECK(source->score(sample("odd")).outcome == Outcome::kCallback);
}

TEST_CASE("precomputed scores are found by the sample's hash", "[judge][source]") {
  const std::string text =
      to_line({hash_of("a"), scored(4.0, Outcome::kContract), 1, "m", "r"}) +
      to_line({hash_of("b"), unscored(Outcome::kTimeout, "late"), 2, "m", "r"}) +
      to_line({hash_of("c"), scored(2.5, Outcome::kContract), 3, "m", "r"}) +
      to_line({hash_of("b"), scored(1.0, Outcome::kContract), 2, "m", "r"});
  const auto table = TableSource::parse(text, "s.jsonl");
  REQUIRE(table);
  CHECK((*table)->size() == 3);
  CHECK((*table)->rubric() == "r");
  CHECK((*table)->score(sample("a")).score == 4.0);
  CHECK((*table)->score(sample("b")).score == 1.0);
  CHECK((*table)->score(sample("c")).score == 2.5);
  CHECK((*table)->score(sample("d")).outcome == Outcome::kNotInTable);
}

TEST_CASE("a table with a mistake is refused with its line", "[judge][source][hostile]") {
  const std::string good = to_line({hash_of("a"), scored(4.0, Outcome::kContract), 1, "m", "r"});
  const std::string hash = "\"sample\": \"" + hash_of("b") + "\"";
  CHECK_THAT(error_of(good + "{nonsense\n"), Catch::Contains("s.jsonl:2: broken JSON"));
  CHECK_THAT(error_of("{" + hash + "}"), Catch::Contains("has no \"score\""));
  CHECK_THAT(error_of("{" + hash + ", \"score\": 7}"), Catch::Contains("1 to 5"));
  CHECK_THAT(error_of("{" + hash + ", \"score\": \"3\"}"), Catch::Contains("number or null"));
  CHECK_THAT(error_of("{" + hash + ", \"scores\": 3}"), Catch::Contains("unknown key"));
  CHECK_THAT(error_of("{\"sample\": \"abc\", \"score\": 3}"), Catch::Contains("64 hex"));
  CHECK_THAT(error_of("{" + hash + ", \"score\": 3, \"line\": -1}"),
             Catch::Contains("line number"));
  CHECK_THAT(error_of(good + to_line({hash_of("a"), scored(2.0, Outcome::kContract), 1, "m", "r"})),
             Catch::Contains("two scores, 4 and 2"));
  CHECK_THAT(error_of(good + to_line({hash_of("b"), scored(2.0, Outcome::kContract), 1, "n", "r"})),
             Catch::Contains("one judge in a file"));
  CHECK_THAT(error_of("{" + hash + ", \"score\": null}"), Catch::Contains("found none"));
  CHECK_THAT(error_of(""), Catch::Contains("found none"));
  CHECK_FALSE(TableSource::load("/nowhere/scores.jsonl"));
}

TEST_CASE("a key comes from the environment or a private file, and is never shown",
          "[judge][hostile]") {
  ::unsetenv("PHASEGUARD_TEST_KEY");
  CHECK_THAT(ApiKey::from_environment("PHASEGUARD_TEST_KEY").error().message,
             Catch::Contains("PHASEGUARD_TEST_KEY"));
  ::setenv("PHASEGUARD_TEST_KEY", "sk-1\r\nX-Injected: yes", 1);
  const auto injected = ApiKey::from_environment("PHASEGUARD_TEST_KEY");
  REQUIRE_FALSE(injected);
  CHECK(injected.error().message.find("sk-1") == std::string::npos);
  ::setenv("PHASEGUARD_TEST_KEY", "sk-1", 1);
  const auto key = ApiKey::from_environment("PHASEGUARD_TEST_KEY");
  REQUIRE(key);
  CHECK(key->redact("sk-1 is wrong: sk-1") == "[key] is wrong: [key]");
  CHECK(ApiKey().redact("as it was") == "as it was");

  const test::Folder folder;
  const std::string name = folder.write("key", "sk-2\n");
  ::chmod(name.c_str(), 0600);
  CHECK(ApiKey::from_file(name)->reveal() == "sk-2");
  ::chmod(name.c_str(), 0640);
  CHECK_THAT(ApiKey::from_file(name).error().message, Catch::Contains("chmod 600"));
  test::write_file(name, std::string(5000, 'k'));
  ::chmod(name.c_str(), 0600);
  CHECK_FALSE(ApiKey::from_file(name));
  std::filesystem::remove(name);
  CHECK_FALSE(ApiKey::from_file(name));
}
