// Writes the golden frames and their readable twins:  write_golden tests/data/wire/v1
// To be run only when protocol 1 gains a field or a kind; the old files then stay as v1 fixtures of
// what earlier versions sent. The test fails when encode() gives other bytes than these files.
#include <cstdio>
#include <fstream>
#include <string>

#include "monitor/wire/codec.h"
#include "tests/wire/samples.h"

int main(int argc, char** argv) {
  using namespace phaseguard::wire;
  if (argc != 2) {
    std::fprintf(stderr, "usage: write_golden DIR\n");
    return 2;
  }
  for (const Message& message : samples()) {
    const std::string stem = std::string(argv[1]) + "/" + std::string(kind_of(message.body));
    const std::string frame = encode(message);
    std::ofstream bin(stem + ".bin", std::ios::binary);
    bin << frame;
    std::ofstream json(stem + ".json");
    json << readable(frame);
    if (!bin.flush() || !json.flush()) {
      std::fprintf(stderr, "write_golden: cannot write %s.{bin,json}\n", stem.c_str());
      return 1;
    }
  }
  return 0;
}
