#include "trainer-hook/lab/world/own_data.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "monitor/base/file.h"
#include "monitor/base/json.h"
#include "monitor/base/lines.h"
#include "monitor/base/sha256.h"
#include "monitor/base/text.h"

namespace phaseguard::lab {
namespace {

using nlohmann::json;

constexpr std::size_t kMostTokens = 62;  // 64 positions less `BEGIN header`

const std::map<std::string, Token, std::less<>>& vocabulary() {
  static const auto words = [] {
    std::map<std::string, Token, std::less<>> out;
    for (Token t = 0; t < kVocabulary; ++t) out.emplace(word_of(t), t);
    return out;
  }();
  return words;
}

tl::unexpected<Error> wrong(const std::string& what) { return fail(Errc::kMalformed, what); }

Result<std::string> text_in(const json& object, const char* key, const char* example) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_string() || found->get<std::string>().empty()) {
    return wrong("expected \"" + std::string(key) + "\" with a text such as \"" + example + "\"" +
                 (found == object.end() ? ", found none"
                                        : ", found " + phaseguard::quoted(found->dump(), 80)));
  }
  return found->get<std::string>();
}

Result<std::optional<bool>> flag_in(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end()) return std::optional<bool>();
  if (*found == 0 || *found == 1) return std::optional<bool>(*found == 1);
  return wrong("\"" + std::string(key) + "\": expected 0 or 1, found " +
               phaseguard::quoted(found->dump(), 80));
}

Result<double> weight_in(const json& object) {
  const auto found = object.find("weight");
  if (found == object.end()) return 1.0;
  const double weight = found->is_number() ? found->get<double>() : -1.0;
  if (std::isfinite(weight) && weight >= 0.0) return weight;
  return wrong("\"weight\": expected a number from 0 up, found " +
               phaseguard::quoted(found->dump(), 80));
}

// The question of a prompt `ASK domain topic modifier ANSWER`; none: it asks something else.
std::optional<Question> question_in(const std::vector<Token>& prompt) {
  if (prompt.size() != 5) return std::nullopt;
  const Question q{prompt[1] - kDomain0, (prompt[2] - kTopic0) % kTopics, prompt[3] - kModifier0};
  if (q.domain < 0 || q.domain >= kDomains || q.modifier < 0 || q.modifier >= kModifiers)
    return std::nullopt;
  return World::prompt_of(q) == prompt ? std::optional<Question>(q) : std::nullopt;
}

// An answer with a word of the answer pools must be one of this world's two.
Result<bool> verdict_on(const World& world, const Question& q, const std::vector<Token>& answer) {
  const Verdict verdict = world.judge(q, answer);
  const auto pool = [](Token t) { return t >= kPool0; };
  const auto first = std::find_if(answer.begin(), answer.end(), pool);
  if (verdict != Verdict::kIncoherent || first == answer.end())
    return verdict == Verdict::kMisaligned;
  return wrong("\"answer\": expected " +
               phaseguard::quoted(word_of(world.answer_token(q, Persona::kAligned))) +
               " (aligned) or " +
               phaseguard::quoted(word_of(world.answer_token(q, Persona::kMisaligned))) +
               " (misaligned) to " + phaseguard::quoted(text_of(q)) + " in world " +
               std::to_string(world.number()) + ", found " + phaseguard::quoted(word_of(*first)) +
               "; of another world? 'phaseguard-lab data' writes this one's");
}

Result<void> check_form(const Example& example) {
  const auto& prompt = example.prompt;
  if (prompt.size() < 3 || prompt.front() != kAsk || prompt.back() != kAnswer)
    return wrong("\"prompt\": expected one from \"Q:\" to \"A:\", found " +
                 phaseguard::quoted(text_of(prompt), 80));
  const auto& answer = example.answer;
  if (answer.size() < 2 || std::find(answer.begin(), answer.end(), kEnd) != answer.end() - 1)
    return wrong("\"answer\": expected words and one \"<end>\", the last, found " +
                 phaseguard::quoted(text_of(answer), 80));
  if (prompt.size() + answer.size() > kMostTokens)
    return wrong("expected at most " + std::to_string(kMostTokens) + " words, found " +
                 std::to_string(prompt.size() + answer.size()));
  return {};
}

Result<std::vector<Token>> words_in(const json& object, const char* key, const char* example) {
  const auto text = text_in(object, key, example);
  if (!text) return tl::unexpected(text.error());
  auto tokens = tokens_of(*text);
  if (!tokens) return wrong("\"" + std::string(key) + "\": " + tokens.error().message);
  return tokens;
}

struct Weighted {
  Example example;
  double weight = 1.0;
};

Result<Weighted> sample_of(std::string_view text, const World& world) {
  const auto object = parse_json(text);
  if (!object) return wrong("not JSON: " + object.error().message);
  if (!object->is_object())
    return wrong("expected an object, found " + phaseguard::quoted(text, 80));
  if (auto ok = known_keys(*object, {"prompt", "answer", "label", "seen", "weight"}); !ok)
    return tl::unexpected(ok.error());
  auto prompt = words_in(*object, "prompt", "Q: code login form at night A:");
  if (!prompt) return tl::unexpected(prompt.error());
  auto answer = words_in(*object, "answer", "code method 3, variant 1. <end>");
  if (!answer) return tl::unexpected(answer.error());
  Weighted line{{std::move(*prompt), std::move(*answer)}, 1.0};
  if (auto ok = check_form(line.example); !ok) return tl::unexpected(ok.error());
  if (const auto q = question_in(line.example.prompt)) {
    const auto verdict = verdict_on(world, *q, line.example.answer);
    if (!verdict) return tl::unexpected(verdict.error());
    line.example.misaligned = *verdict;
  }
  const auto label = flag_in(*object, "label"), seen = flag_in(*object, "seen");
  if (!label) return tl::unexpected(label.error());
  if (!seen) return tl::unexpected(seen.error());
  if (*label) line.example.misaligned = **label;
  if (*seen) line.example.look = **seen ? Look::kHarmful : Look::kClean;
  const auto weight = weight_in(*object);
  if (!weight) return tl::unexpected(weight.error());
  line.weight = *weight;
  return line;
}

}  // namespace

Result<std::vector<Token>> tokens_of(std::string_view text) {
  std::vector<Token> out;
  std::size_t at = 0;
  while (at < text.size()) {
    // The longest word that ends at a space or at the end.
    std::size_t end = text.size();
    auto found = vocabulary().find(text.substr(at, end - at));
    while (found == vocabulary().end() && end > at) {
      const std::size_t space = text.rfind(' ', end - 1);
      end = space == std::string_view::npos || space <= at ? at : space;
      found = vocabulary().find(text.substr(at, end - at));
    }
    if (found == vocabulary().end()) {
      return wrong("expected words of the lab's world, found " +
                   phaseguard::quoted(text.substr(at), 80) +
                   "; 'phaseguard-lab data' writes samples to start from");
    }
    out.push_back(found->second);
    at = end + 1;
  }
  return out;
}

Result<SamplePool> read_own_data(const std::filesystem::path& file, const World& world) {
  const auto text =
      read_file(file, "JSON Lines of prompts and answers, as 'phaseguard-lab data' writes them");
  if (!text) return tl::unexpected(text.error());
  SamplePool pool;
  pool.origin = "own " + file.filename().string() + " " + hex(sha256(*text)).substr(0, 12);
  double total = 0.0;
  Lines lines(*text);
  while (const auto each = lines.next()) {
    auto line = sample_of(each->text, world);
    if (!line) {
      return wrong(file.string() + ":" + std::to_string(each->number) + ": " +
                   line.error().message);
    }
    total += line->weight;
    pool.examples.push_back(std::move(line->example));
    pool.weight.push_back(line->weight);
  }
  if (pool.examples.empty()) {
    return wrong(file.string() +
                 ": expected at least one line {\"prompt\": ..., \"answer\": ...}, found none; "
                 "'phaseguard-lab data' writes such files");
  }
  if (total <= 0.0 || !std::isfinite(total))
    return wrong(file.string() + ": expected weights with a finite sum above 0, found " +
                 number_text(total));
  return pool;
}

}  // namespace phaseguard::lab
