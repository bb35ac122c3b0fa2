// A trainer's declaration written by hand, for trying a policy without a run: one statement a line.
// Policy tests begin with it, `policy check --against` and `policy explain --against` read it.
//
//   cadence 5                                   canary measurements every 5 steps
//   steps 200                                   of the whole training
//   canaries c01 c02 c03
//   signal judge/score range 0..1 every 5       also: unit nats, items canary|sample|distribution,
//                                               columns K, variant full
//   knob kl range 0..4                          also: initial 0, unit 1, site batch, per_sample,
//                                               direction model_ref, mask answer, form additive,
//                                               normaliser token_mean_step,
//                                               sites batch,replay (where it may be moved to),
//                                               protects up|down|none, forcible (in shadow mode)
//   can rollback checkpoint                     requests that the trainer can do; pause, stop
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "monitor/base/result.h"
#include "monitor/store/reader.h"
#include "monitor/wire/messages.h"

namespace phaseguard::ctl {

// A hello of session "declared" that declares nothing yet.
[[nodiscard]] wire::Hello empty_declaration();

// Takes one line; `words` is not empty. false: its first word is none of a declaration's. The error
// begins with `where` ("FILE:LINE: ").
[[nodiscard]] Result<bool> take_declaration(wire::Hello& hello,
                                            const std::vector<std::string>& words,
                                            const std::string& where);

// The declaration lines of a file; in a policy test, those before its first test. Errors name file
// and line.
[[nodiscard]] Result<wire::Hello> read_declaration(std::string_view text, const std::string& file);

// The last declaration of a recorded run. Error: it holds none.
[[nodiscard]] Result<wire::Hello> recorded_declaration(const store::Reader& reader);

}  // namespace phaseguard::ctl
