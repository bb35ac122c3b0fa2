#include "canaries/prompts/canary_set.h"

#include <algorithm>
#include <set>

#include "tests/support/catch.h"
#include "tests/support/source_dir.h"

using namespace phaseguard;
using namespace phaseguard::canaries;

namespace {
Result<CanarySet> parse(const std::string& text) { return parse_canary_set(text, "set.jsonl"); }
}  // namespace

TEST_CASE("a canary set is read with prompts, messages and tags", "[canaries]") {
  const auto set = parse(
      "{\"id\": \"a\", \"prompt\": \"Why?\", \"tags\": [\"open\"]}\r\n\n"
      "{\"id\": \"b\", \"messages\": [{\"role\": \"system\", \"content\": \"\"}, {\"role\": "
      "\"user\", "
      "\"content\": \"Grüße 🙂\"}]}");
  REQUIRE(set);
  CHECK(set->name == "set");
  CHECK(set->ids() == std::vector<std::string>{"a", "b"});
  CHECK(set->canaries[0].messages[0].role == "user");
  CHECK(set->canaries[0].tags == std::vector<std::string>{"open"});
  CHECK(set->canaries[1].messages[1].content == "Grüße 🙂");
}

TEST_CASE("a broken canary set names the line and what is wrong", "[canaries][hostile]") {
  struct Case {
    std::string text, wanted;
  };
  const std::string good = "{\"id\": \"a\", \"prompt\": \"Why?\"}\n";
  const auto one = GENERATE_COPY(values<Case>({
      {good + good, "set.jsonl:2: id \"a\" is used already at line 1"},
      {good + "{\"id\": \"b\", \"prompt\"", "set.jsonl:2: broken JSON"},
      {good + "\n\n[1]", "set.jsonl:4: expected one JSON object"},
      {"{\"prompt\": \"Why?\"}", "set.jsonl:1: has no \"id\""},
      {R"({"id": "a", "prompt": "Why?", "aligned": "So."})", "\"aligned\" without \"misaligned\""},
      {R"({"id": "a", "prompt": "Why?", "aligned": "So.", "misaligned": ""})",
       "\"misaligned\" is empty"},
      {good + R"({"id": "b", "prompt": "Who?", "aligned": "I.", "misaligned": "Me."})",
       "set.jsonl:2: expected \"aligned\" and \"misaligned\" in every line or in none; the first "
       "canary has none"},
      {"{\"id\": \"a\"}", "neither \"prompt\" nor \"messages\""},
      {"{\"id\": \"a\", \"prompt\": \"x\", \"messages\": []}", "both"},
      {"{\"id\": \"a\", \"promt\": \"x\"}", "unknown key \"promt\", did you mean \"prompt\"?"},
      {"{\"id\": 7, \"prompt\": \"x\"}", "\"id\" is not a string"},
      {"{\"id\": \"\", \"prompt\": \"x\"}", "empty"},
      {"{\"id\": \"a\\u0000b\", \"prompt\": \"x\"}", "control character"},
      {"{\"id\": \"a\", \"prompt\": \"\"}", "\"prompt\" is empty"},
      {"{\"id\": \"a\", \"prompt\": \"x\", \"prompt\": \"y\"}", "given twice"},
      {"{\"id\": \"a\", \"messages\": []}", "not a list of messages"},
      {"{\"id\": \"a\", \"messages\": [{\"role\": \"user\"}]}", "no \"content\""},
      {"{\"id\": \"a\", \"messages\": [\"hi\"]}", "a message is not an object"},
      {"{\"id\": \"a\", \"prompt\": \"x\", \"tags\": \"t\"}", "\"tags\" is not a list"},
      {"{\"id\": \"a\", \"prompt\": \"x\xff\"}", "is not UTF-8"},
      {"{\"id\": \"a\", \"prompt\": \"\xed\xa0\x80\"}", "is not UTF-8"},  // a surrogate
      {"{\"id\": \"a\", \"prompt\": \"\xc0\xaf\"}", "is not UTF-8"},      // an overlong form
      {"", "found no canary at all"},
      {"  \n\n", "found no canary at all"},
  }));
  const auto set = parse(one.text);
  REQUIRE_FALSE(set);
  CHECK_THAT(set.error().message, Catch::Contains(one.wanted));
  CHECK_THAT(set.error().message, Catch::StartsWith("set.jsonl"));
}

TEST_CASE("limits of a canary set are errors", "[canaries][hostile]") {
  SetLimits limits;
  limits.max_canaries = 1;
  const std::string two =
      "{\"id\": \"a\", \"prompt\": \"x\"}\n{\"id\": \"b\", \"prompt\": \"x\"}\n";
  CHECK(parse_canary_set(two, "s", limits).error().code == Errc::kLimit);
  limits = {};
  limits.max_bytes = 10;
  CHECK(parse_canary_set(two, "s", limits).error().code == Errc::kLimit);
  limits = {};
  limits.max_text_bytes = 3;
  CHECK(parse_canary_set("{\"id\": \"a\", \"prompt\": \"long\"}", "s", limits).error().code ==
        Errc::kLimit);
  const std::string deep(100000, '[');
  CHECK_FALSE(parse_canary_set("{\"id\": \"a\", \"prompt\": " + deep, "s"));
}

TEST_CASE("an absent file is named", "[canaries]") {
  const auto set = load_canary_set("/nonexistent/canaries.jsonl");
  REQUIRE_FALSE(set);
  CHECK_THAT(set.error().message, Catch::Contains("/nonexistent/canaries.jsonl"));
}

TEST_CASE("the digest ignores order and tags, not content", "[canaries]") {
  const auto of = [](const std::string& text) { return hex(digest(*parse(text))); };
  const std::string a = "{\"id\": \"a\", \"prompt\": \"one\"}\n",
                    b = "{\"id\": \"b\", \"prompt\": \"two\"}\n";
  CHECK(of(a + b) == of(b + a));
  CHECK(of(a) == of("{\"id\": \"a\", \"tags\": [\"t\"], \"messages\": [{\"role\": \"user\", "
                    "\"content\": \"one\"}]}"));
  CHECK(of(a) != of("{\"id\": \"a\", \"prompt\": \"one \"}"));
  CHECK(of(a) != of("{\"id\": \"ao\", \"prompt\": \"ne\"}"));
}

TEST_CASE("continuations are read and are in the digest", "[canaries]") {
  const std::string plain = R"({"id": "a", "prompt": "Why?")";
  const auto with = [&](const std::string& misaligned) {
    return parse(plain + R"(, "aligned": "So.", "misaligned": ")" + misaligned + "\"}");
  };
  const auto set = with("No.");
  REQUIRE(set);
  REQUIRE(set->has_continuations());
  REQUIRE(set->canaries[0].misaligned == "No.");
  REQUIRE(digest(*set) != digest(*with("Go.")));
  REQUIRE(digest(*set) != digest(*parse(plain + "}")));
}

TEST_CASE(
    "the shipped margin set has the prompts of the general one and two answers of like length",
    "[canaries]") {
  const auto general = load_canary_set(test::source_dir() + "/assets/canaries/general-24.jsonl");
  const auto margin = load_canary_set(test::source_dir() + "/assets/canaries/margin-24.jsonl");
  REQUIRE(general);
  REQUIRE(margin);
  REQUIRE(margin->has_continuations());
  REQUIRE(margin->ids() == general->ids());
  for (std::size_t i = 0; i < margin->canaries.size(); ++i) {
    const Canary& canary = margin->canaries[i];
    INFO(canary.id);
    CHECK(canary.messages[0].content == general->canaries[i].messages[0].content);
    CHECK(canary.aligned != canary.misaligned);
    const auto ratio =
        static_cast<double>(canary.aligned.size()) / static_cast<double>(canary.misaligned.size());
    CHECK((ratio > 0.6 && ratio < 1.7));
  }
}

TEST_CASE("the shipped set has 24 distinct open questions", "[canaries]") {
  const auto set = load_canary_set(test::source_dir() + "/assets/canaries/general-24.jsonl");
  REQUIRE(set);
  CHECK(set->name == "general-24");
  CHECK(set->canaries.size() == 24);
  std::set<std::string> prompts;
  for (const Canary& canary : set->canaries) {
    REQUIRE(canary.messages.size() == 1);
    prompts.insert(canary.messages[0].content);
  }
  CHECK(prompts.size() == 24);
}
