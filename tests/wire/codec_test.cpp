// What the decoder accepts and what it says about the rest.
#include "monitor/wire/codec.h"

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/words.h"
#include "tests/wire/pack.h"
#include "tests/wire/samples.h"

namespace phaseguard::wire {
namespace {

Message about_r(Body body) {
  Message message{{}, std::move(body)};
  message.header.run = *RunId::parse("r");
  return message;
}

void refused(const std::string& bytes, Errc code, const std::vector<std::string>& parts) {
  const auto message = decode(bytes);
  REQUIRE_FALSE(message.has_value());
  INFO(message.error().message);
  CHECK(message.error().code == code);
  for (const std::string& part : parts) {
    INFO("looking for: " << part);
    CHECK(message.error().message.find(part) != std::string::npos);
  }
}

TEST_CASE("numbers come in any MessagePack form", "[wire]") {
  for (const std::string& seven :
       {std::string("\x07"), std::string("\xcc\x07"), "\xcd" + big_endian(7, 2),
        "\xce" + big_endian(7, 4), "\xcf" + big_endian(7, 8), std::string("\xd0\x07"),
        "\xd1" + big_endian(7, 2), "\xd2" + big_endian(7, 4), integer(7)}) {
    const auto message = decode(frame("heartbeat", {{"dropped", seven}}));
    REQUIRE(message.has_value());
    CHECK(std::get<Heartbeat>(message->body).dropped == 7);
  }
  // An integer or a float32 where a double is meant.
  const std::string half = "\xca" + big_endian(0x3f000000, 4);
  const auto message =
      decode(frame("link", {{"state", text("back")}, {"t2", half}, {"epoch", integer(3)}}));
  REQUIRE(message.has_value());
  CHECK(message->header.t == 0.0);
  const auto knob = decode(frame(
      "applied",
      {{"knobs", array32(2) + map({{"name", text("kl")}, {"value", half}}) +
                     map({{"name", text("kl")}, {"value", "\xcf" + big_endian(1ULL << 63, 8)}})}}));
  REQUIRE(knob.has_value());
  CHECK(std::get<Applied>(knob->body).knobs[0].value == 0.5);
  CHECK(std::get<Applied>(knob->body).knobs[1].value == std::ldexp(1.0, 63));
}

TEST_CASE("doubles keep their bits, signed zero and NaN among them", "[wire]") {
  Report report;
  report.samples = {{"a", -0.0, false, {}, 3.0, kNaN}};
  const auto back = decode(encode(about_r(report)));
  REQUIRE(back.has_value());
  const Sample& sample = std::get<Report>(back->body).samples[0];
  CHECK(std::signbit(sample.value));
  CHECK(sample.lower == 3.0);
  CHECK(std::isnan(sample.upper));
}

TEST_CASE("unknown keys are passed over, however deep", "[wire]") {
  const std::string deep =
      map({{"a", array32(2) + map({{"b", bin("xyz")}}) + nil()}, {"c", integer(-5)}});
  const auto message = decode(
      frame("goodbye", {{"future", deep}, {"reason", text("finished")}, {"more", text("x")}}));
  REQUIRE(message.has_value());
  CHECK(std::get<Goodbye>(message->body).reason == "finished");
  CHECK(std::get<Goodbye>(message->body).detail.empty());
}

TEST_CASE("a key that is left out keeps its default", "[wire]") {
  const auto message = decode(frame("command", {{"id", text("1")}, {"action", text("release")}}));
  REQUIRE(message.has_value());
  const auto& command = std::get<Command>(message->body);
  CHECK(command.expected_version == -1);
  CHECK(std::isnan(command.value));
  CHECK(command.expires_after_steps == 0);
  CHECK(command.reason.empty());
  const auto report =
      decode(frame("batch", {{"samples", array32(1) + map({{"signal", text("a")}})}}));
  REQUIRE(report.has_value());
  CHECK_FALSE(std::get<Report>(report->body).wants_control);
  CHECK(std::get<Report>(report->body).samples[0].items.empty());
  CHECK(std::isnan(std::get<Report>(report->body).samples[0].value));
}

TEST_CASE("the order of the keys does not matter", "[wire]") {
  const std::string bytes = map({{"reason", text("error")},
                                 {"t", integer(1)},
                                 {"step", integer(2)},
                                 {"seq", integer(3)},
                                 {"run", text("r")},
                                 {"kind", text("goodbye")},
                                 {"v", array32(2) + integer(1) + integer(9)}});
  const auto message = decode(bytes);
  REQUIRE(message.has_value());
  CHECK(std::get<Goodbye>(message->body).reason == "error");
  CHECK(message->header.version.minor == 9);  // a later minor version is read
}

TEST_CASE("another major version is refused with both versions named", "[wire][hostile]") {
  const std::string bytes = map({{"v", array32(2) + integer(2) + integer(4)}, {"new", nil()}});
  refused(bytes, Errc::kUnsupported, {"1.1", "2.4", "same major version"});
  CHECK(peek_version(bytes)->major == 2);
  CHECK(peek_version(bytes)->minor == 4);
  CHECK_FALSE(peek_version("nothing").has_value());
  // Even from a message that is otherwise broken.
  CHECK(peek_version(bytes + "tail")->major == 2);
}

TEST_CASE("an unknown kind is named, so that it can be counted", "[wire][hostile]") {
  refused(frame("telepathy", {}), Errc::kUnsupported, {"kind", "\"telepathy\""});
  refused(frame("Hello", {}), Errc::kUnsupported, {"\"Hello\""});
}

TEST_CASE("each mandatory key is missed by its name", "[wire][hostile]") {
  const std::string v = array32(2) + integer(1) + integer(0);
  refused(map({{"kind", text("tick")}}), Errc::kMalformed, {"v: expected the protocol version"});
  refused(map({{"v", v}}), Errc::kMalformed, {"kind", "missing"});
  refused(map({{"v", v}, {"kind", text("tick")}}), Errc::kMalformed, {"run", "missing"});
  refused(map({{"v", v}, {"kind", text("tick")}, {"run", text("r")}}), Errc::kMalformed,
          {"seq", "missing"});
  refused(frame("goodbye", {}), Errc::kMalformed, {"reason", "missing"});
  refused(frame("step", {{"samples", array32(1) + map({{"value", integer(1)}})}}), Errc::kMalformed,
          {"samples[0].signal", "missing"});
}

TEST_CASE("a message about a run names it; others need not", "[wire][hostile]") {
  Message message{{}, Tick{}};
  refused(encode(message), Errc::kMalformed, {"run", "tick"});
  message.body = Query{"1", QueryWhat::kRuns, Seq{}, 0};
  CHECK(decode(encode(message)).has_value());
  for (Message sample : samples()) {
    const std::string kind(kind_of(sample.body));
    sample.header.run = RunId();
    INFO(kind);
    CHECK(decode(encode(sample), kFeedLimits).has_value() ==
          (kind == "query" || kind == "reply" || kind == "heartbeat" || kind == "reject"));
  }
}

TEST_CASE("a wrong type is named with its path, what was wanted and what was found",
          "[wire][hostile]") {
  refused(frame("goodbye", {{"reason", integer(5)}}), Errc::kMalformed,
          {"reason: expected a string, found the integer 5"});
  refused(frame("goodbye", {{"reason", nil()}}), Errc::kMalformed, {"found nil"});
  refused(frame("goodbye", {{"reason", map({})}}), Errc::kMalformed, {"found a map"});
  refused(frame("goodbye", {{"reason", array32(0)}}), Errc::kMalformed, {"found an array"});
  refused(frame("step", {{"samples", map({})}}), Errc::kMalformed,
          {"samples: expected an array, found a map"});
  refused(frame("step", {{"samples", array32(2) + map({{"signal", text("a")}}) + integer(1)}}),
          Errc::kMalformed, {"samples[1]: expected a map, found the integer 1"});
  refused(frame("step", {{"samples", array32(1) + map({{"signal", text("a")},
                                                       {"items", array32(1) + text("x")}})}}),
          Errc::kMalformed, {"samples[0].items[0]: expected a number, found the string \"x\""});
  refused(frame("heartbeat", {{"dropped", "\xcb" + big_endian(0, 8)}}), Errc::kMalformed,
          {"dropped: expected an integer"});
  refused(frame("step", {{"samples", array32(0)}, {"wants_control", integer(1)}}), Errc::kMalformed,
          {"wants_control: expected a boolean"});
  refused(frame("welcome", {{"epoch", integer(1)}, {"mode", text("e")}, {"policy_text", nil()}}),
          Errc::kMalformed, {"policy_text: expected binary bytes"});
}

TEST_CASE("values outside their range are refused", "[wire][hostile]") {
  refused(frame("heartbeat", {{"dropped", integer(-1)}}), Errc::kMalformed, {">= 0", "-1"});
  refused(frame("heartbeat", {{"dropped", "\xcf" + big_endian(~0ULL, 8)}}), Errc::kMalformed,
          {"dropped", "2^63"});
  refused(frame("request",
                {{"id", integer(1)}, {"type", text("rollback")}, {"before_step", integer(-2)}}),
          Errc::kMalformed, {"before_step", ">= -1"});
  refused(frame("status",
                {{"link", text("active")},
                 {"signals", array32(1) + map({{"name", text("a")}, {"quality", text("fine")}})}}),
          Errc::kMalformed, {"signals[0].quality", "\"good\", \"bad\" or \"missing\"", "fine"});
  for (const char* run : {"../x", "a/b", "..", "a b"}) {
    Message message;
    message.body = Query{"1", QueryWhat::kRuns, Seq{}, 0};
    std::string bytes = encode(message);
    const std::string empty_run = std::string("\xa3run\xa0");
    bytes.replace(bytes.find(empty_run), empty_run.size(), text("run") + text(run));
    refused(bytes, Errc::kMalformed, {"run: expected a run's name"});
  }
  refused(map({{"v", array32(2) + integer(1) + integer(70000)}}), Errc::kMalformed, {"v:"});
  refused(map({{"v", array32(3) + integer(1) + integer(0) + integer(0)}, {"kind", text("tick")}}),
          Errc::kMalformed, {"v: expected an array of two integers, found an array of 3"});
}

TEST_CASE("the guard's own requests carry negative ids", "[wire]") {
  const Applied applied{
      {}, {{-3, Outcome::kDone, "restored snapshot of step 0", Step{0}}}, 1, Source::kGuard};
  const auto back = decode(encode(about_r(applied)));
  REQUIRE(back.has_value());
  CHECK(std::get<Applied>(back->body).requests[0].id == -3);
}

TEST_CASE("a short text may come as str where bin is meant", "[wire]") {
  const auto message = decode(
      frame("policy", {{"name", text("p")}, {"digest", text("d")}, {"text", text("version = 1")}}));
  REQUIRE(message.has_value());
  CHECK(std::get<PolicyLoaded>(message->body).text == "version = 1");
}

TEST_CASE("a declaration of 64 signals and 16 knobs fits a telemetry frame", "[wire]") {
  Hello hello;
  hello.session = std::string(32, 's');
  for (int i = 0; i < 64; ++i) {
    hello.signals.push_back(
        {"group/signal-" + std::to_string(i), "nats", 0.0, 1.0, "full", Items::kCanary, 5});
    hello.canary_ids.push_back("canary-" + std::to_string(i));
  }
  for (int i = 0; i < 16; ++i)
    hello.knobs.push_back({"knob-" + std::to_string(i),
                           "1",
                           0.0,
                           4.0,
                           0.0,
                           Site::kBatch,
                           Direction::kModelRef,
                           Mask::kAnswer,
                           Normaliser::kTokenMeanStep,
                           Form::kAdditive,
                           "theta0",
                           false,
                           {}});
  const std::string bytes = encode(about_r(hello));
  CHECK(fits(bytes).has_value());
  CHECK(decode(bytes).has_value());
}

TEST_CASE("a feed topic is the run and the kind", "[wire]") {
  CHECK(topic_of(samples().front()) == "lab-malicious-7/hello");
}

}  // namespace
}  // namespace phaseguard::wire
