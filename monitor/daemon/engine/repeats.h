// Frames of one attempt that come again: the same ones, sent anew after a link was lost, or others
// under the same numbers, as of a script that was started twice. And those that come after they
// were recorded as lost. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>

#include "monitor/wire/messages.h"

namespace phaseguard::daemon {

class Repeats {
 public:
  // A new attempt.
  void clear() { *this = Repeats(); }

  void add(Seq number, std::uint64_t digest) { newest_[place(number)] = {number, digest, false}; }
  // Numbers that are not waited for any more.
  void pass(Seq from, Seq to);
  // A number that is recorded: whether it was given to another frame. What is no longer known is
  // taken for the same.
  [[nodiscard]] bool is_other(Seq number, std::uint64_t digest) const {
    const Known& known = newest_[place(number)];
    return known.number == number && !known.passed && known.digest != digest;
  }

  // Counts the values of a frame whose number is passed: kDuplicate, it is recorded already, or
  // kLate, it was recorded as lost.
  void count(const wire::Message& frame);
  [[nodiscard]] std::int64_t values(wire::ReportFate fate, const std::string& signal) const;

 private:
  static constexpr std::size_t kKept = 1024;
  struct Known {
    Seq number{-1};
    std::uint64_t digest = 0;
    bool passed = false;
  };
  static std::size_t place(Seq number) { return static_cast<std::size_t>(number.value) % kKept; }

  std::array<Known, kKept> newest_{};
  std::map<std::string, std::int64_t> duplicates_, late_;
};

}  // namespace phaseguard::daemon
