// Writes the golden frames and their readable twins:  write_golden tests/data/wire
// To be run only when the protocol gains a minor version, in a folder of its own; the old files
// stay as what earlier versions sent. The test fails when encode() gives other bytes than these
// files.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "monitor/wire/codec.h"
#include "tests/wire/samples.h"

namespace {

using phaseguard::wire::Message;

bool write_all(const std::filesystem::path& folder, const std::vector<Message>& messages) {
  std::filesystem::create_directories(folder);
  for (const Message& message : messages) {
    const std::string stem = (folder / std::string(kind_of(message.body))).string();
    const std::string frame = encode(message);
    std::ofstream bin(stem + ".bin", std::ios::binary);
    bin << frame;
    std::ofstream json(stem + ".json");
    json << phaseguard::wire::readable(frame);
    if (!bin.flush() || !json.flush()) {
      std::fprintf(stderr, "write_golden: cannot write %s.{bin,json}\n", stem.c_str());
      return false;
    }
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace phaseguard::wire;
  if (argc != 2) {
    std::fprintf(stderr, "usage: write_golden DIR\n");
    return 2;
  }
  const std::filesystem::path folder = argv[1];
  const bool written = write_all(folder / "v1", samples()) &&
                       write_all(folder / "v1.1", samples_of_1_1()) &&
                       write_all(folder / "v1.1-held", samples_of_held()) &&
                       write_all(folder / "v1.1-parts", samples_of_parts());
  return written ? 0 : 1;
}
