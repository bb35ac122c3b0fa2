// Which line of training a resume is of, when a run was rolled back more often than is remembered.
#include "monitor/run/lineage.h"

#include "monitor/run/state.h"
#include "tests/run/story.h"
#include "tests/support/catch.h"

using namespace phaseguard;
using namespace phaseguard::run;

namespace {

// A rollback at the start that went far back, then `more` that went back to step 500.
RunState rolled_back(std::int64_t more) {
  RunState state;
  state.attempt = 1;
  state.step = Step{1000};
  add_rollback(state.lineage, {1, Step{10}, Seq{1}});
  for (std::int64_t i = 0; i < more; ++i)
    add_rollback(state.lineage, {i + 2, Step{500}, Seq{i + 2}});
  return state;
}

Resume resumed(const RunState& state, std::int64_t start_step, std::int64_t rollbacks) {
  wire::Hello hello = test::hello(start_step);
  hello.rollbacks = rollbacks;
  return judge_resume(state, "", hello);
}

}  // namespace

TEST_CASE("a checkpoint from before a rollback that is not remembered is refused", "[run][fault]") {
  for (const std::int64_t more : {5, 1023, 1024, 1025, 3000}) {
    const RunState state = rolled_back(more);
    CHECK(state.lineage.rollbacks.size() <= 1024);
    CHECK(state.lineage.count == more + 1);
    const Resume old = resumed(state, 100, 0);
    CHECK(old.is_superseded);
    CHECK(old.note.find("took back to step 10") != std::string::npos);
    CHECK_FALSE(resumed(state, 5, more + 1).is_superseded);
    CHECK(resumed(state, 900, more + 1).note.empty());
    CHECK(resumed(state, 900, more).is_superseded);
  }
}
