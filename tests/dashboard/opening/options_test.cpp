// --memory: which sizes are taken, and what is said where they are not.
#include "monitor/dashboard/shell/options.h"

#include <array>
#include <string>

#include "monitor/dashboard/source/spill.h"
#include "tests/support/catch.h"

using namespace phaseguard;
using namespace phaseguard::dashboard;

namespace {

// Exit code, -1: it goes on.
int parse(std::string size, Options& options) {
  std::string program = "phaseguard-dashboard";
  std::string file = "run.phaseguard";
  std::string key = "--memory";
  std::array<char*, 4> words{program.data(), file.data(), key.data(), size.data()};
  return parse_options(static_cast<int>(words.size()), words.data(), options).value_or(-1);
}

}  // namespace

TEST_CASE("a bound of memory is a number and a unit", "[opening]") {
  Options options;
  CHECK(parse("512M", options) == -1);
  CHECK(options.memory == std::uint64_t{512} << 20);
  CHECK(parse("16M", options) == -1);
  CHECK(options.memory == kLeastBound);
  CHECK(parse("20000K", options) == -1);
  CHECK(options.memory == std::uint64_t{20000} << 10);
  CHECK(parse("3G", options) == -1);
  CHECK(options.memory == std::uint64_t{3} << 30);
  CHECK(parse("1T", options) == -1);
}

TEST_CASE("other sizes are refused", "[opening][hostile]") {
  for (const char* size :
       {"", "M", "512", "512m", "15M", "0G", "-1G", "1.5G", "99999999999999999999G",
        "18014398509481984K", "2000T", "5GB", "5 G", "0x10M", "G5"}) {
    Options options;
    INFO(size);
    CHECK(parse(size, options) == 2);
    CHECK(options.memory == 0);
  }
}
