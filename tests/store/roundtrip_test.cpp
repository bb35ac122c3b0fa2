#include <bit>
#include <cmath>
#include <limits>
#include <random>

#include "monitor/store/database.h"
#include "monitor/wire/codec.h"
#include "tests/run/story.h"
#include "tests/store/place.h"
#include "tests/wire/samples.h"

using namespace phaseguard;

namespace {

std::vector<std::string> encoded(const std::vector<wire::Message>& messages) {
  std::vector<std::string> out;
  for (const auto& message : messages) out.push_back(wire::encode(message));
  return out;
}

std::vector<wire::Message> all(const store::Reader& reader) {
  auto page = reader.page(Seq{1}, 0);
  INFO((page ? "" : page.error().message));
  REQUIRE(page.has_value());
  return *page;
}

// Numbers that formats lose: payloads of NaN, -0.0, denormals, the ends.
std::vector<double> hard_numbers() {
  return {std::bit_cast<double>(0x7ff8000000000000ULL),
          std::bit_cast<double>(0x7ff80000deadbeefULL),
          std::bit_cast<double>(0xfff8000000000001ULL),
          std::bit_cast<double>(0x7ff0000000000001ULL),
          std::numeric_limits<double>::infinity(),
          -std::numeric_limits<double>::infinity(),
          -0.0,
          0.0,
          5e-324,
          1.0,
          1e15,
          -3.0,
          0.1,
          std::numeric_limits<double>::max()};
}

}  // namespace

TEST_CASE("every kind of message comes back to the byte", "[store]") {
  const test::Place place;
  auto messages = wire::samples();
  const RunId run = messages.front().header.run;
  const auto file = place.file(run.text());
  {
    auto writer = test::open_writer(file, run);
    test::record(writer, messages);
  }
  const auto reader = test::open_reader(file);
  REQUIRE(reader.run() == run);
  REQUIRE(encoded(all(reader)) == encoded(messages));
  REQUIRE(reader.last_seq()->value == static_cast<std::int64_t>(messages.size()));
  const auto chain = reader.verify_chain();
  REQUIRE(chain->findings == std::vector<std::string>{});
  REQUIRE(chain->records == static_cast<std::int64_t>(messages.size()));
}

TEST_CASE("numbers that formats lose come back to the bit", "[store][property]") {
  const test::Place place;
  test::Story story;
  story.add(0, test::hello());
  const auto hard = hard_numbers();
  for (const double value : hard) {
    for (const double bound : hard) {
      wire::Sample sample = test::sample("canary/js", value, hard);
      sample.lower = bound;
      sample.upper = value;
      wire::Sample skipped = sample;
      skipped.missing = true;
      auto& m = story.add(1, test::report(wire::Report::Origin::kStep, {sample, skipped}));
      m.header.t = bound;
    }
  }
  wire::Message& odd = story.add(2, test::report(wire::Report::Origin::kBatch, {}));
  odd.header.version.minor = 7;
  odd.header.source_seq = Seq{std::numeric_limits<std::int64_t>::max()};
  const auto file = place.file("story");
  {
    auto writer = test::open_writer(file, *RunId::parse("story"));
    test::record(writer, story.messages);
  }
  const auto reader = test::open_reader(file);
  REQUIRE(encoded(all(reader)) == encoded(story.messages));
  REQUIRE(reader.verify_chain()->findings == std::vector<std::string>{});
}

TEST_CASE("a writer goes on where the last one stopped, at any cut", "[store][property]") {
  const test::Place place;
  const auto story = test::story();
  const auto file = place.file("story");
  for (const auto& message : story.messages) {
    auto writer = test::open_writer(file, *RunId::parse("story"));
    REQUIRE(writer.last_seq().value == message.header.seq.value - 1);
    REQUIRE(writer.append(message).has_value());
    // not committed by hand: the writer's end does it
  }
  // A writer that ended in peace leaves one file.
  REQUIRE_FALSE(std::filesystem::exists(file.string() + "-lock"));
  REQUIRE_FALSE(std::filesystem::exists(file.string() + "-wal"));
  const auto reader = test::open_reader(file);
  REQUIRE(encoded(all(reader)) == encoded(story.messages));
  const auto chain = reader.verify_chain();
  REQUIRE(chain->findings == std::vector<std::string>{});
  REQUIRE(chain->uncovered == 1);  // the report after the last control record
}

TEST_CASE("a reader sees what is committed while the writer goes on", "[store]") {
  const test::Place place;
  const auto story = test::story();
  const auto file = place.file("story");
  auto writer = test::open_writer(file, *RunId::parse("story"));
  REQUIRE(writer.commit().has_value());
  const auto reader = test::open_reader(file);
  REQUIRE(reader.last_seq()->value == 0);
  for (const auto& message : story.messages) {
    REQUIRE(writer.append(message).has_value());
    REQUIRE(reader.last_seq()->value == message.header.seq.value - 1);
    REQUIRE(writer.commit().has_value());
    REQUIRE(reader.last_seq()->value == message.header.seq.value);
  }
  std::int64_t next = 5;
  REQUIRE(reader
              .each(
                  Seq{5},
                  [&next](const wire::Message& m) {
                    REQUIRE(m.header.seq.value == next++);
                    return true;
                  },
                  4)
              .has_value());
  REQUIRE(next == 9);
  REQUIRE(reader.page(Seq{100}, 10)->empty());
}

TEST_CASE("a signal is one plain SELECT, BAD values are NULL", "[store]") {
  const test::Place place;
  auto story = test::story();
  const auto file = place.file("story");
  {
    auto writer = test::open_writer(file, *RunId::parse("story"));
    test::record(writer, story.messages);
  }
  auto db = store::Database::open(file, SQLITE_OPEN_READONLY);
  auto rows = db->prepare(
      "SELECT step, value, quality FROM samples WHERE signal = 'judge/score' ORDER BY seq");
  REQUIRE(rows.has_value());
  REQUIRE(*rows->step());
  REQUIRE(rows->integer(0) == 7);
  REQUIRE(rows->real(1) == 0.9);
  REQUIRE(*rows->step());
  REQUIRE(rows->is_null(1));
  REQUIRE(rows->bytes(2) == "bad");
  REQUIRE_FALSE(*rows->step());
  // By the index, not by reading every point.
  auto plan = db->prepare(
      "EXPLAIN QUERY PLAN SELECT step, value FROM samples WHERE signal = 'judge/score'");
  std::string text;
  while (*plan->step()) text += std::string(plan->bytes(3)) + "\n";
  INFO(text);
  REQUIRE(text.find("points_by_signal") != std::string::npos);
  REQUIRE(text.find("SCAN") == std::string::npos);
}

TEST_CASE("a wrong seq or run is refused and changes nothing", "[store]") {
  const test::Place place;
  const auto story = test::story();
  const auto file = place.file("story");
  auto writer = test::open_writer(file, *RunId::parse("story"));
  REQUIRE(writer.append(story.messages[0]).has_value());
  REQUIRE(writer.append(story.messages[0]).error().code == Errc::kInvalidArgument);
  REQUIRE(writer.append(story.messages[2]).error().code == Errc::kInvalidArgument);
  wire::Message foreign = story.messages[1];
  foreign.header.run = *RunId::parse("other");
  REQUIRE(writer.append(foreign).error().code == Errc::kInvalidArgument);
  REQUIRE(writer.append(story.messages[1]).has_value());
  REQUIRE(writer.sync().has_value());
  REQUIRE(test::open_reader(file).last_seq()->value == 2);
}

TEST_CASE("two writers cannot have one file", "[store]") {
  const test::Place place;
  const auto file = place.file("story");
  const RunId run = *RunId::parse("story");
  {
    auto first = test::open_writer(file, run);
    auto second = store::Writer::create_or_open(file, run, Now{});
    REQUIRE_FALSE(second.has_value());
    REQUIRE(second.error().code == Errc::kConflict);
    REQUIRE(second.error().message.find("run file in use") != std::string::npos);
  }
  (void)test::open_writer(file, run);
  const auto other = store::Writer::create_or_open(file, *RunId::parse("other"), Now{});
  REQUIRE(other.error().code == Errc::kConflict);
  REQUIRE(other.error().message.find("\"story\"") != std::string::npos);
}
