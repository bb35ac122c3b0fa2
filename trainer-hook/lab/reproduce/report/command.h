// `phaseguard-lab reproduce`: the experiment, and what it leaves.
#pragma once

#include <atomic>

#include "trainer-hook/lab/reproduce/experiment.h"

namespace phaseguard::lab::reproduce {

// The experiment, then report.html and report.json in its folder and the tables on standard output.
// The exit code: 0 done, 1 failed or interrupted, 2 unknown words.
int run_reproduce(const ReproduceCommand& command, const std::atomic<bool>& stop);

}  // namespace phaseguard::lab::reproduce
