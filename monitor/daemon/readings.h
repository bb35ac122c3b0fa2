// Records that are read back while the daemon goes on: a little at each turn of the loop, so that
// other trainers and operators are answered meanwhile. Owned by the loop's thread.
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <vector>

#include "monitor/base/result.h"
#include "monitor/daemon/engine/engine.h"
#include "monitor/daemon/opening.h"
#include "monitor/store/reader.h"

namespace phaseguard::daemon {

class Readings {
 public:
  explicit Readings(Engine& engine) : engine_(engine) {}

  [[nodiscard]] bool empty() const { return readings_.empty(); }
  [[nodiscard]] std::size_t size() const { return readings_.size(); }
  [[nodiscard]] bool has(const RunId& run) const;

  // Begins with the record of the run of `hello`, which waits until it is read.
  void begin(const OpenRun& hello, store::Reader reader, std::string identity);

  // Another hello of a run that has(); false: too many wait.
  [[nodiscard]] bool wait(const OpenRun& hello);

  // Reads for about 20 ms. Those that are over: what came of it, and the hellos that waited. The
  // engine knows such a run now, unless there is a fault.
  struct Over {
    RunId run;
    Result<void> read;
    Opening hellos;
  };
  [[nodiscard]] std::vector<Over> read_on(Now now, Effects& effects);

 private:
  struct Reading {
    RunId run;
    store::Reader reader;
    Seq next{1};
    Opening hellos{std::size_t{1} << 20};
  };
  // Whether it is over, after at most 5 ms.
  [[nodiscard]] Result<bool> read_a_little(Reading& reading);

  Engine& engine_;
  std::deque<Reading> readings_;
};

}  // namespace phaseguard::daemon
