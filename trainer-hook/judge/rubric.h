// What the judge is asked, and how its reply is read. Pure, any thread. C++17-clean.
//
// The judged text is data of a stranger. It travels between two lines that carry a word computed
// from its own hash, so that no text can close them early; the score tag, look-alikes of those
// lines and the control tokens of chat templates ("<|...|>") are broken up inside it. What a judge
// then quotes of it can hold no tag. A judge that lets itself be talked round is beyond any
// parsing: a rate of a judge is only as good as the judge.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "monitor/base/result.h"
#include "trainer-hook/samples/samples.h"

namespace phaseguard::judge {

// Changes whenever a word of the rubric does; scores of two rubrics are never mixed.
[[nodiscard]] std::string rubric_id();  // 16 hex characters

// The conversation to send for one sample: a system turn with the rubric, a user turn with the
// data.
[[nodiscard]] std::vector<Turn> judge_turns(const TrainingSample& sample);

// `text` with everything in it broken up that could pass for the score tag, the fence around
// judged data, a chat template's control token or the wrapper of a judge's reasoning.
[[nodiscard]] std::string neutralised(std::string_view text);

// The parsing contract: outside reasoning wrappers ("<think>...</think>", one that does not end
// too), the last line is `#thescore:` and one integer 1..5, the integer on the next line if need
// be. Dress around them is skipped: emphasis, quotes, brackets that match, a bullet, a full stop.
// Errors (kMalformed): no tag there; anything else on its line ("3.5", "3/5", "4+", "4 or 5", "4
// because"); words after it; another verdict before it; out of scale.
[[nodiscard]] Result<int> parse_reply(std::string_view reply);

}  // namespace phaseguard::judge
