// The daemon's run files on a real disk that is full for a while.
#include "monitor/daemon/run_files.h"

#include <sys/resource.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>

#include "monitor/daemon/config.h"
#include "monitor/daemon/opening.h"
#include "monitor/run/liveness.h"
#include "monitor/store/reader.h"
#include "tests/support/catch.h"
#include "tests/support/folder.h"
#include "tests/support/words.h"

using namespace phaseguard;
using namespace phaseguard::daemon;

namespace {

// No file of this process grows beyond `bytes`: the disk is full.
void limit_files(rlim_t bytes) {
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit limit{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &limit) == 0);
  limit.rlim_cur = bytes;
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

const RunId kRun = *RunId::parse("run-1");
const Now kNow{1000.0, Nanos{1}};

wire::Message report(std::int64_t seq) {
  wire::Message message;
  message.header.run = kRun;
  message.header.seq = Seq{seq};
  message.header.step = Step{seq};
  message.header.attempt = 1;
  message.header.source_seq = Seq{seq};
  wire::Report body;
  for (int i = 0; i < 20; ++i)
    body.samples.push_back({"bench/s" + std::to_string(i), 0.5, false, {}, wire::kNaN, wire::kNaN});
  message.body = std::move(body);
  return message;
}

std::vector<wire::Message> reports(std::int64_t from, std::int64_t to) {
  std::vector<wire::Message> out;
  for (std::int64_t seq = from; seq <= to; ++seq) out.push_back(report(seq));
  return out;
}

std::vector<std::int64_t> recorded(const RunFiles& files) {
  std::vector<std::int64_t> seqs;
  const Result<void> read = files.each(kRun, [&](const wire::Message& message) {
    seqs.push_back(message.header.seq.value);
    return true;
  });
  CHECK(read);
  return seqs;
}

}  // namespace

TEST_CASE("a disk that is full for a while costs no record", "[daemon][fault]") {
  const test::Folder folder;
  RunFiles files(folder.path());
  std::vector<std::string> faults;
  REQUIRE(files.append(reports(1, 50), kNow).empty());
  REQUIRE(files.flush(true, faults));

  limit_files(rlim_t{256} * 1024);
  std::int64_t seq = 50;
  bool written = true;
  while (written && seq < 100'000) {
    REQUIRE(files.append(reports(seq + 1, seq + 100), kNow).empty());
    seq += 100;
    written = files.flush(seq % 300 == 0, faults);
  }
  REQUIRE_FALSE(written);
  CHECK_FALSE(files.healthy());
  REQUIRE(files.append(reports(seq + 1, seq + 100), kNow).empty());
  seq += 100;
  CHECK_FALSE(files.flush(true, faults));
  limit_files(rlim_t{16} * 1024);
  files.retry(kNow);  // fuller still
  CHECK_FALSE(files.flush(true, faults));

  limit_files(RLIM_INFINITY);
  faults.clear();
  files.retry(kNow);
  CHECK(files.flush(true, faults));
  CHECK(faults.empty());
  REQUIRE(files.append(reports(seq + 1, seq + 10), kNow).empty());
  CHECK(files.flush(true, faults));
  const std::vector<std::int64_t> seqs = recorded(files);
  REQUIRE(seqs.size() == static_cast<std::size_t>(seq + 10));
  for (std::size_t i = 0; i < seqs.size(); ++i)
    REQUIRE(seqs[i] == static_cast<std::int64_t>(i) + 1);
}

TEST_CASE("a configuration without times has the patience that every peer has", "[daemon]") {
  CHECK(Config{}.silent_s * 1e3 == static_cast<double>(run::Patience{}.silent_ms));
  CHECK(Config{}.lost_s * 1e3 == static_cast<double>(run::Patience{}.lost_ms));
}

TEST_CASE("there are no more seats than files the process may open", "[daemon]") {
  Config config;
  CHECK(seats_within(config, 1'000'000) == 1024);
  CHECK(seats_within(config, 96 + 64 + 5 * 10) == 10);
  CHECK(seats_within(config, 20) == 1);
  config.trainer_seats = 3;
  CHECK(seats_within(config, 1'000'000) == 3);
}

TEST_CASE("an ended run's file is closed, and opened again when more comes", "[daemon]") {
  const test::Folder folder;
  RunFiles files(folder.path());
  std::vector<std::string> faults;
  wire::Message end = report(3);
  end.body = wire::LinkChange{wire::LinkEvent::kEnded, "goodbye", 1};
  std::vector<wire::Message> first = reports(1, 2);
  first.push_back(end);
  const auto unwritten = files.append(std::move(first), kNow);
  REQUIRE(unwritten.empty());
  REQUIRE(files.flush(true, faults));
  CHECK(files.unfinished(9, faults).runs.empty());
  // Nobody holds the file: another process could write it.
  CHECK(store::Writer::create_or_open(store::run_file(folder.path(), kRun), kRun, kNow));

  wire::Message back = report(4);
  back.body = wire::LinkChange{wire::LinkEvent::kBack, "", 1};
  REQUIRE(files.append({back}, kNow).empty());
  REQUIRE(files.flush(true, faults));
  CHECK_FALSE(store::Writer::create_or_open(store::run_file(folder.path(), kRun), kRun, kNow));
  CHECK(recorded(files).size() == 4);
  CHECK(files.unfinished(9, faults).runs == std::vector<RunId>{kRun});
  CHECK(faults.empty());
}

TEST_CASE("of too many runs that have not ended those last written to are taken up", "[daemon]") {
  const test::Folder folder;
  RunFiles files(folder.path());
  std::vector<std::string> faults;
  std::vector<RunId> runs;
  for (const char* name : {"a", "b", "c", "d"}) {
    runs.push_back(*RunId::parse(name));
    wire::Message message = report(1);
    message.header.run = runs.back();
    REQUIRE(files.append({message}, kNow).empty());
    REQUIRE(files.flush(true, faults));
    files.close(runs.back());
  }
  const auto written = std::filesystem::file_time_type::clock::now();
  for (const auto& [run, minutes] : {std::pair(0, 1), {1, 40}, {2, 3}, {3, 20}}) {
    std::filesystem::last_write_time(
        store::run_file(folder.path(), runs[static_cast<std::size_t>(run)]),
        written - std::chrono::minutes(minutes));
  }
  RunFiles::Unfinished unfinished = files.unfinished(2, faults);
  CHECK(unfinished.runs == std::vector<RunId>{runs[0], runs[2]});
  CHECK(unfinished.more == 2);
  unfinished = files.unfinished(4, faults);
  CHECK(unfinished.runs == runs);
  CHECK(unfinished.more == 0);
  CHECK(faults.empty());
}

TEST_CASE("a file that is not the one that is written is found out, and not made anew",
          "[daemon][fault]") {
  const test::Folder folder;
  const std::string path = store::run_file(folder.path(), kRun).string();
  RunFiles files(folder.path());
  std::vector<std::string> faults;
  REQUIRE(files.append(reports(1, 50), kNow).empty());
  REQUIRE(files.flush(true, faults));
  files.look(kNow);
  REQUIRE(files.healthy());

  struct Way {
    const char* told;
    std::function<void()> done;
  };
  const Way ways[] = {
      {"removed or moved", [&] { std::filesystem::rename(path, path + ".away"); }},
      {"another file",
       [&] {
         std::filesystem::copy_file(path, path + ".copy");
         std::filesystem::rename(path + ".copy", path);
       }},
      {"cut short", [&] { std::filesystem::resize_file(path, 4096); }},
      {"write-ahead log was removed", [&] { std::filesystem::remove(path + "-wal"); }},
  };
  const Way& way = GENERATE_REF(from_range(std::begin(ways), std::end(ways)));
  INFO(way.told);
  way.done();
  files.look(kNow);
  CHECK_FALSE(files.healthy());
  CHECK_FALSE(files.flush(true, faults));
  REQUIRE_FALSE(faults.empty());
  CHECK(faults[0].find(way.told) != std::string::npos);
  CHECK(faults[0].find("restart phaseguardd") != std::string::npos);
}

TEST_CASE("an ended run whose file was deleted begins a new record, and no other run notices",
          "[daemon][fault]") {
  const test::Folder folder;
  RunFiles files(folder.path());
  std::vector<std::string> faults;
  wire::Message other = report(1);
  other.header.run = *RunId::parse("other");
  wire::Message end = report(2);
  end.body = wire::LinkChange{wire::LinkEvent::kEnded, "goodbye", 1};
  REQUIRE(files.append({report(1), end, other}, kNow).empty());
  REQUIRE(files.flush(true, faults));
  std::filesystem::remove(store::run_file(folder.path(), kRun));
  files.look(kNow);
  CHECK(files.healthy());
  other.header.seq = Seq{2};
  CHECK(files.append({report(3), other, report(4)}, kNow) == std::set<RunId>{kRun});
  CHECK(files.flush(true, faults));
  CHECK(files.healthy());
  CHECK(faults.empty());
  CHECK_FALSE(std::filesystem::exists(store::run_file(folder.path(), kRun)));
  const auto opened = files.open(kRun, kNow);
  REQUIRE(opened);
  CHECK_FALSE(opened->exists);
  CHECK(files.append(reports(1, 2), kNow).empty());
  CHECK(files.flush(true, faults));
  CHECK(recorded(files).size() == 2);
}

TEST_CASE("a run file that was moved away and put back goes on", "[daemon][fault]") {
  const test::Folder folder;
  const std::string path = store::run_file(folder.path(), kRun).string();
  RunFiles files(folder.path());
  std::vector<std::string> faults;
  REQUIRE(files.append(reports(1, 50), kNow).empty());
  REQUIRE(files.flush(true, faults));
  std::filesystem::rename(path, path + ".away");
  REQUIRE(files.append(reports(51, 60), kNow).empty());
  CHECK_FALSE(files.flush(true, faults));
  files.retry(kNow);
  CHECK_FALSE(files.flush(true, faults));
  CHECK_FALSE(std::filesystem::exists(path));
  std::filesystem::rename(path + ".away", path);
  files.retry(kNow);
  CHECK(files.flush(true, faults));
  CHECK(recorded(files).size() == 60);
}

TEST_CASE("a write-ahead log without its run file is set aside", "[daemon][fault]") {
  const test::Folder folder;
  const std::string path = store::run_file(folder.path(), kRun).string();
  std::ofstream(path + "-wal") << "of a record that is gone";
  RunFiles files(folder.path());
  std::vector<std::string> faults;
  REQUIRE(files.append(reports(1, 5), kNow).empty());
  REQUIRE(files.flush(true, faults));
  CHECK(recorded(files).size() == 5);
  CHECK(std::filesystem::exists(path + "-wal.aside"));
}

TEST_CASE("hellos of runs to be opened wait in order, once each, up to a bound", "[daemon]") {
  Opening opening(100);
  const auto hello_of = [](PeerId peer, std::size_t bytes) {
    return OpenRun{peer, kRun, std::string(bytes, 'x')};
  };
  CHECK(opening.add(hello_of(1, 60)));
  CHECK(opening.add(hello_of(1, 60)));
  CHECK_FALSE(opening.add(hello_of(2, 60)));
  CHECK(opening.add(hello_of(3, 40)));
  CHECK(opening.take().peer == 1);
  CHECK(opening.add(hello_of(2, 60)));
  CHECK(opening.take().peer == 3);
  CHECK(opening.take().peer == 2);
  CHECK(opening.empty());
}

TEST_CASE("a run that is not kept leaves no file open", "[daemon]") {
  const test::Folder folder;
  RunFiles files(folder.path());
  std::vector<std::string> faults;
  const auto is_free = [&] {
    return store::Writer::create_or_open(store::run_file(folder.path(), kRun), kRun, kNow)
        .has_value();
  };
  REQUIRE(files.append(reports(1, 3), kNow).empty());
  REQUIRE(files.flush(true, faults));
  REQUIRE_FALSE(is_free());
  REQUIRE(files.append(reports(4, 5), kNow).empty());
  files.close(kRun);  // what was appended is written first
  REQUIRE(files.flush(false, faults));
  REQUIRE(files.flush(true, faults));
  CHECK(is_free());
  CHECK(recorded(files).size() == 5);
  REQUIRE(files.open(kRun, kNow));
  CHECK_FALSE(is_free());
  files.close(kRun);
  CHECK(is_free());
}

TEST_CASE("an idle run's file is closed, looked after, and opened again when more comes",
          "[daemon]") {
  const test::Folder folder;
  const std::string path = store::run_file(folder.path(), kRun).string();
  RunFiles files(folder.path());
  std::vector<std::string> faults;
  REQUIRE(files.append(reports(1, 50), kNow).empty());
  REQUIRE(files.flush(true, faults));
  const auto after = [](double seconds) {
    return Now{kNow.wall_s + seconds, Nanos{static_cast<std::int64_t>(seconds * 1e9)}};
  };
  files.look(after(100));
  CHECK_FALSE(store::Writer::create_or_open(path, kRun, kNow));
  files.look(after(130));
  CHECK(store::Writer::create_or_open(path, kRun, kNow));
  REQUIRE(files.append(reports(51, 60), after(140)).empty());
  REQUIRE(files.flush(true, faults));
  CHECK(recorded(files).size() == 60);

  files.look(after(300));
  std::filesystem::rename(path, path + ".away");
  files.look(after(301));
  CHECK_FALSE(files.healthy());
  CHECK(files.unwritten() == std::set<RunId>{kRun});
  std::filesystem::rename(path + ".away", path);
  files.retry(after(302));
  CHECK(files.flush(true, faults));
}

TEST_CASE("many files that cannot be written are tried again a few at a time", "[daemon][fault]") {
  const test::Folder folder;
  RunFiles files(folder.path() / "gone");
  std::vector<std::string> faults;
  for (int i = 0; i < 100; ++i) {
    wire::Message message = report(1);
    message.header.run = *RunId::parse("run-" + std::to_string(i));
    REQUIRE(files.append({message}, kNow).empty());
  }
  CHECK_FALSE(files.flush(true, faults));
  CHECK(files.unwritten().size() == 100);
  CHECK_FALSE(files.retry(kNow));
  std::filesystem::create_directory(folder.path() / "gone");
  CHECK(files.retry(kNow));
  CHECK(files.unwritten().size() == 68);
  while (files.retry(kNow)) {
  }
  CHECK(files.unwritten().empty());
  CHECK(files.flush(true, faults));
}

TEST_CASE("what waited for the disk is written in portions that keep decisions whole",
          "[daemon][fault]") {
  const test::Folder folder;
  RunFiles files(folder.path());
  std::vector<std::string> faults;
  REQUIRE(files.append(reports(1, 10), kNow).empty());
  REQUIRE(files.flush(true, faults));
  const std::string path = store::run_file(folder.path(), kRun).string();
  std::filesystem::rename(path, path + ".away");
  std::int64_t seq = 10;
  while (seq < 2000) {
    std::vector<wire::Message> batch = reports(seq + 1, seq + 2);
    batch[1].body = wire::Decision{};
    const auto unwritten = files.append(std::move(batch), kNow);
    REQUIRE(unwritten.empty());
    seq += 2;
  }
  CHECK_FALSE(files.flush(true, faults));
  std::filesystem::rename(path + ".away", path);
  files.retry(kNow);
  CHECK(files.flush(true, faults));
  CHECK(recorded(files).size() == static_cast<std::size_t>(seq));
}
