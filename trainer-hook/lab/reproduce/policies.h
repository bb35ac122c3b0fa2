// The policies of an experiment, taken once at its start: what is run, hashed and printed is these
// bytes, whatever becomes of the files meanwhile. Reads files; any thread.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "monitor/base/result.h"
#include "trainer-hook/lab/reproduce/cell.h"

namespace phaseguard::lab::reproduce {

// The paper's trigger at the lab's KL weight, and what its sweep varies.
inline constexpr const char* kTrigger = "phaseguard-kl-lab";

struct Policies {
  std::map<std::string, std::string> texts;  // by name, without .toml
  // SHA-256, hex, over every file in order of name: its name, a zero byte, its bytes, a zero byte.
  std::string sha256;
};
// Every policy of assets/policies. Errors: no such folder, a file that cannot be read.
[[nodiscard]] Result<Policies> load_policies();

[[nodiscard]] std::vector<std::string> names_of(const Policies& policies);
// The text that a policy's treatment runs under: with a strength, the policy's one `set.kl` is
// that. Errors: no such policy; a strength where it has no `set.kl`, or more than one.
[[nodiscard]] Result<std::string> text_of(const Policies& policies, const Treatment& treatment);
// Its file, as write_policy names it: "hybrid.toml", "phaseguard-kl-lab.toml_0.3".
[[nodiscard]] std::string file_name_of(const Treatment& treatment);
// Writes the text into `folder`. Errors: those of text_of, a folder that cannot be written.
[[nodiscard]] Result<std::filesystem::path> write_policy(const Policies& policies,
                                                         const Treatment& treatment,
                                                         const std::filesystem::path& folder);

}  // namespace phaseguard::lab::reproduce
