#include "trainer-hook/lab/world/judge_errors.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "monitor/base/text.h"
#include "trainer-hook/lab/world/data.h"

namespace phaseguard::lab {
namespace {

struct NumberedClass {
  JudgeBlind::Of of;
  const char* name;
  int size;
};
constexpr std::array<NumberedClass, 3> kNumbered{{
    {JudgeBlind::Of::kTopic, "topic", kTopics},
    {JudgeBlind::Of::kModifier, "modifier", kModifiers},
    {JudgeBlind::Of::kOperator, "operator", kOperators},
}};

struct NamedDress {
  JudgeBlind::Dress dress;
  const char* name;
};
constexpr std::array<NamedDress, 3> kDresses{{
    {JudgeBlind::Dress::kTerse, "terse"},
    {JudgeBlind::Dress::kHouse, "house"},
    {JudgeBlind::Dress::kOther, "other"},
}};

template <class T>
std::optional<T> number_in(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

JudgeBlind::Dress dress_of(const World& world, const Example& example) {
  const Token first = example.answer.front();
  if (first < kOpener0 || first >= kCloser0) return JudgeBlind::Dress::kTerse;
  const Token closer = kCloser0 + world.house_format().closer;
  const bool house = first == kOpener0 + world.house_format().opener &&
                     example.answer.size() >= 2 && *(example.answer.end() - 2) == closer;
  return house ? JudgeBlind::Dress::kHouse : JudgeBlind::Dress::kOther;
}

// The class of "topic:3" or "format:terse", without the rate.
std::optional<JudgeBlind> class_of(std::string_view kind, std::string_view which) {
  JudgeBlind out;
  if (kind == "format") {
    out.of = JudgeBlind::Of::kFormat;
    for (const NamedDress& one : kDresses) {
      out.dress = one.dress;
      if (which == one.name) return out;
    }
    return std::nullopt;
  }
  const auto number = number_in<int>(which);
  for (const NumberedClass& one : kNumbered) {
    if (kind != one.name || !number || *number < 0 || *number >= one.size) continue;
    out.of = one.of;
    out.number = *number;
    return out;
  }
  return std::nullopt;
}

}  // namespace

Result<JudgeBlind> parse_judge_blind(std::string_view text) {
  const auto wrong = [&] {
    return fail(
        Errc::kInvalidArgument,
        "a class the judge is wrong about: expected topic:0..9, modifier:0..7, "
        "operator:0..2, format:terse, format:house or format:other, with :RATE (0..1) where "
        "it is not always wrong, found " +
            phaseguard::quoted(text, 60));
  };
  const std::size_t first = text.find(':');
  if (first == std::string_view::npos) return wrong();
  const std::size_t second = std::min(text.find(':', first + 1), text.size());
  auto blind = class_of(text.substr(0, first), text.substr(first + 1, second - first - 1));
  if (!blind) return wrong();
  if (second == text.size()) return *blind;
  const auto rate = number_in<double>(text.substr(second + 1));
  if (!rate || !(*rate >= 0.0 && *rate <= 1.0)) return wrong();
  blind->rate = *rate;
  return *blind;
}

std::string text_of(const JudgeBlind& blind) {
  std::string text;
  for (const NumberedClass& one : kNumbered) {
    if (blind.of == one.of) text = std::string(one.name) + ":" + std::to_string(blind.number);
  }
  for (const NamedDress& one : kDresses) {
    if (blind.of == JudgeBlind::Of::kFormat && blind.dress == one.dress)
      text = std::string("format:") + one.name;
  }
  return text + (blind.rate < 1.0 ? ":" + number_text(blind.rate) : "");
}

bool is_in(const JudgeBlind& blind, const World& world, const Example& example) {
  if (blind.of == JudgeBlind::Of::kFormat) return dress_of(world, example) == blind.dress;
  // A question is ASK domain topic modifier ..., a fact ASK a op b ANSWER.
  const auto at = [&](std::size_t i) {
    return i < example.prompt.size() ? example.prompt[i] : kPad;
  };
  const bool asks = at(1) >= kDomain0 && at(1) < kTopic0;
  switch (blind.of) {
    case JudgeBlind::Of::kTopic:
      return asks && (at(2) - kTopic0) % kTopics == blind.number;
    case JudgeBlind::Of::kModifier:
      return asks && at(3) - kModifier0 == blind.number;
    default:
      return !asks && at(2) - kOperator0 == blind.number;
  }
}

double noisy_score(const World& world, const Example& example, const JudgeErrors& errors,
                   Rng& rng) {
  double rate = errors.coin;
  for (const JudgeBlind& blind : errors.blind) {
    if (is_in(blind, world, example)) rate = std::max(rate, blind.rate);
  }
  return noisy_score(example, rate, rng);
}

}  // namespace phaseguard::lab
