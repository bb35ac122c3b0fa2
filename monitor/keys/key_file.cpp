#include "monitor/keys/key_file.h"

#include <cstdlib>
#include <sstream>

#include "monitor/base/text.h"
#include "monitor/keys/key.h"
#include "monitor/keys/private_file.h"

namespace phaseguard::keys {

namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// One line of a key file; the error says what was expected.
Result<void> take_line(const std::string& line, ClientKey& key) {
  std::istringstream words(line);
  std::string field;
  std::string value;
  std::string more;
  words >> field >> value;
  if (value.empty() || (words >> more))
    return fail(Errc::kMalformed, "expected a word and its value");
  if (field == "name") {
    key.name = value;
    return {};
  }
  if (field == "role") {
    auto role = role_of(value);
    if (!role) return tl::unexpected<Error>(role.error());
    key.role = *role;
    return {};
  }
  if (field != "secret" && field != "server") {
    return fail(Errc::kMalformed,
                "expected name, role, secret or server, found " + phaseguard::quoted(field, 40));
  }
  if (!is_key(value))
    return fail(Errc::kMalformed, field + ": expected 40 characters of Z85, found " +
                                      std::to_string(value.size()) + " characters");
  (field == "secret" ? key.secret_key : key.server_key) = value;
  return {};
}

Result<ClientKey> completed(ClientKey key, const std::string& where) {
  if (key.secret_key.empty() || key.server_key.empty()) {
    return fail(Errc::kMalformed,
                where + ": expected a line `secret KEY` and a line `server KEY`, found no " +
                    (key.secret_key.empty() ? "secret" : "server") +
                    "; `phaseguard keys new` writes such a file");
  }
  auto own = public_of(key.secret_key);
  if (!own) return tl::unexpected<Error>(own.error());
  key.public_key = std::move(*own);
  return key;
}

Result<std::optional<ClientKey>> from_variables(Role role) {
  ClientKey key;
  key.role = role;
  key.secret_key = environment("PHASEGUARD_SECRET_KEY");
  key.server_key = environment("PHASEGUARD_SERVER_KEY");
  if (key.secret_key.empty() && key.server_key.empty()) return std::optional<ClientKey>();
  const std::string both =
      "PHASEGUARD_SECRET_KEY and PHASEGUARD_SERVER_KEY: expected both, each 40 "
      "characters of Z85";
  if (!is_key(key.secret_key) || !is_key(key.server_key)) return fail(Errc::kMalformed, both);
  if (const std::string named = environment("PHASEGUARD_KEY_ROLE"); !named.empty()) {
    auto known = role_of(named);
    if (!known) return fail(Errc::kMalformed, "PHASEGUARD_KEY_ROLE: " + known.error().message);
    key.role = *known;
  }
  return completed(std::move(key), both).map([](ClientKey made) { return std::optional(made); });
}

}  // namespace

Result<ClientKey> read_key_file(const std::string& path) {
  auto text = read_private(path, "key file");
  if (!text) return tl::unexpected<Error>(text.error());
  ClientKey key;
  std::istringstream lines(*text);
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    if (line.empty() || line.front() == '#') continue;
    if (auto taken = take_line(line, key); !taken)
      return fail(Errc::kMalformed,
                  path + ":" + std::to_string(number) + ": " + taken.error().message);
  }
  return completed(std::move(key), path);
}

Result<void> write_key_file(const std::string& path, const ClientKey& key) {
  const std::string text = "# A key of PhaseGuard. Who has this file may act as " + key.name +
                           ": keep it to yourself.\nname " + key.name + "\nrole " +
                           name_of(key.role) + "\nsecret " + key.secret_key + "\nserver " +
                           key.server_key + "\n";
  return create_private(path, text);
}

Result<std::optional<ClientKey>> find_client_key(const std::string& path, Role role) {
  const std::string file = path.empty() ? environment("PHASEGUARD_KEY") : path;
  if (file.empty()) return from_variables(role);
  return read_key_file(file).map([](ClientKey key) { return std::optional(std::move(key)); });
}

}  // namespace phaseguard::keys
