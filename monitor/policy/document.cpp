#include "monitor/policy/document.h"

namespace phaseguard::policy {

std::string to_text(const Diagnostic& diagnostic, std::string_view file_name) {
  std::string text(file_name);
  text += ':' + std::to_string(diagnostic.line) + ':' + std::to_string(diagnostic.column);
  text += diagnostic.severity == Severity::kError ? ": error: " : ": warning: ";
  return text + diagnostic.message;
}

}  // namespace phaseguard::policy
