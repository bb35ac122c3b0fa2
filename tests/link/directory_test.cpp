#include "monitor/link/directory.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

#include "tests/support/catch.h"
#include "tests/support/folder.h"

namespace phaseguard::link {
namespace {

bool says(const Error& error, const std::string& part) {
  INFO(error.message);
  return error.message.find(part) != std::string::npos;
}

TEST_CASE("an absent socket directory is made for its owner alone", "[link]") {
  const test::Folder folder;
  const std::string made = folder / "sockets";
  REQUIRE(prepare_directory(made).has_value());
  struct stat info {};
  REQUIRE(::stat(made.c_str(), &info) == 0);
  CHECK((info.st_mode & 07777) == 0700);
  CHECK(prepare_directory(made).has_value());
}

TEST_CASE("a socket directory others can enter is refused", "[link][hostile]") {
  const test::Folder folder;
  for (const mode_t mode : {0750, 0707, 0777}) {
    REQUIRE(::chmod(folder.path().c_str(), mode) == 0);
    const auto ready = prepare_directory(folder.path());
    REQUIRE_FALSE(ready.has_value());
    CHECK(ready.error().code == Errc::kRefused);
    CHECK(says(ready.error(), "0700"));
    CHECK(says(ready.error(), "chmod"));
  }
}

TEST_CASE("a link, a file or a missing parent is no socket directory", "[link][hostile]") {
  const test::Folder folder;
  std::filesystem::create_directory(folder / "real");
  std::filesystem::create_directory_symlink(folder / "real", folder / "link");
  std::ofstream(folder / "file") << "x";
  CHECK(says(prepare_directory(folder / "link").error(), "symbolic link"));
  CHECK(says(prepare_directory(folder / "file").error(), "a file"));
  CHECK(prepare_directory(folder / "no/where").error().code == Errc::kIo);
}

TEST_CASE("a lock names its holder and ends with it", "[link]") {
  const test::Folder folder;
  const Endpoint endpoint = endpoints_in(folder.path()).telemetry;
  {
    auto first = EndpointLock::take(endpoint);
    REQUIRE(first.has_value());
    const EndpointLock held = std::move(*first);
    const auto second = EndpointLock::take(endpoint);
    REQUIRE_FALSE(second.has_value());
    CHECK(second.error().code == Errc::kConflict);
    CHECK(says(second.error(), "in use by process " + std::to_string(::getpid())));
  }
  CHECK(EndpointLock::take(endpoint).has_value());
}

}  // namespace
}  // namespace phaseguard::link
