// alarms.json: what was seen and shelved, of all windows of a user. None writes over what another
// one has kept.
#include "monitor/dashboard/shell/alarm_file.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "monitor/dashboard/source/source.h"
#include "tests/support/catch.h"
#include "tests/support/folder.h"

using namespace phaseguard;
using namespace phaseguard::dashboard;

namespace {

constexpr double kNow = 1.76e9;

KeptAlarm alarm_of(const std::string& run) {
  KeptAlarm out;
  out.place = "ipc:///run/x";
  out.run = run;
  out.record = "1.5 attempt 2 of s";
  out.about = "alert rule:defend";
  out.level = Level::kCritical;
  out.came_s = 1.75e9 + 0.125;
  out.by = "ann";
  return out;
}

KeptAlarm shelved(KeptAlarm alarm, const std::string& reason, double ends_s = kNow + 60.0) {
  alarm.shelved = true;
  alarm.shelf = {reason, 3600.0, Step{400}};
  alarm.shelf_ends_s = ends_s;
  return alarm;
}

// A window: what it keeps, and what it wrote last.
struct Window {
  std::vector<KeptAlarm> before;
  void keep(const std::vector<KeptAlarm>& now, double wall_s = kNow) {
    REQUIRE(save_kept_alarms({before, now}, wall_s));
    before = now;
  }
};

struct Home {
  Home() { ::setenv("XDG_STATE_HOME", folder.path().c_str(), 1); }
  [[nodiscard]] std::filesystem::path file() const {
    return folder.path() / "phaseguard" / "alarms.json";
  }
  test::Folder folder;
};

std::string text_in_file() {
  const auto kept = read_kept_alarms();
  REQUIRE(kept);
  return alarms_text(*kept);
}

}  // namespace

TEST_CASE("alarms that were seen and shelved are in a file, and come back", "[gui][alarms]") {
  const Home home;
  REQUIRE(read_kept_alarms());  // none is no error
  CHECK(read_kept_alarms()->empty());
  KeptAlarm seen = alarm_of("a");
  seen.by = "ann \"the\" \xE6\x97\xA5";
  KeptAlarm aside = shelved(alarm_of("b"), "known", kNow + 0.25);
  aside.came_s = wire::kNaN;
  Window().keep({seen, aside});
  const auto read = read_kept_alarms();
  REQUIRE(read);
  REQUIRE(read->size() == 2);
  CHECK(alarms_text(*read) == alarms_text({seen, aside}));
  CHECK(read->at(0).came_s == seen.came_s);
  CHECK(read->at(1).shelf.until_step == Step{400});
  CHECK(read->at(1).shelf_ends_s == aside.shelf_ends_s);
}

TEST_CASE("two windows keep what each has seen", "[gui][alarms]") {
  const Home home;
  const KeptAlarm a = alarm_of("a");
  const KeptAlarm b = alarm_of("b");
  Window one, two;  // both open, the file is empty
  one.keep({a});
  two.keep({b});
  CHECK(text_in_file() == alarms_text({a, b}));
  one.keep({a, alarm_of("c")});
  CHECK(text_in_file() == alarms_text({a, b, alarm_of("c")}));
  SECTION("the newest word on an alarm is kept") {
    const KeptAlarm aside = shelved(a, "known");
    two.keep({b, aside});
    CHECK(text_in_file() == alarms_text({aside, b, alarm_of("c")}));
    one.keep({a});  // it has nothing new to say of a
    CHECK(text_in_file() == alarms_text({aside, b}));
    KeptAlarm again = shelved(a, "known for long");
    one.keep({again});
    CHECK(text_in_file() == alarms_text({again, b}));
  }
  SECTION("what is over in the window that saw it goes, what another has shelved since stays") {
    two.keep({b, shelved(alarm_of("c"), "known")});
    one.keep({});
    CHECK(text_in_file() == alarms_text({b, shelved(alarm_of("c"), "known")}));
  }
  SECTION("what another one took off the shelf does not come back") {
    one.keep({a, b});
    two.keep({});
    one.keep({a, b, alarm_of("d")});
    CHECK(text_in_file() == alarms_text({a, alarm_of("d")}));
  }
  SECTION("a shelf that has ended goes, whoever wrote it") {
    two.keep({b, shelved(alarm_of("e"), "known", kNow + 5.0)});
    one.keep({a}, kNow + 4.0);
    CHECK(text_in_file() == alarms_text({a, b, shelved(alarm_of("e"), "known", kNow + 5.0)}));
    one.keep({a, alarm_of("f")}, kNow + 5.0);
    CHECK(text_in_file() == alarms_text({a, b, alarm_of("f")}));
  }
}

TEST_CASE("another attempt, record or place is another alarm", "[gui][alarms]") {
  const Home home;
  KeptAlarm other = alarm_of("a");
  SECTION("record") { other.record = "1.5 attempt 3 of s"; }
  SECTION("place") { other.place = "/run/y"; }
  SECTION("about") { other.about = "alert rule:other"; }
  Window one, two;
  one.keep({alarm_of("a")});
  two.keep({other});
  CHECK(text_in_file() == alarms_text({alarm_of("a"), other}));
}

// Each process is a window that keeps more and more: without the lock some of it is written over.
TEST_CASE("processes that write at the same time lose nothing", "[gui][alarms]") {
  const Home home;
  constexpr int kWindows = 4;
  constexpr int kTimes = 12;
  std::vector<pid_t> children;
  for (int window = 0; window < kWindows; ++window) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child > 0) {
      children.push_back(child);
      continue;
    }
    std::vector<KeptAlarm> before;
    for (int i = 0; i < kTimes; ++i) {
      std::vector<KeptAlarm> now = before;
      now.push_back(alarm_of("w" + std::to_string(window) + "-" + std::to_string(i)));
      while (!save_kept_alarms({before, now}, kNow)) {  // the lock was held for long
      }
      before = now;
    }
    ::_exit(0);
  }
  for (const pid_t child : children) {
    int status = 1;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(status == 0);
  }
  const auto kept = read_kept_alarms();
  REQUIRE(kept);
  CHECK(kept->size() == kWindows * kTimes);
}

TEST_CASE("what cannot be kept is said, and the file stays as it was", "[gui][alarms][hostile]") {
  const Home home;
  Window().keep({alarm_of("a")});
  const std::string whole = text_in_file();
  SECTION("the lock is no file") {
    std::filesystem::remove(home.file().string() + ".lock");
    std::filesystem::create_directory(home.file().string() + ".lock");
    const auto saved = save_kept_alarms({{}, {alarm_of("b")}}, kNow);
    REQUIRE_FALSE(saved);
    CHECK(saved.error().message.rfind("what was seen of alarms is not kept: ", 0) == 0);
    CHECK(saved.error().message.find("alarms.json.lock: cannot be opened") != std::string::npos);
    CHECK(text_in_file() == whole);
  }
  SECTION("the file is damaged: it is put aside, and all that this window keeps is written") {
    test::write_file(home.file(), "{ not JSON");
    const auto saved = save_kept_alarms({{alarm_of("a")}, {alarm_of("a"), alarm_of("b")}}, kNow);
    REQUIRE_FALSE(saved);
    CHECK(saved.error().message.find("kept as alarms.json.damaged") != std::string::npos);
    CHECK(text_in_file() == alarms_text({alarm_of("a"), alarm_of("b")}));
  }
  SECTION("the file was removed: likewise") {
    std::filesystem::remove(home.file());
    REQUIRE(save_kept_alarms({{alarm_of("a")}, {alarm_of("a")}}, kNow));
    CHECK(text_in_file() == whole);
  }
}

TEST_CASE("a place is the same however it was written", "[gui][alarms]") {
  const test::Folder folder;
  const auto before = std::filesystem::current_path();
  const auto real = std::filesystem::canonical(folder.path()) / "runs";
  std::filesystem::create_directory(real);
  std::filesystem::create_directory_symlink(real, real.parent_path() / "link");
  std::filesystem::current_path(real.parent_path());
  for (const char* name : {"runs", "./runs/", "runs/../link", "link"}) {
    INFO(name);
    CHECK(full_name(name) == real.string());
    CHECK(place_of(contexts::daemon_in(name)) == real.string());
  }
  CHECK(full_name("not-there") == (real.parent_path() / "not-there").string());
  std::filesystem::current_path(before);
  contexts::Daemon far = contexts::daemon_in(real.string());
  far.name = "lab";
  CHECK(place_of(far) == "lab, " + real.string());
}

TEST_CASE("a damaged file of alarms is put aside, and said", "[gui][alarms][hostile]") {
  const test::Folder folder;
  ::setenv("XDG_STATE_HOME", folder.path().c_str(), 1);
  const auto path = folder.path() / "phaseguard" / "alarms.json";
  KeptAlarm one;
  one.run = "a";
  const std::string whole = alarms_text({one});
  std::filesystem::create_directories(path.parent_path());
  struct Case {
    std::string text, says;
  };
  const Case cases[] = {
      {"{ not JSON", "parse error"},
      {"[]", "file.version: expected a number"},
      {R"({"version": 2, "alarms": []})", "file.version: expected 1"},
      {R"({"version": 1, "alarms": {}})", "file.alarms: expected a list"},
      {R"({"version": 1, "alarms": [7]})", "alarms[0].place: expected text"},
      {R"({"version": 1, "alarms": [{"place": "", "run": "", "record": "", "about": "",
           "level": "worst"}]})",
       "alarms[0].level: expected none, info, medium, high or critical"},
      {whole.substr(0, whole.size() / 2), "parse error"}};
  for (const Case& c : cases) {
    INFO(c.text);
    test::write_file(path, c.text);
    const auto read = read_kept_alarms();
    REQUIRE_FALSE(read);
    INFO(read.error().message);
    CHECK(read.error().message.find(c.says) != std::string::npos);
    CHECK(read.error().message.find("kept as alarms.json.damaged") != std::string::npos);
    CHECK(std::filesystem::exists(path.string() + ".damaged"));
    CHECK(read_kept_alarms());  // and the next window begins anew
  }
}
