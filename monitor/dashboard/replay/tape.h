// The record of one run, message by message, as long as its timeline is open. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "monitor/base/types.h"
#include "monitor/wire/messages.h"

namespace phaseguard::dashboard {

inline constexpr std::size_t kMostTaped = 1'000'000;  // messages

// Where a message stands, in words of the trainer.
struct Moment {
  Step step{-1};
  std::int64_t attempt = 0;
  double t = 0.0;  // seconds since the epoch
};

class Tape {
 public:
  // Messages of the run in order; those that are there already, of other runs, or without a place
  // in the record are passed over. Nothing is added once it is full.
  void add(const RunId& run, const std::vector<wire::Message>& messages);

  [[nodiscard]] std::size_t size() const { return moments_.size(); }
  [[nodiscard]] bool full() const { return size() >= kMostTaped; }
  // i < size()
  [[nodiscard]] wire::Message message(std::size_t i) const;
  // After so many messages: place <= size(). Of place 0: nothing has happened.
  [[nodiscard]] Moment moment(std::size_t place) const;
  // How many messages there are before the first one of a later step than this.
  [[nodiscard]] std::size_t place_of(Step step) const;
  // How many messages there are up to and with this one.
  [[nodiscard]] std::size_t place_of(Seq seq) const;

 private:
  std::vector<std::string> frames_;  // encoded: a decoded message is several times as large
  std::vector<Moment> moments_;
  std::vector<Seq> seqs_;
};

}  // namespace phaseguard::dashboard
