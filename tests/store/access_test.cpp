// Who only reads a run file leaves nothing behind and needs no right to write; and an empty record
// is a finding.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <map>

#include "monitor/store/database.h"
#include "tests/run/story.h"
#include "tests/store/place.h"

using namespace phaseguard;
namespace fs = std::filesystem;

namespace {

const RunId kRun = *RunId::parse("story");

std::map<std::string, std::string> contents(const fs::path& folder) {
  std::map<std::string, std::string> out;
  for (const auto& entry : fs::directory_iterator(folder)) {
    out[entry.path().filename().string()] = test::read_file(entry.path());
  }
  return out;
}

std::size_t read_all(const fs::path& file) {
  const auto reader = test::open_reader(file);
  REQUIRE(reader.verify_chain().has_value());
  return reader.page(Seq{1}, 0)->size();
}

std::vector<std::string> findings(const fs::path& file) {
  return test::open_reader(file).verify_chain()->findings;
}

void require_finding(const fs::path& file, const std::string& word) {
  const auto found = findings(file);
  REQUIRE(found.size() == 1);
  INFO(found[0]);
  REQUIRE(found[0].find(word) != std::string::npos);
}

// The files of a run that is being written, as a copy of the folder has them.
void copy_live(const fs::path& file, const fs::path& to,
               const std::vector<std::string>& parts = {"", "-wal", "-shm"}) {
  auto story = test::story();
  auto writer = test::open_writer(file, kRun);
  std::vector<wire::Message> first(story.messages.begin(), story.messages.begin() + 2);
  std::vector<wire::Message> rest(story.messages.begin() + 2, story.messages.end());
  test::record(writer, first);
  test::record(writer, rest);
  for (const std::string& part : parts) fs::copy(file.string() + part, to.string() + part);
}

void write_closed(const fs::path& file) {
  auto story = test::story();
  auto writer = test::open_writer(file, kRun);
  test::record(writer, story.messages);
}

// Whether `file` can be read whole by a user who may write nothing there.
bool read_without_rights(const fs::path& folder, const fs::path& file) {
  for (const auto& entry : fs::directory_iterator(folder)) {
    fs::permissions(entry.path(), fs::perms{0444});
  }
  fs::permissions(folder, fs::perms{0555});
  const pid_t child = ::fork();
  if (child == 0) {
    if (::geteuid() == 0 && ::seteuid(65534) != 0) ::_exit(9);
    const auto reader = store::Reader::open(file);
    ::_exit(reader && reader->page(Seq{1}, 0) && !reader->page(Seq{1}, 0)->empty() ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  fs::permissions(folder, fs::perms{0700});
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace

TEST_CASE("a reader leaves the folder as it was", "[store]") {
  const test::Place place, other;
  const auto file = place.file("story");
  const std::size_t all = test::story().messages.size();
  SECTION("of a record that was closed") { write_closed(file); }
  SECTION("with an empty log beside it") {
    write_closed(file);
    test::write_file(file.string() + "-wal", "");
  }
  SECTION("of one whose writer was killed") { copy_live(other.file("story"), file); }
  SECTION("copied without the log's index") { copy_live(other.file("story"), file, {"", "-wal"}); }
  const auto before = contents(place.path());
  CHECK(read_all(file) == all);
  CHECK(contents(place.path()) == before);
  CHECK(findings(file).empty());
  CHECK(read_without_rights(place.path(), file));
  CHECK(contents(place.path()) == before);
}

TEST_CASE("a name that a URI would read otherwise is a name", "[store]") {
  const test::Place place;
  const auto odd = place.path() / "a?mode=memory#b%41.phaseguard";
  write_closed(place.file("story"));
  fs::rename(place.file("story"), odd);
  CHECK(read_all(odd) == test::story().messages.size());
}

TEST_CASE("a reader of a file that nobody wrote sees the writer who begins", "[store]") {
  const test::Place place;
  const auto file = place.file("story");
  write_closed(file);
  const auto reader = test::open_reader(file);
  const Seq before = *reader.last_seq();
  auto story = test::story();
  auto writer = test::open_writer(file, kRun);
  for (int i = 0; i < 3000; ++i) {  // more than one log is merged
    wire::Message m = story.messages[3];
    m.header.seq = Seq{writer.last_seq().value + 1};
    REQUIRE(writer.append(m).has_value());
    if (i % 10 == 0) REQUIRE(writer.commit().has_value());
  }
  REQUIRE(writer.commit().has_value());
  CHECK(reader.last_seq()->value == before.value + 3000);
  CHECK(reader.verify_chain()->findings.empty());
}

TEST_CASE("looking for a writer keeps no writer out", "[store]") {
  const test::Place place;
  const auto file = place.file("story");
  write_closed(file);
  const pid_t child = ::fork();
  if (child == 0) {
    while (true) (void)store::Reader::open(file);
  }
  bool always = true;
  for (int i = 0; i < 200; ++i) {
    always = always && store::Writer::create_or_open(file, kRun, Now{}).has_value();
  }
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  CHECK(always);
}

TEST_CASE("a record that is empty or shortened is a finding", "[store][hostile]") {
  const test::Place place, other;
  const auto file = place.file("story");
  const auto change = [&](const std::string& sql) {
    auto db = store::Database::open(file, SQLITE_OPEN_READWRITE);
    REQUIRE(db.has_value());
    REQUIRE(db->execute(sql.c_str()).has_value());
  };
  SECTION("nothing is in it") {
    write_closed(file);
    change("DELETE FROM events; DELETE FROM reports; DELETE FROM points");
    require_finding(file, "holds no record");
  }
  SECTION("the last record is gone") {
    write_closed(file);
    const auto last = std::to_string(test::open_reader(file).last_seq()->value);
    change("DELETE FROM events WHERE seq = " + last + "; DELETE FROM reports WHERE seq = " + last +
           "; DELETE FROM points WHERE seq = " + last);
    require_finding(file, "its writer closed it with \"" + last + "\" records");
  }
  SECTION("it was copied while it was written, without its log") {
    copy_live(other.file("story"), file, {""});
    require_finding(file, "copied without the -wal?");
  }
}

TEST_CASE("the file alone is never the whole record while it is written", "[store]") {
  const test::Place place, other;
  const auto file = other.file("story");
  auto story = test::story();
  auto writer = test::open_writer(file, kRun);
  test::record(writer, story.messages);
  std::uintmax_t merged = fs::file_size(file);
  for (int i = 0, merges = 0; merges < 3; ++i) {
    wire::Message m = story.messages[3];
    m.header.seq = Seq{writer.last_seq().value + 1};
    REQUIRE(writer.append(m).has_value());
    REQUIRE(writer.commit().has_value());
    if (fs::file_size(file) == merged) continue;
    merged = fs::file_size(file);
    const auto copy = place.file("copy-" + std::to_string(++merges));
    fs::copy(file, copy);
    require_finding(copy, "copied without the -wal?");
  }
  CHECK(findings(file).empty());
}

TEST_CASE("a writer that is killed at once leaves a whole record", "[store]") {
  const test::Place place;
  const auto file = place.file("story");
  const pid_t child = ::fork();
  if (child == 0) {
    auto writer = store::Writer::create_or_open(file, kRun, Now{});
    wire::Message hello = test::story().messages[0];
    hello.header.seq = Seq{1};
    const bool made = writer && writer->append(hello) && writer->sync();
    ::kill(::getpid(), made ? SIGKILL : SIGTERM);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  REQUIRE(WTERMSIG(status) == SIGKILL);
  CHECK(findings(file).empty());
  { auto writer = test::open_writer(file, kRun); }
  CHECK(findings(file).empty());
  CHECK_FALSE(fs::exists(file.string() + "-wal"));
}

TEST_CASE("a log mends a file that was cut short only where it has all that is missing",
          "[store][hostile]") {
  const test::Place place, other;
  const auto file = place.file("story");
  bool whole = false;
  SECTION("nothing was merged yet") {
    copy_live(other.file("story"), file);
    whole = true;
  }
  SECTION("most of it was") {
    auto story = test::story();
    auto writer = test::open_writer(other.file("story"), kRun);
    test::record(writer, story.messages);
    for (int i = 0; i < 3000; ++i) {
      wire::Message m = story.messages[3];
      m.header.seq = Seq{writer.last_seq().value + 1};
      REQUIRE(writer.append(m).has_value());
      REQUIRE(writer.commit().has_value());
    }
    for (const char* part : {"", "-wal", "-shm"})
      fs::copy(other.file("story").string() + part, file.string() + part);
  }
  fs::resize_file(file, 4096);
  const auto reader = store::Reader::open(file);
  REQUIRE(reader.has_value() == whole);
  if (whole) CHECK(reader->verify_chain()->findings.empty());
  if (!whole) CHECK_THAT(reader.error().message, Catch::Contains("truncated"));
}

TEST_CASE("another program that merges the log makes no finding", "[store]") {
  const test::Place place, other;
  const auto file = place.file("story");
  copy_live(other.file("story"), file);
  REQUIRE(store::Database::open(file, SQLITE_OPEN_READWRITE)
              ->execute("PRAGMA wal_checkpoint(TRUNCATE)")
              .has_value());
  fs::remove(file.string() + "-wal");
  CHECK(findings(file).empty());
}

TEST_CASE("a record that is written again says its length anew", "[store]") {
  const test::Place place;
  const auto file = place.file("story");
  write_closed(file);
  { auto writer = test::open_writer(file, kRun); }  // opened, and nothing written
  CHECK(findings(file).empty());
  auto story = test::story();
  {
    auto writer = test::open_writer(file, kRun);
    test::record(writer, story.messages);
    CHECK(findings(file).empty());
  }
  CHECK(findings(file).empty());
}

TEST_CASE("a record that was shortened stays a finding, whoever opens it and writes on",
          "[store][hostile]") {
  const test::Place place, other;
  const auto file = place.file("story");
  std::string word;
  SECTION("its last record is gone") {
    write_closed(file);
    const auto last = std::to_string(test::open_reader(file).last_seq()->value);
    const std::string sql = "DELETE FROM events WHERE seq = " + last +
                            "; DELETE FROM reports WHERE seq = " + last +
                            "; DELETE FROM points WHERE seq = " + last;
    REQUIRE(store::Database::open(file, SQLITE_OPEN_READWRITE)->execute(sql.c_str()).has_value());
    word = "its writer closed it with";
  }
  SECTION("it lost its log") {
    copy_live(other.file("story"), file, {""});
    word = "copied without the -wal?";
  }
  { auto writer = test::open_writer(file, kRun); }
  require_finding(file, word);
  auto story = test::story();
  std::vector<wire::Message> more(story.messages.begin() + 3, story.messages.begin() + 5);
  for (int i = 0; i < 2; ++i) {
    auto writer = test::open_writer(file, kRun);
    test::record(writer, more);
  }
  require_finding(file, word);
  require_finding(file, "written on after it had been found shortened");
}

TEST_CASE("a record of before lengths makes no finding", "[store]") {
  const test::Place place;
  const auto file = place.file("story");
  write_closed(file);
  REQUIRE(store::Database::open(file, SQLITE_OPEN_READWRITE)
              ->execute("DELETE FROM meta WHERE key = 'length'")
              .has_value());
  CHECK(findings(file).empty());
}
