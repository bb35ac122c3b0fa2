// Points over the bound leave the process, and are there when they are looked at.
#include "monitor/dashboard/source/spill.h"

#include <sys/resource.h>

#include <bit>
#include <csignal>
#include <cstdlib>
#include <fstream>

#include "monitor/run/series.h"
#include "tests/support/catch.h"
#include "tests/support/folder.h"

using namespace phaseguard;
using dashboard::Spill;

namespace {

constexpr std::size_t kBound = std::size_t{16} << 20;
constexpr std::int64_t kPoints = 4'000'000;  // about 60 MB

double value_of(std::int64_t i) {
  const auto bits = static_cast<std::uint64_t>(i + 1) * 0x9E3779B97F4A7C15ULL;
  return static_cast<double>(bits >> 11) * 0x1p-53;
}

void append(run::Series& series, std::int64_t i) {
  series.append(Step{i}, 1.76e9 + 0.5 * static_cast<double>(i), value_of(i), Quality::kGood);
}

// Bytes in memory, of all kinds.
std::size_t resident() {
  std::ifstream statm("/proc/self/statm");
  std::size_t size = 0;
  std::size_t pages = 0;
  statm >> size >> pages;
  return pages * 4096;
}

bool is_whole(const run::Series& series, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    const auto at = static_cast<std::size_t>(i);
    const bool same = series.step_at(at) == Step{i} && series.value_at(at) == value_of(i) &&
                      series.t_at(at) == 1.76e9 + 0.5 * static_cast<double>(i);
    if (!same) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("the process stays within the bound and nothing is lost", "[opening]") {
  const test::Folder folder;
  auto spill = Spill::create(folder.path(), kBound);
  REQUIRE(spill);
  CHECK(std::filesystem::is_empty(folder.path()));  // the file has no name any more
  run::Series series(spill->get());
  const std::size_t before = resident();
  std::size_t most = 0;
  for (std::int64_t i = 0; i < kPoints; ++i) {
    append(series, i);
    if (i % 10000 != 0) continue;
    (*spill)->keep_to_bound();
    most = std::max(most, resident() - std::min(before, resident()));
  }
  const std::size_t held = (*spill)->in_file();
  INFO("held " << held << ", at most resident " << most);
  CHECK(held > 3 * kBound);
  CHECK(most < kBound + (std::size_t{12} << 20));  // the index of the points is beside it
  CHECK((*spill)->resident() <= kBound);
  CHECK((*spill)->beside() == 0);
  CHECK((*spill)->problem().empty());
  CHECK(is_whole(series, kPoints));
  CHECK(resident() > before + 2 * kBound);  // they were looked at, and have come back
  for (int frame = 0; frame < 20; ++frame) (*spill)->keep_to_bound();
  CHECK((*spill)->resident() <= kBound);
  CHECK(resident() < before + kBound + (std::size_t{12} << 20));
  CHECK(is_whole(series, kPoints));
}

TEST_CASE("below the bound everything stays", "[opening]") {
  const test::Folder folder;
  auto spill = Spill::create(folder.path(), std::size_t{1} << 30);
  REQUIRE(spill);
  run::Series series(spill->get());
  for (std::int64_t i = 0; i < 100'000; ++i) append(series, i);
  (*spill)->keep_to_bound();
  CHECK((*spill)->resident() == (*spill)->in_file());
  CHECK(is_whole(series, 100'000));
}

TEST_CASE("what is given back by a row is used again", "[opening]") {
  const test::Folder folder;
  auto spill = Spill::create(folder.path(), kBound);
  REQUIRE(spill);
  std::size_t first = 0;
  for (int round = 0; round < 10; ++round) {
    run::Series series(spill->get());
    for (std::int64_t i = 0; i < 50'000; ++i) append(series, i);
    if (round == 0) first = (*spill)->in_file();
  }
  CHECK((*spill)->in_file() == first);
}

TEST_CASE("a file that cannot grow says so, and the points stay in memory", "[opening]") {
  const test::Folder folder;
  auto spill = Spill::create(folder.path(), kBound);
  REQUIRE(spill);
  rlimit before{};
  REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
  const rlimit small{std::size_t{8} << 20, before.rlim_max};
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  REQUIRE(setrlimit(RLIMIT_FSIZE, &small) == 0);
  {
    run::Series series(spill->get());
    for (std::int64_t i = 0; i < 1'000'000; ++i) append(series, i);
    (*spill)->keep_to_bound();
    REQUIRE(setrlimit(RLIMIT_FSIZE, &before) == 0);
    CHECK((*spill)->problem().find("cannot grow beyond 8 MB: File too large") != std::string::npos);
    CHECK((*spill)->beside() > std::size_t{4} << 20);
    CHECK(is_whole(series, 1'000'000));
  }
  CHECK((*spill)->beside() == 0);
  std::signal(SIGXFSZ, handler);
}

TEST_CASE("a folder that cannot take the file is named", "[opening]") {
  const test::Folder folder;
  const std::string none = folder / "none";
  const auto spill = Spill::create(none, kBound);
  REQUIRE_FALSE(spill);
  CHECK(spill.error().message.find("no file can be made in \"" + none + "\"") == 0);
  CHECK(spill.error().message.find("set XDG_CACHE_HOME or TMPDIR") != std::string::npos);
}
