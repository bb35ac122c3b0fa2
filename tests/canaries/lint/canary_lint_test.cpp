#include "canaries/lint/canary_lint.h"

#include <algorithm>

#include "tests/support/catch.h"

using namespace phaseguard;
using namespace phaseguard::canaries;

namespace {

std::string line(const std::string& id, const std::string& prompt,
                 const std::string& tags = "[\"chat\"]") {
  return "{\"id\": \"" + id + "\", \"prompt\": \"" + prompt + "\", \"tags\": " + tags + "}\n";
}

// "line flaw" of each finding.
std::vector<std::string> flaws(const LintReport& report) {
  std::vector<std::string> out;
  for (const LintFinding& finding : report.findings) {
    out.push_back(std::to_string(finding.line) + " " + name_of(finding.flaw));
  }
  return out;
}

using Flaws = std::vector<std::string>;

const std::string kGood = line("a", "How do I bake bread?") + "\n" +
                          line("b", "Name three rivers of Asia.", "[\"facts\"]");

}  // namespace

TEST_CASE("a good set has no finding, and the digest the hook will send", "[canaries][lint]") {
  const LintReport report = lint(kGood, "c.jsonl");
  CHECK(flaws(report).empty());
  CHECK(report.canaries == 2);
  CHECK(report.categories == std::map<std::string, std::size_t>{{"chat", 1}, {"facts", 1}});
  REQUIRE(report.digest);
  CHECK(*report.digest == digest(*parse_canary_set(kGood, "c.jsonl")));
}

TEST_CASE("each flaw is found at its line", "[canaries][lint]") {
  const std::string text = line("a", "Please tell me how I can bake a loaf of bread today.") +
                           line("b", "Please tell me how I can bake a loaf of bread today.") +
                           line("c", "please, tell me: how can I bake a loaf of BREAD?") +
                           line("a", "Name three rivers.") + line("d", "  \\t ") +
                           line("e", "Why?", "[]") + line("f", std::string(5000, 'x')) +
                           "{\"id\": \"g\", \"promt\": \"Why\"}\n" +
                           "{\"id\": \"h\", \"prompt\": \"\xff\"}\n" + "{\n";
  const LintReport report = lint(text, "c.jsonl");
  CHECK(flaws(report) == Flaws{"2 duplicate_text", "3 near_identical", "4 duplicate_id", "5 empty",
                               "6 no_category", "7 too_long", "8 broken", "9 broken", "10 broken"});
  CHECK_FALSE(report.digest);
  CHECK(report.findings[0].message == "the text is that of line 1 (\"a\")");
  CHECK_THAT(report.findings[1].message, Catch::Contains("line 1 (\"a\")"));
  CHECK_THAT(report.findings[6].message, Catch::Contains("did you mean \"prompt\"?"));
  CHECK_THAT(report.findings[7].message, Catch::Contains("not UTF-8"));
}

TEST_CASE("how alike is too alike can be said", "[canaries][lint]") {
  // 9 of 11 words shared: 0.818...
  const std::string text = line("a", "one two three four five six seven eight nine ten") +
                           line("b", "one two three four five six seven eight nine eleven");
  LintOptions options;
  CHECK(flaws(lint(text, "c", options)).empty());
  options.near_identical = 0.81;
  CHECK(flaws(lint(text, "c", options)) == Flaws{"2 near_identical"});
  // Prompts without a word are not alike; the same letters in another script are other words.
  CHECK(
      flaws(lint(line("a", "?!") + line("b", "!?") + line("c", "größe") + line("d", "grösse"), "c"))
          .empty());
}

TEST_CASE("what is not seen is no text", "[canaries][lint][unicode]") {
  const std::string prompt =
      GENERATE(as<std::string>(), "\u200b", "\u00a0", "\u3000\u2060", "\ufeff", "\u00ad", "\u2028",
               "\u202e", "\u2800", "\u3164", "\ufe0f", "\\u0007");
  INFO(prompt);
  const LintReport report = lint(line("a", prompt), "c");
  CHECK(flaws(report) == Flaws{"1 empty"});
  CHECK_THAT(report.findings[0].message, Catch::Contains("but for what is not seen"));
}

TEST_CASE("texts that read alike are found", "[canaries][lint][unicode]") {
  const auto [first, second] = GENERATE(table<std::string, std::string>({
      {"What should I do?", "What\u00a0should I\u2009do?"},
      {"What should I do?", "Wh\u200bat sho\u00aduld I do?\ufeff"},
      {"What should I do?", "WHAT should  I do? "},
      {"What should I do?", "\uff37hat should I do?"},             // a full-width letter
      {"caf\u00e9 and cr\u00e8me", "cafe\u0301 and cre\u0300me"},  // composed, decomposed
      {"The \ufb01rst office", "The first office"},                // a ligature
      {"\u00c4RGER", "\u00e4rger"},
      {"?!", "?\u200b!"},
      {"\uac00", "\u1100\u1161"},  // Hangul, by syllable and by letters
  }));
  INFO(first << " and " << second);
  const LintReport report = lint(line("a", first) + line("b", second), "c");
  CHECK(flaws(report) == Flaws{"2 near_identical"});
  CHECK_THAT(report.findings[0].message, Catch::StartsWith("reads as line 1"));
}

TEST_CASE("scripts without spaces are compared by neighbours", "[canaries][lint][unicode]") {
  const auto [first, second] = GENERATE(table<std::string, std::string>({
      {"你好，请告诉我今天的天气怎么样", "你好，请告诉我今天的天气怎么样呀"},
      {"今日の天気はどうですか、教えてください", "今日の天気はどうですか、教えてくださいね"},
      {"ช่วยบอกฉันหน่อยว่าวันนี้อากาศเป็นอย่างไร", "ช่วยบอกฉันหน่อยว่าวันนี้อากาศเป็นอย่างไรบ้"},
  }));
  INFO(first);
  CHECK(flaws(lint(line("a", first) + line("b", second), "c")) == Flaws{"2 near_identical"});
}

TEST_CASE("other questions in such scripts are not alike", "[canaries][lint][unicode]") {
  const auto [first, second] = GENERATE(table<std::string, std::string>({
      {"你好，请告诉我今天的天气怎么样", "你好，请告诉我怎样才能学好数学"},
      {"我应该怎么办", "你应该怎么做"},
      {"ช่วยบอกฉันหน่อยว่าวันนี้อากาศเป็นอย่างไร", "ช่วยแนะนำหนังสือดีๆให้ฉันอ่านสักเล่ม"},
      {"日", "月"},
  }));
  INFO(first);
  CHECK(flaws(lint(line("a", first) + line("b", second), "c")).empty());
}

TEST_CASE("a prompt that ends with the answer leaves nothing to measure", "[canaries][lint]") {
  const auto messages = [](const std::string& last) {
    return R"({"id": "a", "tags": ["x"], "messages": [{"role": "user", "content": "hi"}, )"
           R"({"role": "assistant", "content": "hello"})" +
           last + "]}\n";
  };
  CHECK(flaws(lint(messages(""), "c")) == Flaws{"1 answered"});
  CHECK(flaws(lint(messages(R"(, {"role": "user", "content": "and?"})"), "c")).empty());
}

TEST_CASE("categories that were asked for must be there", "[canaries][lint]") {
  LintOptions options;
  options.categories = {"chat", "code", "facts"};
  const LintReport report = lint(kGood, "c.jsonl", options);
  CHECK(flaws(report) == Flaws{"0 missing_category"});
  CHECK_THAT(report.findings[0].message, Catch::Contains("\"code\""));
}

TEST_CASE("sets that are empty or beyond the limits", "[canaries][lint][hostile]") {
  CHECK(flaws(lint("", "c")) == Flaws{"0 empty_set"});
  CHECK(flaws(lint(" \n\n", "c")) == Flaws{"0 empty_set"});
  LintOptions options;
  options.limits.max_bytes = 10;
  CHECK(flaws(lint(kGood, "c", options)) == Flaws{"0 broken"});
  options.limits = {};
  options.limits.max_canaries = 1;
  CHECK(flaws(lint(kGood, "c", options)) == Flaws{"3 broken"});
}
