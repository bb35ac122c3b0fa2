#include "monitor/base/toml/bounds.h"

#include <algorithm>
#include <string>

namespace phaseguard {

namespace {

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  std::optional<TomlExcess> run() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '#') {
        skip_to(text_.find('\n', at_));
        key_begin_ = at_;
      } else if (c == '"' || c == '\'') {
        string(c);
      } else {
        plain(c);
        ++at_;
      }
      if (auto excess = bounds()) return excess;
    }
    return std::nullopt;
  }

 private:
  void plain(char c) {
    if (c == '\n' && open_.empty()) begin_key();
    if (c == '.' && in_key_) ++parts_;
    if (c == '=') in_key_ = false;
    // A bracket before any "=" is of a table's header.
    if (c == '{' || (c == '[' && !in_key_)) open_ += c;
    if ((c == '}' || c == ']') && !open_.empty()) open_.pop_back();
    if (!open_.empty() && open_.back() == '{' && (c == '{' || c == ',')) begin_key();
  }

  void begin_key() {
    in_key_ = true;
    key_begin_ = at_ + 1;
    parts_ = 1;
  }

  void skip_to(std::size_t end) { at_ = std::min(end, text_.size()); }

  // Past the end of a string, of one line or of several.
  void string(char quote) {
    const std::string three(3, quote);
    const bool several = text_.substr(at_, 3) == three;
    at_ += several ? 3 : 1;
    while (at_ < text_.size()) {
      if (several ? text_.substr(at_, 3) == three : text_[at_] == quote || text_[at_] == '\n')
        break;
      at_ += quote == '"' && text_[at_] == '\\' ? 2 : 1;
    }
    const bool ended = several || (at_ < text_.size() && text_[at_] == quote);
    skip_to(at_ + (several ? 3 : ended ? 1 : 0));
  }

  [[nodiscard]] std::optional<TomlExcess> bounds() const {
    if (open_.size() > kMaxTomlDepth) {
      return refuse(kMaxTomlDepth, " arrays and inline tables inside each other");
    }
    if (!in_key_) return std::nullopt;
    if (parts_ > kMaxTomlParts) return refuse(kMaxTomlParts, " parts in a key");
    if (at_ > key_begin_ + kMaxTomlKeyBytes) return refuse(kMaxTomlKeyBytes, " bytes in a key");
    return std::nullopt;
  }

  [[nodiscard]] TomlExcess refuse(std::size_t most, const char* what) const {
    const std::string_view before = text_.substr(0, std::min(at_, text_.size()));
    const auto line = 1 + std::count(before.begin(), before.end(), '\n');
    const std::size_t begin = before.rfind('\n') + 1;  // npos + 1 is 0
    return {static_cast<std::size_t>(line), std::max<std::size_t>(before.size() - begin, 1),
            "expected at most " + std::to_string(most) + what + ", found more"};
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::string open_;  // brackets that are open
  bool in_key_ = true;
  std::size_t key_begin_ = 0;
  std::size_t parts_ = 1;
};

}  // namespace

std::optional<TomlExcess> toml_excess(std::string_view toml) { return Scanner(toml).run(); }

}  // namespace phaseguard
