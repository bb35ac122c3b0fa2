// What is no file is refused at once: a test that waits for a pipe would show it by not ending.
#include "monitor/base/file.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
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
