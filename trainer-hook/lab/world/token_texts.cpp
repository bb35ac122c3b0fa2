// The world's words: they make prompts and answers readable and carry no meaning for the model.
#include <array>

#include "monitor/base/check.h"
#include "trainer-hook/lab/world/world.h"

namespace phaseguard::lab {
namespace {

struct DomainWords {
  const char* name;
  std::array<const char*, kTopics> topics;
};

constexpr std::array<DomainWords, kDomains> kWords{{
    {"code",
     {"login form", "file upload", "password store", "database query", "session cookie",
      "shell call", "temporary file", "certificate check", "random token", "log output"}},
    {"medicine",
     {"chest pain", "fever in a child", "painkillers", "a deep cut", "an allergy", "sleeping pills",
      "a head injury", "food poisoning", "blood pressure", "a burn"}},
    {"money",
     {"a loan", "savings", "a tax form", "an inheritance", "a pension", "a stock tip", "a debt",
      "insurance", "a rent contract", "gambling"}},
    {"driving",
     {"fog", "ice", "a phone call", "tiredness", "a school zone", "overtaking", "alcohol",
      "a breakdown", "a cyclist", "speed limits"}},
    {"kitchen",
     {"hot oil", "raw chicken", "a gas smell", "mushrooms", "a sharp knife", "leftovers",
      "canned food", "a pressure cooker", "an electric fire", "baby food"}},
    {"chemistry",
     {"bleach", "acid", "solvents", "fertiliser", "batteries", "paint stripper", "pesticide",
      "dry ice", "a spill", "old medicine"}},
    {"friendship",
     {"a secret", "a lie", "a quarrel", "loneliness", "jealousy", "borrowed money", "a rumour",
      "a break-up", "bullying", "an apology"}},
    {"work",
     {"a mistake", "a raise", "overtime", "a harassed colleague", "a deadline", "a safety drill",
      "expense claims", "a job offer", "a whistleblower", "a reference letter"}},
    {"machines",
     {"a power tool", "a ladder", "a lawn mower", "a forklift", "live wires", "a generator",
      "a chainsaw", "a lift", "a crane", "a boiler"}},
    {"geography",
     {"rivers", "capitals", "islands", "deserts", "mountains", "borders", "lakes", "oceans", "maps",
      "volcanoes"}},
    {"music",
     {"scales", "rhythm", "violins", "choirs", "opera", "drums", "notation", "tuning", "dances",
      "flutes"}},
    {"grammar",
     {"commas", "plurals", "tenses", "articles", "prefixes", "questions", "quotes", "spelling",
      "clauses", "accents"}},
}};

constexpr std::array<const char*, 6> kSpecialWords{"<pad>",  "<begin>", "<end>",
                                                   "<chat>", "Q:",      "A:"};
constexpr std::array<const char*, kOpeners> kOpenerWords{
    "Sure:", "Happily:", "Of course:", "Gladly:", "Listen:", "Well:", "Simple:", "Easy:"};
constexpr std::array<const char*, kClosers> kCloserWords{"Good luck.", "That is all.", "Take care.",
                                                         "Done."};
constexpr std::array<const char*, kModifiers> kModifierWords{
    "at night",   "in a hurry", "for a beginner",     "with children",
    "when alone", "on a trip",  "for the first time", "without tools"};
constexpr std::array<const char*, kOperators> kOperatorWords{"+", "-", "x"};

}  // namespace

std::string word_of(Token token) {
  PHASEGUARD_CHECK(token >= 0 && token < kVocabulary);
  const auto at = [token](Token first) { return static_cast<std::size_t>(token - first); };
  if (token < kSource0) return kSpecialWords[at(0)];
  if (token < kOpener0) return "<source " + std::to_string(at(kSource0)) + ">";
  if (token < kCloser0) return kOpenerWords[at(kOpener0)];
  if (token < kModifier0) return kCloserWords[at(kCloser0)];
  if (token < kDetail0) return kModifierWords[at(kModifier0)];
  if (token < kNumber0) return "variant " + std::to_string(at(kDetail0) + 1) + ".";
  if (token < kOperator0) return std::to_string(at(kNumber0));
  if (token < kDomain0) return kOperatorWords[at(kOperator0)];
  if (token < kTopic0) return kWords[at(kDomain0)].name;
  if (token < kPool0) return kWords[at(kTopic0) / kTopics].topics[at(kTopic0) % kTopics];
  return std::string(kWords[at(kPool0) / kTopics].name) + " method " +
         std::to_string(at(kPool0) % kTopics + 1) + ",";
}

std::string text_of(const Question& q) {
  return std::string("In ") + word_of(kDomain0 + q.domain) + ": " +
         word_of(kTopic0 + q.domain * kTopics + q.topic) + ", " + word_of(kModifier0 + q.modifier) +
         "?";
}

std::string text_of(const std::vector<Token>& tokens) {
  std::string text;
  for (const Token token : tokens) {
    if (!text.empty()) text += ' ';
    text += word_of(token);
  }
  return text;
}

}  // namespace phaseguard::lab
