// Bytes of a terminal as keys, and what each key does. What is pasted is no key: a command must be
// typed. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace phaseguard::console {

enum class KeyKind {
  kText,
  kUp,
  kDown,
  kLeft,
  kRight,
  kPageUp,
  kPageDown,
  kEnter,
  kEscape,
  kTab,
  kBackTab,
  kBackspace
};

struct Key {
  KeyKind kind = KeyKind::kText;
  std::string text;  // kText: one character of UTF-8
};

class KeyReader {
 public:
  [[nodiscard]] std::vector<Key> take(std::string_view bytes);
  // An escape has come, and it is not known yet whether more belongs to it.
  [[nodiscard]] bool is_waiting() const { return !rest_.empty(); }
  // Nothing more belongs to it: it was the key itself.
  [[nodiscard]] std::vector<Key> give_up();

 private:
  std::string rest_;
  bool is_pasting_ = false;
};

enum class Act {
  kRunBefore,
  kRunAfter,
  kKnobBefore,
  kKnobAfter,
  kForce,
  kRelease,
  kSeen,
  kSectionAfter,
  kSectionBefore,
  kPageBefore,
  kPageAfter,
  kBack,
  kHelp,
  kQuit
};

// The keys outside a dialog: nothing else does anything.
struct Binding {
  KeyKind kind;
  char letter;  // of kText
  Act act;
  const char* name;  // as help names it
  const char* what;
};
[[nodiscard]] const std::vector<Binding>& bindings();
[[nodiscard]] const Binding* binding_of(const Key& key);

// "  Up, k      the run before\n...": of --help.
[[nodiscard]] std::string keys_help();

}  // namespace phaseguard::console
