#include "trainer-hook/reporter/journal.h"

#include <string>

#include "tests/support/catch.h"
#include "tests/support/words.h"

using phaseguard::Seq;
using phaseguard::reporter::Journal;

namespace {

std::string contents(const Journal& journal) {
  std::string text;
  for (const Journal::Entry* e = journal.after(Seq{}); e; e = journal.after(e->seq))
    text += e->bytes[0];
  return text;
}

}  // namespace

TEST_CASE("the journal gives back both kinds in one order and forgets what is acknowledged",
          "[reporter]") {
  Journal journal(1 << 20);
  journal.append(Seq{2}, "a", Journal::Kind::kTelemetry);
  journal.append(Seq{3}, "b", Journal::Kind::kControl);
  journal.append(Seq{5}, "c", Journal::Kind::kTelemetry);
  REQUIRE(contents(journal) == "abc");
  REQUIRE(journal.after(Seq{3})->seq == Seq{5});
  journal.acknowledge(Seq{3});
  REQUIRE(contents(journal) == "c");
  journal.acknowledge(Seq{99});
  REQUIRE(journal.size() == 0);
  REQUIRE(journal.bytes() == 0);
  REQUIRE(journal.dropped() == 0);
}

TEST_CASE("a full journal drops the oldest telemetry, control last, and counts", "[reporter]") {
  Journal journal(1200);
  const std::string tail(99, '.');
  journal.append(Seq{1}, "C" + tail, Journal::Kind::kControl);
  for (int i = 0; i < 50; ++i) {
    journal.append(Seq{i + 2}, std::string(1, static_cast<char>('a' + i % 26)) + tail,
                   Journal::Kind::kTelemetry);
    REQUIRE(journal.bytes() <= 1200);
  }
  const std::string kept = contents(journal);
  REQUIRE(kept.front() == 'C');
  REQUIRE(kept.back() == static_cast<char>('a' + 49 % 26));
  REQUIRE(journal.dropped() + journal.size() == 51);
  // Control alone over the limit: the oldest of it goes too, the newest stays.
  for (int i = 0; i < 50; ++i) journal.append(Seq{100 + i}, "D" + tail, Journal::Kind::kControl);
  REQUIRE(journal.bytes() <= 1200);
  REQUIRE(contents(journal).find('C') == std::string::npos);
  REQUIRE(journal.last() == Seq{149});
}
