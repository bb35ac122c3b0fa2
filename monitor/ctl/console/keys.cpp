#include "monitor/ctl/console/keys.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "monitor/base/table_text.h"

namespace phaseguard::console {
namespace {

constexpr std::string_view kPasteBegins = "\x1b[200~";
constexpr std::string_view kPasteEnds = "\x1b[201~";
constexpr std::size_t kLongestSequence = 32;  // anything longer is none

// What stands behind "ESC [" or "ESC O".
std::optional<KeyKind> kind_of(std::string_view end) {
  constexpr std::array<std::pair<std::string_view, KeyKind>, 7> kKnown{{{"A", KeyKind::kUp},
                                                                        {"B", KeyKind::kDown},
                                                                        {"C", KeyKind::kRight},
                                                                        {"D", KeyKind::kLeft},
                                                                        {"5~", KeyKind::kPageUp},
                                                                        {"6~", KeyKind::kPageDown},
                                                                        {"Z", KeyKind::kBackTab}}};
  for (const auto& [text, kind] : kKnown) {
    if (text == end) return kind;
  }
  return std::nullopt;
}

// Bytes of the sequence at the start of `text`, which begins with ESC; 0: more must come.
std::size_t sequence_size(std::string_view text) {
  if (text.size() < 2) return 0;
  if (text[1] == 'O') return text.size() < 3 ? 0 : 3;
  if (text[1] != '[') return 1;
  for (std::size_t i = 2; i < text.size() && i < kLongestSequence; ++i) {
    if (text[i] >= '@' && text[i] <= '~') return i + 1;
  }
  return text.size() < kLongestSequence ? 0 : kLongestSequence;
}

std::size_t character_size(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  return lead < 0xc0 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

std::optional<Key> control_key(char c) {
  if (c == '\r' || c == '\n') return Key{KeyKind::kEnter, ""};
  if (c == '\t') return Key{KeyKind::kTab, ""};
  if (c == '\x7f' || c == '\b') return Key{KeyKind::kBackspace, ""};
  return std::nullopt;
}

}  // namespace

std::vector<Key> KeyReader::take(std::string_view bytes) {
  rest_ += bytes;
  std::vector<Key> keys;
  std::string_view text = rest_;
  while (!text.empty()) {
    if (is_pasting_) {
      const std::size_t end = text.find(kPasteEnds);
      if (end == std::string_view::npos) {  // its last bytes may be half of the end
        text.remove_prefix(text.size() - std::min(text.size(), kPasteEnds.size() - 1));
        break;
      }
      text.remove_prefix(end + kPasteEnds.size());
      is_pasting_ = false;
      continue;
    }
    const bool is_sequence = text[0] == '\x1b';
    const std::size_t size = is_sequence ? sequence_size(text) : character_size(text);
    if (size == 0 || size > text.size()) break;
    const std::string_view one = text.substr(0, size);
    text.remove_prefix(size);
    if (one == kPasteBegins) {
      is_pasting_ = true;
    } else if (is_sequence && size == 1) {
      keys.push_back({KeyKind::kEscape, ""});
    } else if (is_sequence) {
      if (const auto kind = kind_of(one.substr(2))) keys.push_back({*kind, ""});
    } else if (const auto key = control_key(one[0])) {
      keys.push_back(*key);
    } else if (static_cast<unsigned char>(one[0]) >= 0x20) {
      keys.push_back({KeyKind::kText, std::string(one)});
    }
  }
  rest_ = std::string(text);
  return keys;
}

std::vector<Key> KeyReader::give_up() {
  if (is_pasting_) return {};
  const bool was_escape = rest_ == "\x1b";
  rest_.clear();
  return was_escape ? std::vector<Key>{{KeyKind::kEscape, ""}} : std::vector<Key>{};
}

const std::vector<Binding>& bindings() {
  static const std::vector<Binding> kBindings{
      {KeyKind::kUp, 0, Act::kRunBefore, "Up", "show the run before"},
      {KeyKind::kDown, 0, Act::kRunAfter, "Down", "show the next run"},
      {KeyKind::kLeft, 0, Act::kKnobBefore, "Left", "choose the knob before"},
      {KeyKind::kRight, 0, Act::kKnobAfter, "Right", "choose the next knob"},
      {KeyKind::kText, 'f', Act::kForce, "f",
       "force the chosen knob: asks, and for the run's name"},
      {KeyKind::kText, 'r', Act::kRelease, "r", "release it to the policy: asks the same"},
      {KeyKind::kText, 'a', Act::kSeen, "a",
       "commands that were refused or not confirmed are seen"},
      {KeyKind::kTab, 0, Act::kSectionAfter, "Tab", "one section alone, the next one"},
      {KeyKind::kBackTab, 0, Act::kSectionBefore, "Shift-Tab", "the section before"},
      {KeyKind::kPageUp, 0, Act::kPageBefore, "Page Up", "back in a section that is alone"},
      {KeyKind::kPageDown, 0, Act::kPageAfter, "Page Down", "on in it"},
      {KeyKind::kEscape, 0, Act::kBack, "Esc",
       "all sections again; out of a dialog, sending nothing"},
      {KeyKind::kText, '?', Act::kHelp, "?", "these keys"},
      {KeyKind::kText, 'q', Act::kQuit, "q", "quit: nothing changes in any run"}};
  return kBindings;
}

const Binding* binding_of(const Key& key) {
  for (const Binding& binding : bindings()) {
    const bool is_letter = key.kind == KeyKind::kText && key.text == std::string(1, binding.letter);
    if (binding.kind == key.kind && (key.kind != KeyKind::kText || is_letter)) return &binding;
  }
  return nullptr;
}

std::string keys_help() {
  std::string out;
  for (const Binding& binding : bindings()) {
    out += "  " + padded(binding.name, 10) + binding.what + "\n";
  }
  return out;
}

}  // namespace phaseguard::console
