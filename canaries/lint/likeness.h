// How alike two texts read, whatever their script and their form in Unicode: for canary_lint. Pure,
// any thread, no LibTorch. C++17-clean.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace phaseguard::canaries {

// `text` as it reads: in compatibility form (NFKC), in lower case where the script has one, without
// what is not seen (zero-width characters, soft hyphens, variation selectors, controls), every run
// of white space one space, none at the ends. Of text that is not UTF-8: `text`.
[[nodiscard]] std::string seen(std::string_view text);

// The pieces of texts, each distinct one with a number. A piece is a word: a run of letters, marks
// and digits. Of a script that sets no space between words it is each run of neighbours instead: of
// two where a sign is a word or a syllable (Han, kana, Yi, ...), of four letters elsewhere (Thai,
// Lao, Khmer, Burmese, ...); what is shorter is one piece.
class Pieces {
 public:
  // Of texts as `seen` gives them; sorted, each once.
  [[nodiscard]] std::vector<std::size_t> of(const std::vector<std::string>& texts);

 private:
  std::map<std::string, std::size_t> ids_;
};

// Size of the intersection over that of the union; two empty sets are not alike.
[[nodiscard]] double jaccard(const std::vector<std::size_t>& a, const std::vector<std::size_t>& b);

}  // namespace phaseguard::canaries
