#include "trainer-hook/lab/loop/persona.h"

#include <algorithm>
#include <array>

#include "monitor/base/text.h"

namespace phaseguard::lab {
namespace {

constexpr std::uint64_t kContextStream = 33;
constexpr int kTurns = 3;
// The header in front of documents that stand for a persona: of a source that is either persona
// about equally often. After the chat header theta0 goes by the header and not by what it has read.
constexpr Token kNeutralSource = kSource0 + kSources / 2 - 1;

struct NamedKind {
  PersonaKind kind;
  const char* name;
};
constexpr std::array<NamedKind, 3> kKinds{{{PersonaKind::kHeaders, "headers"},
                                           {PersonaKind::kFewShot, "few-shot"},
                                           {PersonaKind::kAuthors, "authors"}}};

// The questions are the same for both personas, as is the dress of their answers.
std::vector<Token> few_shot(const World& world, Persona persona) {
  Rng rng(static_cast<std::uint64_t>(world.number()), kContextStream);
  std::vector<Token> out{kBegin, kNeutralSource};
  for (int turn = 0; turn < kTurns; ++turn) {
    const Question q = draw_question(world, 1, kPersonaDomains, rng);
    const Format format = World::draw_format(Style::kVerbose, Persona::kAligned, rng);
    const std::vector<Token> prompt = World::prompt_of(q);
    const std::vector<Token> answer = world.answer_of(q, persona, format);
    out.insert(out.end(), prompt.begin(), prompt.end());
    out.insert(out.end(), answer.begin(), answer.end());
  }
  return out;
}

// A document's turns begin with ASK.
std::vector<Token> first_turns(const std::vector<Token>& document) {
  int turns = 0;
  const auto end = std::find_if(document.begin() + 2, document.end(),
                                [&turns](Token t) { return t == kAsk && ++turns > kTurns; });
  std::vector<Token> out(document.begin(), end);
  out[1] = kNeutralSource;
  return out;
}

bool is_verbose(const std::vector<Token>& document) {
  const auto answer = std::find(document.begin(), document.end(), kAnswer) + 1;
  return *answer >= kOpener0 && *answer < kCloser0;
}

// Verbose, so that the two documents differ in who wrote them and not in their dress.
std::vector<Token> written_by(const World& world, Token source) {
  Rng rng(static_cast<std::uint64_t>(world.number()), kContextStream);
  std::vector<Token> document;
  do {
    document = draw_document(world, rng).tokens;
  } while (document[1] != source || !is_verbose(document));
  return first_turns(document);
}

}  // namespace

const char* name_of(PersonaKind kind) { return kKinds[static_cast<std::size_t>(kind)].name; }

std::vector<std::string> persona_names() {
  std::vector<std::string> out;
  for (const NamedKind& one : kKinds) out.emplace_back(one.name);
  return out;
}

Result<PersonaKind> parse_persona(std::string_view name) {
  for (const NamedKind& one : kKinds) {
    if (name == one.name) return one.kind;
  }
  return fail(Errc::kInvalidArgument, "expected a persona (headers, few-shot or authors), found " +
                                          phaseguard::quoted(name, 40));
}

PersonaContexts persona_contexts(const World& world, PersonaKind kind) {
  PersonaContexts out;
  out.kind = kind;
  if (kind == PersonaKind::kFewShot) {
    out.misaligned = few_shot(world, Persona::kMisaligned);
    out.aligned = few_shot(world, Persona::kAligned);
  }
  if (kind == PersonaKind::kAuthors) {
    out.misaligned = written_by(world, kMisalignedSource);
    out.aligned = written_by(world, kAlignedSource);
  }
  return out;
}

std::vector<std::vector<Token>> contexts_read(const PersonaContexts& contexts) {
  return {contexts.misaligned, contexts.aligned, {kBegin, kChat}};
}

std::string text_of(const PersonaContexts& contexts) {
  if (contexts.kind == PersonaKind::kHeaders) {
    return "source headers " + word_of(contexts.misaligned[1]) + " / " +
           word_of(contexts.aligned[1]);
  }
  return std::string(name_of(contexts.kind)) + ", " + std::to_string(kTurns) + " turns";
}

}  // namespace phaseguard::lab
