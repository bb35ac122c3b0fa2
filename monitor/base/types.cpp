#include "monitor/base/types.h"

#include <algorithm>

#include "monitor/base/text.h"

namespace phaseguard {

namespace {

bool is_run_id_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-';
}

}  // namespace

Result<RunId> RunId::parse(std::string_view text) {
  const bool fits = !text.empty() && text.size() <= 64 && text != "." && text != ".." &&
                    std::all_of(text.begin(), text.end(), is_run_id_character);
  if (!fits) {
    return fail(
        Errc::kInvalidArgument,
        "run id: expected 1 to 64 characters of A-Z a-z 0-9 . _ -, found " + quoted(text, 80));
  }
  RunId id;
  id.text_ = std::string(text);
  return id;
}

RunId RunId::within(std::string_view place) const {
  RunId id;
  id.text_ = std::string(place) + "/" + text_;
  return id;
}

std::string RunId::place() const {
  const std::size_t slash = text_.find('/');
  return slash == std::string::npos ? "" : text_.substr(0, slash);
}

RunId RunId::own() const {
  RunId id;
  id.text_ = text_.substr(text_.find('/') + 1);  // npos + 1: all of it
  return id;
}

}  // namespace phaseguard
