#include "monitor/daemon/readings.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace phaseguard::daemon {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kTurn{20};
constexpr std::chrono::milliseconds kEach{5};  // in turn, so that a short record is soon read
constexpr int kBetweenLooks = 16;              // messages for each look at the clock

}  // namespace

bool Readings::has(const RunId& run) const {
  return std::any_of(readings_.begin(), readings_.end(),
                     [&](const Reading& reading) { return reading.run == run; });
}

void Readings::begin(const OpenRun& hello, store::Reader reader, std::string identity) {
  engine_.begin_restore(hello.run, std::move(identity));
  readings_.push_front({hello.run, std::move(reader)});
  (void)wait(hello);
}

bool Readings::wait(const OpenRun& hello) {
  const auto found = std::find_if(readings_.begin(), readings_.end(),
                                  [&](const Reading& reading) { return reading.run == hello.run; });
  return found->hellos.add(hello);
}

std::vector<Readings::Over> Readings::read_on(Now now, Effects& effects) {
  std::vector<Over> over;
  const Clock::time_point until = Clock::now() + kTurn;
  while (!readings_.empty() && Clock::now() < until) {
    Reading reading = std::move(readings_.front());
    readings_.pop_front();
    const Result<bool> done = read_a_little(reading);
    if (done && !*done) {
      readings_.push_back(std::move(reading));
      continue;
    }
    Result<void> read;
    if (!done) read = tl::unexpected(done.error());
    if (done) {
      engine_.end_restore(reading.run, now, effects);
    } else {
      engine_.give_up_restore(reading.run);
    }
    over.push_back({std::move(reading.run), std::move(read), std::move(reading.hellos)});
  }
  return over;
}

Result<bool> Readings::read_a_little(Reading& reading) {
  const Clock::time_point until = Clock::now() + kEach;
  Result<void> taken;
  bool over = true;
  int n = 0;
  const Result<void> read = reading.reader.each(reading.next, [&](const wire::Message& message) {
    taken = engine_.take_up(reading.run, message);
    reading.next = Seq{message.header.seq.value + 1};
    over = ++n % kBetweenLooks != 0 || Clock::now() < until;
    return taken.has_value() && over;
  });
  if (!taken) return tl::unexpected(taken.error());
  if (!read) return tl::unexpected(read.error());
  return over;
}

}  // namespace phaseguard::daemon
