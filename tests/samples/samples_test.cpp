#include "trainer-hook/samples/samples.h"

#include "monitor/base/text.h"
#include "tests/support/catch.h"

using namespace phaseguard;

namespace {

std::string error_of(const std::string& jsonl, const SampleLimits& limits = {}) {
  const auto read = parse_samples(jsonl, "data.jsonl", limits);
  return read ? std::string("accepted") : read.error().message;
}

}  // namespace

TEST_CASE("prompt and messages are two ways to write one sample", "[base][samples]") {
  const auto read = parse_samples(
      "\xef\xbb\xbf{\"prompt\": \"Why?\", \"answer\": \"So.\", \"id\": 7}\n\n"
      R"({"messages": [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "So."}]})"
      "\r\n"
      R"({"prompt": "Why?", "completion": "No."})",
      "d");
  REQUIRE(read);
  REQUIRE(read->size() == 3);
  CHECK(sample_hash((*read)[0]) == sample_hash((*read)[1]));
  CHECK(sample_hash((*read)[0]) != sample_hash((*read)[2]));
  CHECK((*read)[0].line == 1);
  CHECK((*read)[1].line == 3);
  CHECK((*read)[2].answer == "No.");
}

TEST_CASE("a conversation as TRL writes it is the sample that it says", "[base][samples]") {
  const auto read = parse_samples(
      R"({"prompt": [{"role": "user", "content": "Why?"}], "completion": [{"role": "assistant", "content": "So."}]})"
      "\n"
      R"({"prompt": "Why?", "completion": [{"role": "assistant", "content": "So."}]})"
      "\n"
      R"({"prompt": [{"role": "system", "content": "Kurz."}, {"role": "user", "content": "Why?"}], "answer": "So."})",
      "d");
  REQUIRE(read);
  const TrainingSample plain{{{"user", "Why?"}}, "So.", 0};
  CHECK(sample_hash((*read)[0]) == sample_hash(plain));
  CHECK(sample_hash((*read)[1]) == sample_hash(plain));
  REQUIRE((*read)[2].prompt.size() == 2);
  CHECK((*read)[2].prompt[0].content == "Kurz.");
  CHECK((*read)[2].answer == "So.");
}

TEST_CASE("the hash is what its definition says", "[base][samples][golden]") {
  // Computed by Python's hashlib from the definition in the header.
  const TrainingSample sample{{{"system", "Kurz."}, {"user", "Warum schön?"}}, "Darum.", 9};
  CHECK(hex(sample_hash(sample)) ==
        "7310458ac628996b746b53ed57ddfad525035034e885b2c8e56f0da6f8be0678");
  // Lengths are part of it: moving a byte from one field to the next is another sample.
  CHECK(sample_hash({{{"user", "ab"}}, "c"}) != sample_hash({{{"user", "a"}}, "bc"}));
}

TEST_CASE("every bad line is named", "[base][samples][hostile]") {
  const std::string good = "{\"prompt\": \"a\", \"answer\": \"b\"}\n";
  CHECK_THAT(error_of(good + "{\"prompt\": \"a\"}\n"),
             Catch::Contains("data.jsonl:2: has no \"answer\""));
  CHECK_THAT(error_of("{\"prompt\": 3, \"answer\": \"b\"}"),
             Catch::Contains("\"prompt\" is neither a text nor a list of turns"));
  CHECK_THAT(error_of("{\"text\": \"a\"}"),
             Catch::Contains("has neither \"prompt\" nor \"messages\""));
  CHECK_THAT(error_of("{\"prompt\": \"a\", \"answer\": []}"),
             Catch::Contains("\"answer\" is neither a text nor a list of turns"));
  CHECK_THAT(error_of("{\"prompt\": \"a\", \"answer\": [1]}"),
             Catch::Contains("a message is not an object"));
  CHECK_THAT(
      error_of("{\"prompt\": \"a\", \"answer\": [{\"role\": \"user\", \"content\": \"b\"}]}"),
      Catch::Contains("expected \"assistant\""));
  CHECK_THAT(
      error_of("{\"prompt\": \"a\", \"answer\": [{\"role\": \"assistant\", \"content\": [2]}]}"),
      Catch::Contains("a message \"content\" is not a text"));
  CHECK_THAT(error_of("{\"prompt\": \"a\", \"answer\": \"b\", \"response\": \"c\"}"),
             Catch::Contains("both \"answer\" and \"response\""));
  CHECK_THAT(error_of(good + "{broken\n" + good + "[]\n"),
             Catch::Contains("data.jsonl:2: broken JSON") &&
                 Catch::Contains("data.jsonl:4: expected one JSON object"));
  CHECK_THAT(error_of("{\"prompt\": \"\xff\", \"answer\": \"\"}"),
             Catch::Contains("byte 13 is not UTF-8"));
  CHECK_THAT(error_of("{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}]}"),
             Catch::Contains("at least two"));
  CHECK_THAT(error_of("{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}, {\"role\": "
                      "\"user\", \"content\": \"b\"}]}"),
             Catch::Contains("expected \"assistant\""));
  CHECK_THAT(error_of("\n\n"), Catch::Contains("no sample at all"));
  SampleLimits limits;
  limits.max_line_bytes = 20;
  CHECK_THAT(error_of(good, limits), Catch::Contains("the limit is 20"));
  limits = {};
  limits.max_samples = 1;
  CHECK_THAT(error_of(good + good, limits), Catch::Contains("more than 1 samples"));
  limits = {};
  limits.max_errors = 2;
  CHECK_THAT(error_of("x\nx\nx\n", limits), Catch::Contains("data.jsonl:2") &&
                                                Catch::Contains("more may follow") &&
                                                !Catch::Contains("data.jsonl:3"));
}
