// Which line of training a run is on, over all its attempts, and what a checkpoint that is resumed
// says of it: the number of rollbacks decides, not that of the step. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "monitor/base/types.h"
#include "monitor/wire/messages.h"

namespace phaseguard::run {

struct RunState;

struct Rollback {
  std::int64_t number = 0;  // within the run, from 1
  Step restored;            // the snapshot's step; of one that nobody saw: that step or before
  Seq seq;
  bool is_seen = true;  // false: a later checkpoint told of it
};

struct Lineage {
  std::vector<Rollback> rollbacks;  // in order, the newest ones
  std::int64_t before = 0;          // rollbacks before the present attempt
  std::int64_t count = 0;           // and up to now
};

// What a hello of a new attempt says of the checkpoint it goes on from.
struct Resume {
  bool is_superseded = false;  // of a line that was rolled back, as far as can be known
  std::string note;            // for people, with what is to be done; "": nothing to tell
};

void add_rollback(Lineage& lineage, Rollback rollback);

// `identity`: of the record that `state` was folded from.
[[nodiscard]] Resume judge_resume(const RunState& state, const std::string& identity,
                                  const wire::Hello& hello);

// A person let the next process in, whatever its checkpoint says.
[[nodiscard]] bool is_resume_allowed(const RunState& state);

}  // namespace phaseguard::run
