// One's own data: JSON Lines in the world's words, as `phaseguard-lab data` writes them.
#pragma once

#include <filesystem>
#include <string_view>

#include "monitor/base/result.h"
#include "trainer-hook/lab/world/data_sets.h"

namespace phaseguard::lab {

// The tokens of a text whose words are those of word_of, joined by spaces. Where one word begins
// another, the longest fits. Errors: a word the world does not have, with the text from there on.
[[nodiscard]] Result<std::vector<Token>> tokens_of(std::string_view text);

// A line: {"prompt": "Q: ... A:", "answer": "... <end>", "label": 0 or 1, "seen": 0 or 1,
// "weight": how often it is drawn, in proportion}; the last three may be missing. Without a label
// it is the world's own verdict on the answer; `seen` is what a judge without errors says, else the
// label. Errors, with file and line: no such file; nothing in it; a line that is no such object, a
// key that is unknown or of another kind, no answer, an unknown word, a prompt or an answer that is
// none, one longer than the model reads, an answer that is neither persona's in this world; weights
// that are all 0.
[[nodiscard]] Result<SamplePool> read_own_data(const std::filesystem::path& file,
                                               const World& world);

}  // namespace phaseguard::lab
