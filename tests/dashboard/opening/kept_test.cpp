// Views of records that are kept: the second opening shows what the first one did, for the same
// record alone, and nothing that lies in the place of a view does harm.
#include "monitor/dashboard/source/kept.h"

#include <sys/file.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <random>
#include <set>
#include <thread>

#include "monitor/dashboard/model/model.h"
#include "monitor/dashboard/source/source.h"
#include "monitor/dashboard/source/spill.h"
#include "monitor/run/image/image.h"
#include "monitor/store/writer.h"
#include "tests/support/catch.h"
#include "tests/support/folder.h"

using namespace phaseguard;
using namespace phaseguard::dashboard;

namespace fs = std::filesystem;

namespace {

constexpr std::int64_t kMessages = 3000;

wire::Message message(std::int64_t seq, double salt = 0.0) {
  wire::Message m;
  m.header.run = *RunId::parse("long");
  m.header.attempt = 1 + seq / 1000;
  m.header.seq = Seq{seq};
  m.header.step = Step{seq % 1000};
  m.header.t = 1.76e9 + static_cast<double>(seq);
  if (seq % 1000 == 1) {
    wire::Hello hello;
    hello.session = "s" + std::to_string(seq);
    hello.start_step = m.header.step;
    m.body = hello;
    return m;
  }
  wire::Report body;
  for (const char* name : {"train/loss", "canary/js"}) {
    wire::Sample sample;
    sample.signal = name;
    sample.value = seq % 41 == 3 ? wire::kNaN : salt + std::sin(static_cast<double>(seq));
    sample.missing = seq % 67 == 5;
    body.samples.push_back(sample);
  }
  m.body = body;
  return m;
}

void write(const fs::path& path, std::int64_t from, std::int64_t to, double salt = 0.0) {
  auto writer = store::Writer::create_or_open(path, *RunId::parse("long"), Now{1.0, Nanos{1}});
  REQUIRE(writer);
  for (std::int64_t seq = from; seq <= to; ++seq) REQUIRE(writer->append(message(seq, salt)));
}

class TextSink final : public run::ByteSink {
 public:
  void put(const void* bytes, std::size_t n) override {
    text.append(static_cast<const char*>(bytes), n);
  }
  std::string text;
};

std::string image_of(const run::RunState& state) {
  TextSink sink;
  run::put_image(state, sink);
  return sink.text;
}

bool go_on() { return true; }

// A record, and a folder for views.
struct Place {
  test::Folder records;
  test::Folder cache;
  fs::path path = records / "long.phaseguard";
  KeptFolder folder{fs::path(cache.path()) / "views"};

  Place() { write(path, 1, kMessages); }

  [[nodiscard]] store::Reader reader() const {
    auto reader = store::Reader::open(path);
    REQUIRE(reader);
    return std::move(*reader);
  }
  [[nodiscard]] run::RunState read() const {
    run::RunState state;
    REQUIRE(reader().each(Seq{1}, [&](const wire::Message& m) {
      run::fold(state, m);
      return true;
    }));
    return state;
  }
  [[nodiscard]] std::string keep() const {
    const store::Reader record = reader();
    const run::RunState state = read();
    const auto key = key_of(record, state.last_seq);
    REQUIRE(key);
    return keep_view(folder, *key, state, go_on);
  }
  [[nodiscard]] FoundView find() const {
    return find_view(folder, reader(), std::pmr::get_default_resource(), go_on);
  }
  [[nodiscard]] std::set<std::string> files() const {
    std::set<std::string> names;
    for (const auto& file : fs::directory_iterator(folder.path)) {
      names.insert(file.path().extension().string());
    }
    return names;
  }
  [[nodiscard]] fs::path view() const {
    return folder.path / (reader().mark(Seq{0})->identity + ".view");
  }
};

struct Opened {
  std::string image;
  std::string kept;
  std::int64_t messages = 0;
};

// As the dashboard opens it, until everything is there and kept.
Opened open(const Place& place, double worth_it_s) {
  auto source = open_files(place.path, {},
                           Keeping{place.folder, std::pmr::get_default_resource(), {}, worth_it_s});
  REQUIRE(source);
  Model model("ann", "s");
  Opened out;
  const auto count = [&](const Batch& batch) {
    out.messages += static_cast<std::int64_t>(batch.messages.size());
  };
  const auto is_done = [&] {
    const std::string& kept = model.source().kept;
    const bool is_kept = kept.find("for the next opening") != std::string::npos ||
                         kept.find("not kept") != std::string::npos;
    return !model.source().loading && (is_kept || worth_it_s > 0.0);
  };
  while (!is_done()) exchange(**source, model, count);
  out.kept = model.source().kept;
  out.image = image_of(*model.shown());
  return out;
}

constexpr double kAlways = 0.0;
constexpr double kNever = 1e9;

}  // namespace

TEST_CASE("the second opening is the first one, without reading the record", "[kept]") {
  const Place place;
  const Opened first = open(place, kAlways);
  CHECK(first.messages == kMessages);
  CHECK(first.kept == "the view is kept for the next opening");
  CHECK(first.image == image_of(place.read()));
  const Opened second = open(place, kNever);
  CHECK(second.messages == 200);  // what is seen first
  CHECK(second.kept == "opened from the view that an earlier opening kept");
  CHECK(second.image == first.image);
}

TEST_CASE("what is read quickly is not kept", "[kept]") {
  const Place place;
  CHECK(open(place, kNever).kept.empty());
  CHECK_FALSE(fs::exists(place.folder.path));
}

TEST_CASE("a record that has grown is read on from where the view ends", "[kept]") {
  const Place place;
  REQUIRE(open(place, kAlways).kept == "the view is kept for the next opening");
  write(place.path, kMessages + 1, kMessages + 500);
  const Opened grown = open(place, kAlways);
  CHECK(grown.messages == 200 + 500);
  CHECK(grown.image == image_of(place.read()));
  CHECK(grown.kept ==
        "opened from the view that an earlier opening kept; the view is kept for the next "
        "opening");  // anew, as far as it goes now
  CHECK(open(place, kNever).messages == 200);
}

TEST_CASE("nothing is written beside the record", "[kept]") {
  const Place place;
  const auto names = [&] {
    std::set<std::string> all;
    for (const auto& file : fs::directory_iterator(place.records.path())) all.insert(file.path());
    return all;
  };
  const auto before = names();
  const std::string bytes = test::read_file(place.path);
  REQUIRE(open(place, kAlways).kept == "the view is kept for the next opening");
  REQUIRE(open(place, kNever).messages == 200);
  CHECK(names() == before);
  CHECK(test::read_file(place.path) == bytes);
  CHECK((fs::status(place.view()).permissions() & fs::perms(0077)) == fs::perms::none);
  CHECK((fs::status(place.folder.path).permissions() & fs::perms(0077)) == fs::perms::none);
}

TEST_CASE("a view that is not as it was written is thrown away", "[kept]") {
  const Place place;
  REQUIRE(place.keep().empty());
  const std::string whole = test::read_file(place.view());
  REQUIRE(place.find().state);
  std::mt19937 random(17);
  const auto is_refused = [&](const std::string& bytes) {
    test::write_file(place.view(), bytes);
    const FoundView found = place.find();
    return !found.state && !found.problem.empty() && !fs::exists(place.view());
  };
  for (std::size_t n = 0; n < whole.size(); n += n < 200 ? 7 : 4999) {
    CAPTURE(n);
    REQUIRE(is_refused(whole.substr(0, n)));
  }
  REQUIRE(is_refused(whole.substr(0, whole.size() - 1)));
  REQUIRE(is_refused(whole + "x"));
  for (int round = 0; round < 200; ++round) {
    std::string other = whole;
    const std::size_t at = round < 100 ? random() % 400 : random() % whole.size();
    other[at] = static_cast<char>(other[at] ^ (1 << random() % 8));
    CAPTURE(at);
    REQUIRE(is_refused(other));
  }
  test::write_file(place.view(), whole);
  CHECK(image_of(*place.find().state) == image_of(place.read()));
}

TEST_CASE("frames that change places are noticed", "[kept]") {
  const test::Folder folder;
  const fs::path path = folder / "frames";
  constexpr std::size_t kFrame = (std::size_t{256} << 10) + 24;
  const auto file = [&](int flags) { return ::open(path.c_str(), flags | O_CLOEXEC, 0600); };
  const int out = file(O_WRONLY | O_CREAT);
  FrameWriter writer(out, go_on);
  for (std::uint64_t i = 0; i < 100'000; ++i) writer.put(&i, sizeof i);
  REQUIRE(writer.end());
  ::close(out);
  std::string bytes = test::read_file(path);
  const auto reads = [&] {
    const int in = file(O_RDONLY);
    FrameReader reader(in, go_on);
    bool ok = true;
    for (std::uint64_t i = 0, found = 0; ok && i < 100'000; ++i) {
      ok = reader.take(&found, sizeof found) && found == i;
    }
    ok = ok && reader.ended();
    ::close(in);
    return ok;
  };
  CHECK(reads());
  std::swap_ranges(bytes.begin(), bytes.begin() + kFrame, bytes.begin() + kFrame);
  test::write_file(path, bytes);
  CHECK_FALSE(reads());
}

TEST_CASE("a view is of one record alone", "[kept]") {
  const Place place;
  REQUIRE(place.keep().empty());
  SECTION("another record of the same name") {
    const fs::path view = place.view();
    fs::remove(place.path);
    write(place.path, 1, kMessages);
    CHECK_FALSE(place.find().state);
    CHECK(place.find().problem.empty());  // it has none of its own
    fs::rename(view, place.view());
    const FoundView found = place.find();
    CHECK_FALSE(found.state);
    CHECK(found.problem.find("is of another record") != std::string::npos);
  }
  SECTION("the same record, shorter") {
    const Place other;
    const fs::path copy = place.records / "copy.phaseguard";
    fs::remove(place.path);
    write(place.path, 1, 100);
    fs::copy_file(place.path, copy);
    write(place.path, 101, kMessages);
    REQUIRE(place.keep().empty());
    fs::rename(copy, place.path);
    const FoundView found = place.find();
    CHECK_FALSE(found.state);
    CHECK(found.problem.find("goes further than the record") != std::string::npos);
  }
  SECTION("the same record, another end and more") {
    const fs::path copy = place.records / "copy.phaseguard";
    const std::int64_t until = GENERATE(2000, 2990);  // before and behind its last hello
    fs::remove(place.path);
    write(place.path, 1, until);
    fs::copy_file(place.path, copy);
    write(place.path, until + 1, kMessages);
    REQUIRE(place.keep().empty());
    fs::rename(copy, place.path);
    write(place.path, until + 1, kMessages + 100, 0.25);
    const FoundView found = place.find();
    CHECK_FALSE(found.state);
    CHECK(found.problem.find("is of another record") != std::string::npos);
  }
  SECTION("the same length, written to since") {
    fs::last_write_time(place.path, fs::file_time_type::clock::now() + std::chrono::seconds(5));
    CHECK(place.find().problem.find("one that was changed") != std::string::npos);
  }
}

TEST_CASE("where nothing can be written the view goes on, and says so once", "[kept]") {
  Place place;
  SECTION("no folder can be made") {
    test::write_file(place.cache / "file", "");
    place.folder.path = place.cache / "file/views";
    const Opened opened = open(place, kAlways);
    CHECK(opened.kept.find("the view is not kept in ") == 0);
    CHECK(opened.kept.find("Not a directory") != std::string::npos);
    CHECK(opened.image == image_of(place.read()));
  }
  SECTION("the disk is full") {
    rlimit before{};
    REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
    const rlimit small{std::size_t{20} << 10, before.rlim_max};
    const auto handler = std::signal(SIGXFSZ, SIG_IGN);
    REQUIRE(setrlimit(RLIMIT_FSIZE, &small) == 0);
    const std::string said = place.keep();
    REQUIRE(setrlimit(RLIMIT_FSIZE, &before) == 0);
    std::signal(SIGXFSZ, handler);
    CHECK(said.find("File too large; the next opening reads the record again") !=
          std::string::npos);
    CHECK(place.files().empty());
  }
}

TEST_CASE("the last of a disk is left to others", "[kept]") {
  Place place;
  place.folder.least_free = std::uint64_t{1} << 62;
  run::RunState state = place.read();
  run::Series& series = state.signals.at("train/loss").series;
  for (std::int64_t i = 0; i < 100'000; ++i) {
    series.append(Step{i}, 1e9 * std::sin(static_cast<double>(i)), 1.0, Quality::kGood);
  }
  const auto key = key_of(place.reader(), Seq{kMessages});
  CHECK(keep_view(place.folder, *key, state, go_on).find("its disk is nearly full") !=
        std::string::npos);
  CHECK(place.files().empty());
}

TEST_CASE("two windows that keep the same view do no harm", "[kept]") {
  const Place place;
  const store::Reader record = place.reader();
  const run::RunState state = place.read();
  const ViewKey key = *key_of(record, Seq{kMessages});
  std::vector<std::thread> windows;
  std::vector<std::string> said(4);
  for (std::string& words : said) {
    windows.emplace_back([&] {
      for (int i = 0; i < 50 && words.empty(); ++i) {
        words = keep_view(place.folder, key, state, go_on);
        const FoundView found =
            find_view(place.folder, place.reader(), std::pmr::get_default_resource(), go_on);
        if (!found.problem.empty()) words = found.problem;
      }
    });
  }
  for (std::thread& window : windows) window.join();
  for (const std::string& words : said) CHECK(words.empty());
  CHECK(place.files() == std::set<std::string>{".view"});
  CHECK(image_of(*place.find().state) == image_of(state));
}

TEST_CASE("what a killed process left is used up, what another writes is left alone", "[kept]") {
  const Place place;
  fs::create_directories(place.folder.path);
  const std::string fresh = place.view().string() + "-new";
  test::write_file(fresh, std::string(1'000'000, 'x'));
  test::write_file(place.folder.path / "00.view-new", "left");
  SECTION("nobody holds it") {
    CHECK(place.keep().empty());
    CHECK(place.find().state);
    CHECK(place.files() == std::set<std::string>{".view"});
  }
  SECTION("another window does") {
    const int other = ::open(fresh.c_str(), O_RDWR | O_CLOEXEC);
    REQUIRE(::flock(other, LOCK_EX) == 0);
    CHECK(place.keep().empty());
    CHECK_FALSE(place.find().state);
    CHECK(test::read_file(fresh).size() == 1'000'000);
    ::close(other);
  }
}

TEST_CASE("the window is closed while a view is written", "[kept]") {
  const Place place;
  run::RunState state = place.read();
  run::Series& series = state.signals.at("train/loss").series;
  for (std::int64_t i = 0; i < 200'000; ++i) {
    series.append(Step{i}, 1e9 * std::sin(static_cast<double>(i)), 1.0, Quality::kGood);
  }
  const ViewKey key = *key_of(place.reader(), Seq{kMessages});
  int frames = 0;
  CHECK(keep_view(place.folder, key, state, [&] { return ++frames < 3; }).empty());
  CHECK(frames == 3);
  CHECK(place.files().empty());
  REQUIRE(keep_view(place.folder, key, state, go_on).empty());
  const FoundView found = find_view(place.folder, place.reader(), std::pmr::get_default_resource(),
                                    [] { return false; });
  CHECK_FALSE(found.state);
  CHECK(found.problem.empty());  // it was not looked at to the end: it stays
  CHECK(place.find().state);
}

TEST_CASE("beyond its bound the folder loses what was not used for longest", "[kept]") {
  Place place;
  REQUIRE(place.keep().empty());
  const auto bytes = fs::file_size(place.view());
  fs::last_write_time(place.view(), fs::file_time_type::clock::now() - std::chrono::hours(2));
  const fs::path older = place.folder.path / "0123.view";
  const fs::path newer = place.folder.path / "4567.view";
  test::write_file(older, std::string(bytes, 'x'));
  test::write_file(newer, std::string(bytes, 'x'));
  fs::last_write_time(older, fs::file_time_type::clock::now() - std::chrono::hours(1));
  REQUIRE(place.find().state);  // which uses it now
  place.folder.most = 2 * bytes + bytes / 2;
  REQUIRE(place.keep().empty());
  CHECK(fs::exists(place.view()));
  CHECK(fs::exists(newer));
  CHECK_FALSE(fs::exists(older));
}

TEST_CASE("points that are taken and kept stay within the bound of memory", "[kept]") {
  const Place place;
  run::RunState state = place.read();
  run::Series& series = state.signals.at("train/loss").series;
  for (std::int64_t i = 0; i < 3'000'000; ++i) {
    series.append(Step{i}, 1e9 * std::sin(static_cast<double>(i)), 1.0, Quality::kGood);
  }
  const ViewKey key = *key_of(place.reader(), Seq{kMessages});
  REQUIRE(keep_view(place.folder, key, state, go_on).empty());
  const test::Folder folder;
  auto spill = Spill::create(folder.path(), kLeastBound);
  REQUIRE(spill);
  std::size_t most = 0;
  const auto ease = [&] {
    (*spill)->keep_to_bound();
    most = std::max(most, (*spill)->resident());
    return true;
  };
  {
    const FoundView found = find_view(place.folder, place.reader(), spill->get(), ease);
    REQUIRE(found.state);
    CHECK((*spill)->in_file() > 3 * kLeastBound);
    CHECK(most < kLeastBound + (std::size_t{5} << 20));
    most = 0;
    CHECK(keep_view(place.folder, key, *found.state, ease).empty());
    CHECK(most > 0);
    CHECK(most < kLeastBound + (std::size_t{5} << 20));
    CHECK(image_of(*found.state) == image_of(state));
  }
}

TEST_CASE("of two records of one name in a folder no view is kept or taken", "[kept]") {
  const Place place;
  write(place.records / "other.phaseguard", 1, 500, 0.5);
  auto source = open_files(place.records.path(), {},
                           Keeping{place.folder, std::pmr::get_default_resource(), {}, kAlways});
  REQUIRE(source);
  Model model("ann", "s");
  for (int i = 0; i < 200 || model.source().loading; ++i) {
    exchange(**source, model);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  CHECK(model.source().kept.empty());
  CHECK_FALSE(fs::exists(place.folder.path));
}
