// A picture that cannot be saved: the window goes on and says why, in one sentence.
#include <unistd.h>

#include <filesystem>

#include "monitor/dashboard/shell/pixels.h"
#include "monitor/dashboard/shell/png.h"
#include "tests/dashboard/headless.h"
#include "tests/support/catch.h"
#include "tests/support/folder.h"

using namespace phaseguard;
using namespace phaseguard::dashboard;

namespace {

const Box kPlace{{0.0F, 0.0F}, {4.0F, 2.0F}};
const std::string kPng = "\x89PNG";

// What the window says of a picture of this name.
std::string said_of(const std::string& name, Box place = kPlace) {
  test::Headless gui;
  View view;
  view.picture = PictureToSave{name, "judge/score", place, true};
  take_picture(view);
  CHECK_FALSE(view.picture);  // it is not tried again in each frame
  return view.saved;
}

struct WorkingDirectory {
  explicit WorkingDirectory(const std::filesystem::path& path) {
    std::filesystem::current_path(path);
  }
  ~WorkingDirectory() { std::filesystem::current_path(before); }
  std::filesystem::path before = std::filesystem::current_path();
};

}  // namespace

TEST_CASE("a picture that cannot be saved is one sentence", "[gui][hostile]") {
  const test::Folder folder;
  const WorkingDirectory here(folder.path());
  const std::string why = ": cannot be written (No such file or directory); does its folder exist?";
  CHECK(said_of("absent/x.png") == "no picture was written: " + (folder / "absent/x.png") + why);
  CHECK(said_of("x.png", {}) ==
        "no picture was taken: the plot is out of sight; scroll to it first");
  CHECK(std::filesystem::is_empty(folder.path()));
  const std::filesystem::path gone = folder / "gone";
  std::filesystem::create_directory(gone);
  const WorkingDirectory there(gone);
  std::filesystem::remove(gone);
  CHECK(said_of("x.png") == "no picture was written: x.png" + why);
}

TEST_CASE("a picture on a full disk is not said to be saved", "[hostile]") {
  if (::access("/dev/full", W_OK) != 0) return;
  const std::vector<unsigned char> rgba(4 * 4 * 4, 255);
  const auto written = write_png("/dev/full", 4, 4, rgba);
  REQUIRE_FALSE(written);
  CHECK(written.error().message.find("No space left on device") != std::string::npos);
}

TEST_CASE("a picture is saved beside one of its name", "[gui]") {
  const test::Folder folder;
  const WorkingDirectory here(folder.path());
  for (const char* name : {"x.png", "x-2.png", "x-3.png"}) {
    CHECK(said_of("x.png") == "saved " + (folder / name));
    CHECK(test::read_file(folder / name).rfind(kPng, 0) == 0);
  }
}
