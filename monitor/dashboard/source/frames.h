// Bytes in a file, in frames of 256 KiB with a checksum each, so that nothing is read that is not
// what was written: a frame that was changed, cut short, lost or moved ends the reading, and so
// does a file without its last one. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "monitor/run/pyramid/bytes.h"

namespace phaseguard::dashboard {

// Called between two frames; false: that is enough.
using Between = std::function<bool()>;

class FrameWriter final : public run::ByteSink {
 public:
  FrameWriter(int file, Between between);
  void put(const void* bytes, std::size_t n) override;
  // Writes what is left, and that this was all. False: not all of it could be written.
  [[nodiscard]] bool end();
  // What write() said (errno); 0: nothing.
  [[nodiscard]] int failed() const { return failed_; }

 private:
  void write_frame(bool is_last);

  int file_;
  Between between_;
  std::string frame_;
  std::uint64_t frames_ = 0;
  int failed_ = 0;
  bool stopped_ = false;
};

class FrameReader final : public run::ByteSource {
 public:
  FrameReader(int file, Between between);
  [[nodiscard]] bool take(void* bytes, std::size_t n) override;
  // Nothing is left, and that is how it was written.
  [[nodiscard]] bool ended();
  // `between` said so.
  [[nodiscard]] bool stopped() const { return stopped_; }

 private:
  // To a frame with something in it.
  [[nodiscard]] bool next();
  [[nodiscard]] bool read_frame();

  int file_;
  Between between_;
  std::string frame_;
  std::size_t at_ = 0;
  std::uint64_t frames_ = 0;
  bool is_last_ = false;
  bool broken_ = false;
  bool stopped_ = false;
};

}  // namespace phaseguard::dashboard
