// How often the disk is waited for. This program's own fsync and fdatasync count what SQLite and
// the store ask for.
#include <sys/syscall.h>
#include <unistd.h>

#include <fstream>

#include "tests/run/story.h"
#include "tests/store/place.h"

namespace {

int g_syncs = 0;

}  // namespace

extern "C" {
int fsync(int descriptor) {
  ++g_syncs;
  return static_cast<int>(::syscall(SYS_fsync, descriptor));
}
int fdatasync(int descriptor) {
  ++g_syncs;
  return static_cast<int>(::syscall(SYS_fdatasync, descriptor));
}
}

using namespace phaseguard;

TEST_CASE("a new run's file costs two syncs, with what it begins with in it", "[store]") {
  const test::Place place;
  const auto file = place.file("story");
  auto story = test::story();
  g_syncs = 0;
  auto writer = test::open_writer(file, *RunId::parse("story"));
  REQUIRE(writer.append(story.messages[0]).has_value());
  REQUIRE(writer.append(story.messages[1]).has_value());
  CHECK_FALSE(std::filesystem::exists(file));
  REQUIRE(writer.sync().has_value());
  CHECK(g_syncs == 2);
  CHECK(test::open_reader(file).last_seq()->value == 2);
  CHECK(std::filesystem::file_size(file) > 4096);
  CHECK_FALSE(std::filesystem::exists(file.string() + ".new"));

  // The next one begins the log (its head, its name in the folder, its content), later ones are one
  // each.
  REQUIRE(writer.append(story.messages[2]).has_value());
  REQUIRE(writer.sync().has_value());
  CHECK(g_syncs == 5);
  REQUIRE(writer.append(story.messages[3]).has_value());
  REQUIRE(writer.sync().has_value());
  CHECK(g_syncs == 6);
  CHECK(test::open_reader(file).verify_chain()->findings.empty());
}

TEST_CASE("what a killed writer left of a file without a name does no harm", "[store][fault]") {
  const test::Place place;
  const auto file = place.file("story");
  for (const char* part : {".new", ".new-wal", ".new-shm"}) {
    std::ofstream(file.string() + part) << "of a writer that was killed";
  }
  auto story = test::story();
  {
    auto writer = test::open_writer(file, *RunId::parse("story"));
    REQUIRE(writer.append(story.messages[0]).has_value());
    REQUIRE(writer.commit().has_value());  // the first commit of a file is a sync
    CHECK(test::open_reader(file).last_seq()->value == 1);
  }
  CHECK(test::open_reader(file).verify_chain()->findings.empty());
  for (const char* part : {".new", ".new-wal", ".new-shm"})
    CHECK_FALSE(std::filesystem::exists(file.string() + part));
}
