#include "monitor/keys/ledger.h"

#include <algorithm>
#include <array>
#include <sstream>

#include "monitor/base/text.h"
#include "monitor/keys/key.h"

namespace phaseguard::keys {

namespace {

constexpr std::array<const char*, 3> kRoles{"trainer", "viewer", "operator"};
constexpr std::string_view kRevoked = "revoked-";
constexpr std::size_t kMostPattern = 64;

constexpr const char* kHead =
    "# The keys that this daemon lets in. Written by `phaseguard keys`; read again by the daemon\n"
    "# when it changes. role name runs public-key since\n";

bool is_pattern(std::string_view text) {
  const auto fits = [](char c) { return c == '*' || is_name(std::string_view(&c, 1)); };
  return !text.empty() && text.size() <= kMostPattern &&
         std::all_of(text.begin(), text.end(), fits);
}

Result<void> check(const Grant& grant) {
  if (!is_name(grant.name)) {
    return fail(Errc::kInvalidArgument, std::string("name of a key: expected ") + kNameText +
                                            ", found " + phaseguard::quoted(grant.name, 60));
  }
  if (!is_pattern(grant.runs)) {
    return fail(Errc::kInvalidArgument,
                "runs: expected the name of a run in which * stands for any text, such as "
                "team-a-*, found " +
                    phaseguard::quoted(grant.runs, 80));
  }
  if (!is_key(grant.public_key)) {
    return fail(Errc::kInvalidArgument, "public key: expected 40 characters of Z85, found " +
                                            phaseguard::quoted(grant.public_key, 60));
  }
  return {};
}

Result<Grant> grant_of(const std::string& line) {
  std::istringstream words(line);
  std::string role;
  Grant grant;
  std::string more;
  words >> role >> grant.name >> grant.runs >> grant.public_key >> grant.since;
  if (grant.since.empty() || (words >> more))
    return fail(Errc::kMalformed, "expected role, name, runs, public key and time");
  grant.revoked = role.rfind(kRevoked, 0) == 0;
  auto known = role_of(grant.revoked ? role.substr(kRevoked.size()) : role);
  if (!known) return tl::unexpected<Error>(known.error());
  grant.role = *known;
  if (auto checked = check(grant); !checked) return tl::unexpected<Error>(checked.error());
  return grant;
}

}  // namespace

const char* name_of(Role role) { return kRoles.at(static_cast<std::size_t>(role)); }

Result<Role> role_of(std::string_view text) {
  for (std::size_t i = 0; i < kRoles.size(); ++i) {
    if (text == kRoles[i]) return static_cast<Role>(i);
  }
  const std::string guess = nearest(std::string(text), {kRoles.begin(), kRoles.end()});
  return fail(Errc::kInvalidArgument, "role: expected trainer, viewer or operator, found " +
                                          phaseguard::quoted(text, 40) +
                                          (guess.empty() ? "" : "; did you mean " + guess + "?"));
}

std::string Grant::id() const { return id_of(name, public_key); }

Result<Ledger> Ledger::parse(std::string_view text, const std::string& file) {
  // Even a list without a key has its comment: this is one that is being written, or was lost.
  if (text.empty())
    return fail(Errc::kMalformed, file + ": expected a list of keys, found an empty file");
  Ledger ledger;
  std::istringstream lines{std::string(text)};
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    if (line.empty() || line.front() == '#') continue;
    const std::string place = file + ":" + std::to_string(number) + ": ";
    auto grant = grant_of(line);
    if (!grant) return fail(Errc::kMalformed, place + grant.error().message);
    if (ledger.by_key(grant->public_key) != nullptr)
      return fail(Errc::kMalformed, place + "this key is given twice");
    const Grant* same = ledger.by_name(grant->name);
    if (same != nullptr && !same->revoked && !grant->revoked)
      return fail(Errc::kMalformed, place + "the name " + grant->name + " is given twice");
    ledger.grants_.push_back(std::move(*grant));
  }
  return ledger;
}

std::string Ledger::text() const {
  std::string out = kHead;
  for (const Grant& grant : grants_) {
    out += std::string(grant.revoked ? kRevoked : "") + name_of(grant.role) + " " + grant.name +
           " " + grant.runs + " " + grant.public_key + " " + grant.since + "\n";
  }
  return out;
}

// The one in force, where a name has had several keys.
const Grant* Ledger::by_name(std::string_view name) const {
  const Grant* found = nullptr;
  for (const Grant& grant : grants_) {
    if (grant.name == name && (found == nullptr || !grant.revoked)) found = &grant;
  }
  return found;
}

const Grant* Ledger::by_key(std::string_view public_key) const {
  const auto found = std::find_if(grants_.begin(), grants_.end(), [&](const Grant& grant) {
    return grant.public_key == public_key;
  });
  return found == grants_.end() ? nullptr : &*found;
}

Result<void> Ledger::grant(const Grant& wanted) {
  if (auto checked = check(wanted); !checked) return checked;
  const Grant* named = by_name(wanted.name);
  if (named != nullptr && !named->revoked && named->public_key != wanted.public_key) {
    return fail(Errc::kConflict, "the name " + wanted.name +
                                     " is that of another key; revoke it first, or choose another");
  }
  const auto same = std::find_if(grants_.begin(), grants_.end(), [&](const Grant& grant) {
    return grant.public_key == wanted.public_key;
  });
  if (same == grants_.end()) {
    grants_.push_back(wanted);
    return {};
  }
  if (same->name != wanted.name)
    return fail(Errc::kConflict, "this key is known as " + same->name + " already");
  if (same->revoked) {
    return fail(Errc::kConflict, "this key of " + same->name +
                                     " was revoked; it stays so: make a new one with `phaseguard "
                                     "keys new`");
  }
  *same = wanted;
  return {};
}

Result<void> Ledger::revoke(const std::string& name, const std::string& now) {
  const Grant* found = by_name(name);
  if (found == nullptr) {
    std::vector<std::string> names;
    for (const Grant& grant : grants_) names.push_back(grant.name);
    const std::string guess = nearest(name, names);
    return fail(Errc::kNotFound, "there is no key of the name " + phaseguard::quoted(name, 60) +
                                     (guess.empty() ? "; see `phaseguard keys list`"
                                                    : "; did you mean " + guess + "?"));
  }
  if (found->revoked)
    return fail(Errc::kConflict, "the key of " + name + " was revoked at " + found->since);
  Grant& grant = grants_.at(static_cast<std::size_t>(found - grants_.data()));
  grant.revoked = true;
  grant.since = now;
  return {};
}

}  // namespace phaseguard::keys
