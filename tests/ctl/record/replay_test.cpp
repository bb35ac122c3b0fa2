#include "monitor/ctl/record/replay.h"

#include "monitor/wire/codec.h"
#include "tests/ctl/recorded.h"

using namespace phaseguard;

namespace {

ctl::Verification verified(const std::vector<wire::Message>& messages) {
  const test::Place place;
  const auto file = place.file("bad-1");
  auto copy = messages;
  {
    auto writer = test::open_writer(file, *RunId::parse("bad-1"));
    test::record(writer, copy);
  }
  auto found = ctl::verify(test::open_reader(file));
  INFO((found ? "" : found.error().message));
  REQUIRE(found.has_value());
  return *found;
}

wire::Decision& decision_at(std::vector<wire::Message>& messages, std::size_t i) {
  return std::get<wire::Decision>(messages.at(i).body);
}

std::size_t first_decision(const std::vector<wire::Message>& messages) {
  for (std::size_t i = 0; i < messages.size(); ++i) {
    if (std::holds_alternative<wire::Decision>(messages[i].body)) return i;
  }
  FAIL("the recorded run holds no decision");
  return 0;
}

std::string with(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

}  // namespace

TEST_CASE("every decision is recomputed bit for bit", "[ctl][replay]") {
  const auto run = test::malicious();
  const auto found = verified(run.messages);
  REQUIRE(found.holds());
  REQUIRE(found.events == static_cast<std::int64_t>(run.messages.size()));
  REQUIRE(found.decisions >= 2);  // firing and closing
}

TEST_CASE("a decision that was not what the policy made of the record is named", "[ctl][replay]") {
  auto messages = test::malicious().messages;
  const std::size_t i = first_decision(messages);
  SECTION("a knob, by one unit in the last place") {
    decision_at(messages, i).knobs.at(0).value = std::nextafter(2.0, 3.0);
    const auto found = verified(messages);
    REQUIRE(found.chain.findings.empty());  // recorded so: only the recomputation can tell
    REQUIRE(found.differences.size() == 1);
    REQUIRE(found.differences[0].seq == messages[i].header.seq);
    REQUIRE(found.differences[0].step == messages[i].header.step);
    REQUIRE(found.differences[0].what.find("knobs/0/value: recorded 2.0000000000000004") == 0);
  }
  SECTION("evidence") {
    decision_at(messages, i).detectors.at(0).streak = 7;
    REQUIRE(verified(messages).differences.at(0).what.find("detectors/0/streak: recorded 7") == 0);
  }
  SECTION("a decision left out") {
    const Seq event = messages[i - 1].header.seq;
    messages.erase(messages.begin() + static_cast<std::ptrdiff_t>(i));
    const auto found = verified(messages);
    REQUIRE(found.differences.at(0).seq == event);
    REQUIRE(found.differences.at(0).what.find("recorded no decision") == 0);
  }
  SECTION("a decision out of nothing") {
    wire::Message invented = messages[i];
    messages.insert(messages.begin() + 3, invented);
    REQUIRE(verified(messages).differences.at(0).what.find("recomputed no decision") !=
            std::string::npos);
  }
  SECTION("an input changed before it was recorded") {
    std::get<wire::Report>(messages[i - 1].body).samples.at(0).value = 0.2;
    REQUIRE_FALSE(verified(messages).holds());
  }
}

TEST_CASE("replay under the same policy decides the same", "[ctl][replay]") {
  const test::Place place;
  auto run = test::malicious();
  run.write(place.file("bad-1"));
  auto replayed =
      ctl::replay(test::open_reader(place.file("bad-1")), test::document_of(test::kPolicy));
  REQUIRE(replayed.has_value());
  REQUIRE(replayed->label == wire::Label::kMalicious);
  REQUIRE(replayed->recorded_policy == "small");
  REQUIRE(replayed->happened_first_raise == Step{4});
  REQUIRE(replayed->would_first_raise == Step{4});
  for (const auto& row : replayed->rows) {
    REQUIRE(row.happened.has_value());
    REQUIRE(row.would.has_value());
    REQUIRE(row.happened->summary == row.would->summary);
    REQUIRE(row.happened_knobs.at(0).value == row.would_knobs.at(0).value);
  }
}

TEST_CASE("replay under another policy shows where it would have parted", "[ctl][replay]") {
  const test::Place place;
  auto run = test::malicious();
  run.write(place.file("bad-1"));
  const auto reader = test::open_reader(place.file("bad-1"));
  const auto quick = test::document_of(with(test::kPolicy, "consecutive = 2", "consecutive = 1"));
  auto sooner = ctl::replay(reader, quick);
  REQUIRE(sooner->would_first_raise == Step{3});
  REQUIRE(sooner->happened_first_raise == Step{4});
  REQUIRE(sooner->rows.front().happened_knobs.at(0).value == 0.0);
  REQUIRE(sooner->rows.front().would_knobs.at(0).value == 2.0);
  const auto deaf = test::document_of(with(test::kPolicy, "above = 0.30", "above = 0.95"));
  auto never = ctl::replay(reader, deaf);
  REQUIRE(never->would_first_raise == Step{-1});
  REQUIRE(never->happened_first_raise == Step{4});
}

TEST_CASE("a policy that does not fit the recorded run says so", "[ctl][replay]") {
  const test::Place place;
  auto run = test::harmless();
  run.write(place.file("good-1"));
  const auto foreign = test::document_of(with(test::kPolicy, "judge/score", "judge/severity"));
  const auto replayed = ctl::replay(test::open_reader(place.file("good-1")), foreign);
  REQUIRE_FALSE(replayed.has_value());
  REQUIRE(replayed.error().message.find("judge/severity") != std::string::npos);
}
