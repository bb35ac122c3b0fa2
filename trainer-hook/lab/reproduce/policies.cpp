#include "trainer-hook/lab/reproduce/policies.h"

#include <algorithm>

#include "monitor/base/file.h"
#include "monitor/base/sha256.h"
#include "monitor/base/table_text.h"
#include "monitor/base/text.h"
#include "monitor/policy/document.h"

namespace phaseguard::lab::reproduce {

namespace {

constexpr const char* kSetsKl = "\nset.kl = ";

}  // namespace

Result<Policies> load_policies() {
  const auto folder = find_asset("policies");
  if (!folder) return tl::unexpected(folder.error());
  Policies out;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(*folder, error)) {
    if (entry.path().extension() != ".toml") continue;
    auto text = read_file(entry.path(), "a policy", policy::kMaxPolicyBytes);
    if (!text) return tl::unexpected(text.error());
    out.texts[entry.path().stem().string()] = std::move(*text);
  }
  if (error) return fail(Errc::kIo, folder->string() + ": " + error.message());
  std::string bytes;
  for (const auto& [name, text] : out.texts) bytes += name + '\0' + text + '\0';
  out.sha256 = hex(sha256(bytes));
  return out;
}

std::vector<std::string> names_of(const Policies& policies) {
  std::vector<std::string> out;
  for (const auto& [name, text] : policies.texts) out.push_back(name);
  return out;
}

Result<std::string> text_of(const Policies& policies, const Treatment& treatment) {
  const auto found = policies.texts.find(treatment.name);
  if (found == policies.texts.end()) {
    return fail(Errc::kNotFound, "expected a policy (" + joined(names_of(policies)) + "), found " +
                                     phaseguard::quoted(treatment.name, 60));
  }
  std::string text = found->second;
  if (!treatment.strength) return text;
  const std::size_t at = text.find(kSetsKl);
  const bool once = at != std::string::npos && text.find(kSetsKl, at + 1) == std::string::npos;
  if (!once) {
    return fail(Errc::kUnsupported, treatment.name +
                                        ".toml: expected one line \"set.kl = ...\" to "
                                        "sweep, found none or several");
  }
  const std::size_t value = at + std::string(kSetsKl).size();
  const std::size_t end = text.find_first_of(" \n", value);
  text.replace(value, end - value, number_text(*treatment.strength));
  return text;
}

std::string file_name_of(const Treatment& treatment) {
  std::string name = label_of(treatment);
  std::replace(name.begin(), name.end(), ' ', '_');
  return name;
}

Result<std::filesystem::path> write_policy(const Policies& policies, const Treatment& treatment,
                                           const std::filesystem::path& folder) {
  const auto text = text_of(policies, treatment);
  if (!text) return tl::unexpected(text.error());
  const std::filesystem::path file = folder / file_name_of(treatment);
  if (const auto ok = write_file(file, *text); !ok) return tl::unexpected(ok.error());
  return file;
}

}  // namespace phaseguard::lab::reproduce
