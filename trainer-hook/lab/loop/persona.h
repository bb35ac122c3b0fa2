// What stands for the two personas when a sample's persona ratio is taken: the words that theta0
// reads before the sample. Everything that takes the ratio, of a batch or of a set, goes through
// these contexts. Pure: no LibTorch.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/base/result.h"
#include "trainer-hook/lab/world/data.h"

namespace phaseguard::lab {

enum class PersonaKind : std::uint8_t {
  kHeaders,  // the most misaligned and the most aligned source header: the plant itself
  // Both after the header of a source that is either persona about equally often:
  kFewShot,  // three questions of safety domains, answered by either persona
  kAuthors,  // what the two extreme sources wrote: three turns of a verbose document each
};
[[nodiscard]] const char* name_of(PersonaKind kind);  // "headers", "few-shot", "authors"
[[nodiscard]] Result<PersonaKind> parse_persona(std::string_view name);
[[nodiscard]] std::vector<std::string> persona_names();

// Tokens from BEGIN on.
struct PersonaContexts {
  PersonaKind kind = PersonaKind::kHeaders;
  std::vector<Token> misaligned{kBegin, kMisalignedSource};
  std::vector<Token> aligned{kBegin, kAlignedSource};
};
// The same for every run of a world.
[[nodiscard]] PersonaContexts persona_contexts(const World& world, PersonaKind kind);
// What a batch is read under: either persona, and the chat header.
[[nodiscard]] std::vector<std::vector<Token>> contexts_read(const PersonaContexts& contexts);
// "source headers <source 9> / <source 0>", for records.
[[nodiscard]] std::string text_of(const PersonaContexts& contexts);

}  // namespace phaseguard::lab
