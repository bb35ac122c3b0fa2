// kill -9 at random times: a child records and acknowledges each commit through a pipe; whatever
// was acknowledged must be in the file, in order, with an unbroken chain, and the next writer goes
// on.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <random>

#include "tests/run/story.h"
#include "tests/store/place.h"

using namespace phaseguard;

namespace {

// Never returns: it is killed.
[[noreturn]] void record_and_acknowledge(const std::filesystem::path& file, int pipe) {
  auto writer = store::Writer::create_or_open(file, *RunId::parse("story"), Now{1.75e9, Nanos{}});
  if (!writer) _exit(3);
  auto story = test::story();
  if (writer->last_seq() == Seq{0} && !writer->append(story.messages[0])) _exit(4);
  for (std::uint64_t round = 0;; ++round) {
    for (int i = 0; i < 3; ++i) {
      wire::Message m = story.messages[round % 4 == 0 ? 8 : 3];  // decisions among reports
      m.header.seq = Seq{writer->last_seq().value + 1};
      if (!writer->append(m)) _exit(5);
    }
    const bool kept = round % 4 == 0 ? writer->sync().has_value() : writer->commit().has_value();
    if (!kept) _exit(6);
    const std::int64_t acknowledged = writer->last_seq().value;
    if (::write(pipe, &acknowledged, sizeof acknowledged) != sizeof acknowledged) _exit(7);
  }
}

std::int64_t last_acknowledged(int pipe) {
  std::int64_t last = 0;
  std::int64_t value = 0;
  while (::read(pipe, &value, sizeof value) == sizeof value) last = value;
  return last;
}

}  // namespace

TEST_CASE("kill -9 loses no acknowledged record", "[store][fault]") {
  const test::Place place;
  const auto file = place.file("story");
  std::mt19937_64 random(17);
  std::int64_t acknowledged = 0;
  for (int round = 0; round < 40; ++round) {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      ::close(ends[0]);
      record_and_acknowledge(file, ends[1]);
    }
    ::close(ends[1]);
    // Odd rounds strike while it records, even ones also while it opens or creates.
    std::int64_t first = 0;
    if (round % 2 == 1) REQUIRE(::read(ends[0], &first, sizeof first) == sizeof first);
    acknowledged = std::max(acknowledged, first);
    ::usleep(static_cast<useconds_t>(random() % 40000));
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    REQUIRE(WIFSIGNALED(status));
    acknowledged = std::max(acknowledged, last_acknowledged(ends[0]));
    ::close(ends[0]);
    if (!std::filesystem::exists(file)) {
      REQUIRE(acknowledged == 0);
      continue;
    }
    const auto reader = test::open_reader(file);
    INFO("round " << round);
    REQUIRE(reader.last_seq()->value >= acknowledged);
  }
  REQUIRE(acknowledged > 50);
  const auto chain = test::open_reader(file).verify_chain();
  REQUIRE(chain->findings == std::vector<std::string>{});
  REQUIRE(chain->records >= acknowledged);
}
