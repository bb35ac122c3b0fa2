// What is no file is refused at once: a test that waits for a pipe would show it by not ending.
#include "monitor/base/file.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <thread>

#include "tests/support/catch.h"
#include "tests/support/folder.h"

using namespace phaseguard;

namespace {

std::string make_pipe(const test::Folder& folder) {
  std::string name = folder / "pipe";
  REQUIRE(::mkfifo(name.c_str(), 0600) == 0);
  return name;
}

std::string make_socket(const test::Folder& folder) {
  std::string name = folder / "socket";
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, name.c_str(), sizeof address.sun_path - 1);
  const int descriptor = ::socket(AF_UNIX, SOCK_STREAM, 0);
  REQUIRE(::bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  ::close(descriptor);
  return name;
}

std::string refusal(const std::string& name, std::uint64_t max_bytes = kMaxTextBytes) {
  const auto read = read_file(name, "a list", max_bytes);
  REQUIRE_FALSE(read.has_value());
  return read.error().message;
}

}  // namespace

TEST_CASE("pipes, devices, sockets and folders are no files to read", "[base][hostile]") {
  const test::Folder folder;
  const std::string pipe = make_pipe(folder), socket = make_socket(folder);
  CHECK(refusal(pipe) == pipe + ": expected a list, found a pipe");
  CHECK(refusal(socket) == socket + ": expected a list, found a socket");
  CHECK(refusal("/dev/zero") == "/dev/zero: expected a list, found a device");
  CHECK(refusal("/dev/null") == "/dev/null: expected a list, found a device");
  CHECK(refusal(folder.path()) == folder.path().string() + ": expected a list, found a folder");
  REQUIRE(::symlink("/dev/zero", (folder / "link").c_str()) == 0);
  CHECK(refusal(folder / "link") == (folder / "link") + ": expected a list, found a device");
  CHECK_THAT(refusal(folder / "absent"), Catch::Contains("is the name right?"));
}

TEST_CASE("a file is read whole and up to its limit", "[base]") {
  const test::Folder folder;
  const std::string bytes(3'000'000, 'x');
  const std::string name = folder.write("big", bytes);
  CHECK(read_file(name, "a list", bytes.size()) == bytes);
  CHECK_THAT(refusal(name, bytes.size() - 1),
             Catch::Contains("a list of at most 2999999 bytes, found more"));
  CHECK(read_file(folder.write("empty", ""), "a list") == "");
  CHECK_FALSE(read_file("/proc/self/status")->empty());  // whose size is said to be 0
}

TEST_CASE("a place that cannot be written to is known before the work", "[base][hostile]") {
  const test::Folder folder;
  CHECK(check_output("").error().message == "expected a file to write, found an empty name");
  const std::string lost = folder / "no-such-folder/x";
  CHECK(check_output(lost).error().message ==
        lost + ": cannot be written (No such file or directory); does its folder exist?");
  CHECK(write_file(lost, "x").error().message == check_output(lost).error().message);
  CHECK(check_output("new-in-this-folder").has_value());
}

TEST_CASE("a file is written whole or stays as it was", "[base][hostile]") {
  const test::Folder folder;
  const std::string name = folder.write("kept", "old");
  REQUIRE(::chmod(name.c_str(), 0640) == 0);
  const std::string much(300'000, 'y');
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{}, small{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  small = before;
  small.rlim_cur = 100'000;  // as a full disk: writing ends half way
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  const auto refused = write_file(name, much), unborn = write_file(folder / "new", much);
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
  REQUIRE_FALSE(refused.has_value());
  CHECK_THAT(refused.error().message,
             Catch::Contains(name + ": cannot be written (File too large"));
  CHECK_FALSE(unborn.has_value());
  CHECK(test::read_file(name) == "old");
  const auto listed = std::filesystem::directory_iterator(folder.path());
  CHECK(std::distance(begin(listed), end(listed)) == 1);
  CHECK(write_file(name, much).has_value());
  CHECK(test::read_file(name) == much);
  struct stat found {};
  REQUIRE(::stat(name.c_str(), &found) == 0);
  CHECK((found.st_mode & 0777) == 0640);
  REQUIRE(::symlink(name.c_str(), (folder / "link").c_str()) == 0);
  CHECK(write_file(folder / "link", "through").has_value());
  CHECK(test::read_file(name) == "through");
}

TEST_CASE("output goes to a file, a device or a pipe that somebody reads", "[base]") {
  const test::Folder folder;
  const std::string pipe = make_pipe(folder);
  CHECK_THAT(write_file(pipe, "x").error().message, Catch::Contains("a pipe that nobody reads"));
  CHECK_THAT(check_output(pipe).error().message, Catch::Contains("a pipe that nobody reads"));
  CHECK_THAT(check_output(folder.path()).error().message, Catch::Contains("found a folder"));
  CHECK(check_output(folder / "new").has_value());
  CHECK(write_file("/dev/null", "x").has_value());
  CHECK_THAT(write_file("/dev/full", "x").error().message, Catch::Contains("cannot be written"));
  const std::string much(1'000'000, 'y');
  std::string read;
  std::thread reader([&] { read = test::read_file(pipe); });
  while (!check_output(pipe)) std::this_thread::yield();
  CHECK(write_file(pipe, much).has_value());
  reader.join();
  CHECK(read == much);
}
