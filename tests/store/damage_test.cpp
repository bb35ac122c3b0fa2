#include <sys/resource.h>

#include <csignal>

#include "monitor/store/database.h"
#include "monitor/store/schema.h"
#include "monitor/wire/codec.h"
#include "tests/run/story.h"
#include "tests/store/place.h"

using namespace phaseguard;

namespace {

const RunId kRun = *RunId::parse("story");

std::filesystem::path story_file(const test::Place& place) {
  auto file = place.file("story");
  auto story = test::story();
  auto writer = test::open_writer(file, kRun);
  test::record(writer, story.messages);
  return file;
}

// Refused by reader and writer alike, and left as it was.
void require_refused(const std::filesystem::path& file, Errc code, const std::string& word) {
  const std::string before = test::read_file(file);
  const auto reader = store::Reader::open(file);
  REQUIRE_FALSE(reader.has_value());
  INFO(reader.error().message);
  REQUIRE(reader.error().code == code);
  REQUIRE(reader.error().message.find(file.string()) != std::string::npos);
  REQUIRE(reader.error().message.find(word) != std::string::npos);
  const auto writer = store::Writer::create_or_open(file, kRun, Now{});
  REQUIRE_FALSE(writer.has_value());
  REQUIRE(writer.error().code == code);
  REQUIRE(test::read_file(file) == before);
}

std::vector<std::string> findings_after(const std::filesystem::path& file, const char* sql) {
  auto db = store::Database::open(file, SQLITE_OPEN_READWRITE);
  REQUIRE(db.has_value());
  REQUIRE(db->execute(sql).has_value());
  return test::open_reader(file).verify_chain()->findings;
}

}  // namespace

TEST_CASE("what is not a run file is refused by name", "[store][hostile]") {
  const test::Place place;
  const auto file = place.file("story");
  REQUIRE(store::Reader::open(file).error().code == Errc::kNotFound);
  REQUIRE(store::Reader::open(place.path()).error().code == Errc::kMalformed);
  test::write_file(file, "");
  require_refused(file, Errc::kMalformed, "expected a PhaseGuard run file");
  test::write_file(file, std::string(5000, 'x'));
  require_refused(file, Errc::kMalformed, "expected a PhaseGuard run file");
  std::filesystem::remove(file);
  {
    auto other = store::Database::open(file, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    REQUIRE(other->execute("CREATE TABLE events(seq)").has_value());
  }
  require_refused(file, Errc::kMalformed, "expected a PhaseGuard run file");
}

TEST_CASE("a newer file is refused by its version", "[store][hostile]") {
  const test::Place place;
  const auto file = story_file(place);
  {
    auto db = store::Database::open(file, SQLITE_OPEN_READWRITE);
    REQUIRE(db->execute("PRAGMA user_version = 2").has_value());
  }
  require_refused(file, Errc::kUnsupported, "version 2");
}

TEST_CASE("a truncated file is refused at every length, and nothing of it is lost",
          "[store][hostile]") {
  const test::Place place;
  const auto file = story_file(place);
  const std::string whole = test::read_file(file);
  for (std::size_t size = 1; size < whole.size(); size += 997) {
    test::write_file(file, whole.substr(0, size));
    const auto reader = store::Reader::open(file);
    INFO("cut at " << size);
    REQUIRE_FALSE(reader.has_value());
    REQUIRE(reader.error().code == Errc::kMalformed);
    REQUIRE_FALSE(store::Writer::create_or_open(file, kRun, Now{}).has_value());
    REQUIRE(std::filesystem::file_size(file) == size);
  }
  test::write_file(file, whole.substr(0, 5000));
  require_refused(file, Errc::kMalformed, "truncated");
  test::write_file(file, whole);
  REQUIRE(test::open_reader(file).verify_chain()->findings.empty());
}

TEST_CASE("a changed record is named by its place", "[store][hostile]") {
  const test::Place place;
  const auto file = story_file(place);
  const auto only = [](const std::vector<std::string>& findings, const std::string& word) {
    std::string text;
    for (const auto& finding : findings) text += finding + "\n";
    INFO(text);
    REQUIRE(findings.size() == 1);
    REQUIRE(findings[0].find(word) != std::string::npos);
  };
  SECTION("the decision's bytes") {
    // One bit of one letter of its summary: still a readable decision.
    only(findings_after(file,
                        "UPDATE events SET body = CAST(replace(CAST(body AS TEXT), 'x', 'x') AS "
                        "BLOB) WHERE 0; UPDATE events SET body = "
                        "unhex_flip FROM (SELECT seq AS s, substr(body, 1, instr(body, "
                        "CAST('fired' AS BLOB)) - 1) || CAST('fireD' AS BLOB) || substr(body, "
                        "instr(body, CAST('fired' AS BLOB)) + 5) AS unhex_flip FROM events WHERE "
                        "kind = 'decision') WHERE seq = s"),
         "seq 9 (\"decision\", step 8)");
  }
  SECTION("a stored hash") {
    only(findings_after(file, "UPDATE events SET chain = zeroblob(32) WHERE seq = 10"), "seq 10");
  }
  SECTION("a value of a report") {
    only(findings_after(file, "UPDATE points SET value = 0.89 WHERE seq = 7"),
         "a report after seq 5");
  }
  SECTION("a step of a report") {
    only(findings_after(file, "UPDATE reports SET step = 6 WHERE seq = 7"), "seq 9");
  }
  SECTION("a column beside a body") {
    only(findings_after(file, "UPDATE events SET step = 7 WHERE seq = 9"), "do not agree");
  }
  SECTION("a record taken out") {
    const auto findings = findings_after(file, "DELETE FROM events WHERE seq = 10");
    REQUIRE(findings.size() == 2);
    REQUIRE(findings[0].find("seq 10: missing") != std::string::npos);
  }
  SECTION("a point without its report") {
    const auto findings = findings_after(file, "DELETE FROM reports WHERE seq = 7");
    REQUIRE_FALSE(findings.empty());
  }
}

TEST_CASE("every flipped bit of a control record is found and named", "[store][hostile]") {
  const test::Place place;
  const auto file = story_file(place);
  const std::string whole = test::read_file(file);
  const std::string body = wire::encode(test::story().messages[8]);
  const std::size_t at = whole.find(body.substr(0, 60));
  REQUIRE(at != std::string::npos);
  for (std::size_t byte = 0; byte < 400 && byte < body.size(); ++byte) {
    std::string damaged = whole;
    if (whole[at + byte] != body[byte]) break;  // the rest lies on an overflow page
    damaged[at + byte] = static_cast<char>(damaged[at + byte] ^ (1 << (byte % 8)));
    test::write_file(file, damaged);
    const auto report = test::open_reader(file).verify_chain();
    INFO("byte " << byte);
    REQUIRE(report.has_value());
    REQUIRE_FALSE(report->findings.empty());
    REQUIRE(report->findings[0].find("seq 9") != std::string::npos);
    REQUIRE(report->records == 17);  // before and after it everything is read
  }
}

TEST_CASE("a flipped byte anywhere never crashes a reader or verify", "[store][hostile]") {
  const test::Place place;
  const auto file = story_file(place);
  const std::string whole = test::read_file(file);
  for (std::size_t at = 0; at < whole.size(); at += 37) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x41);
    test::write_file(file, damaged);
    auto reader = store::Reader::open(file);
    if (!reader) continue;
    (void)reader->verify_chain();
    (void)reader->page(Seq{1}, 0);
  }
  SUCCEED();
}

TEST_CASE("a full disk takes back what was not committed and recording goes on", "[store][fault]") {
  const test::Place place;
  const auto file = place.file("story");
  auto story = test::story();
  auto writer = test::open_writer(file, kRun);
  test::record(writer, story.messages);
  const Seq before = writer.last_seq();
  // A real limit of the kernel: writes beyond it fail as on a full disk.
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit old{};
  getrlimit(RLIMIT_FSIZE, &old);
  const rlimit small{std::filesystem::file_size(file.string() + "-wal") + 4096, old.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  wire::Message m = story.messages[3];
  Result<void> failed;
  for (int i = 0; i < 5000 && failed; ++i) {
    m.header.seq = Seq{writer.last_seq().value + 1};
    failed = writer.append(m);
    if (failed && i % 50 == 49) failed = writer.commit();
  }
  setrlimit(RLIMIT_FSIZE, &old);
  REQUIRE_FALSE(failed.has_value());
  REQUIRE(failed.error().code == Errc::kIo);
  INFO(failed.error().message);
  const Seq kept = writer.last_seq();
  REQUIRE(kept >= before);
  m.header.seq = Seq{kept.value + 1};
  REQUIRE(writer.append(m).has_value());
  REQUIRE(writer.sync().has_value());
  const auto reader = test::open_reader(file);
  REQUIRE(reader.last_seq()->value == kept.value + 1);
  REQUIRE(reader.verify_chain()->findings == std::vector<std::string>{});
}
