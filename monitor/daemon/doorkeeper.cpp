#include "monitor/daemon/doorkeeper.h"

#include <algorithm>
#include <utility>

#include "monitor/wire/codec.h"

namespace phaseguard::daemon {

namespace {

bool may_enter(keys::Role role, link::Door door) {
  switch (door) {
    case link::Door::kTelemetry:
      return role == keys::Role::kTrainer;
    case link::Door::kOperator:
      return role == keys::Role::kOperator;
    case link::Door::kQuery:
    case link::Door::kFeed:
      return role != keys::Role::kTrainer;
  }
  return false;
}

}  // namespace

bool Bucket::take(const Rate& rate, Nanos now) {
  const double seconds = static_cast<double>(now.value - at_.value) * 1e-9;
  spent_ = std::max(0.0, spent_ - std::max(0.0, seconds) * rate.per_s);
  at_ = now;
  if (spent_ + 1.0 > rate.burst) return false;
  spent_ += 1.0;
  return true;
}

Result<Doorkeeper> Doorkeeper::open(const std::string& folder) {
  Doorkeeper keeper(folder);
  auto server = keeper.folder_.server();
  if (!server) return tl::unexpected(server.error());
  keeper.secret_key_ = std::move(server->secret_key);
  keeper.stamp_ = keeper.folder_.stamp();
  auto ledger = keeper.folder_.ledger();
  if (!ledger) return tl::unexpected(ledger.error());
  keeper.put_in_force(std::move(*ledger));
  return keeper;
}

link::Security Doorkeeper::security() {
  link::Security security;
  security.secret_key = secret_key_;
  security.admit = [this](link::Door door, const std::string& key) { return admit(door, key); };
  security.takes = [this](link::Door door, const std::string& id) { return takes(door, id); };
  return security;
}

std::string Doorkeeper::admit(link::Door door, const std::string& public_key) const {
  const keys::Grant* grant = ledger_.by_key(public_key);
  const bool may = grant != nullptr && !grant->revoked && may_enter(grant->role, door);
  return may ? grant->id() : "";
}

bool Doorkeeper::takes(link::Door door, const std::string& id) const {
  const auto found = entries_.find(id);
  return found != entries_.end() && may_enter(found->second.role, door);
}

void Doorkeeper::put_in_force(keys::Ledger ledger) {
  ledger_ = std::move(ledger);
  entries_.clear();
  for (const keys::Grant& grant : ledger_.grants()) {
    if (!grant.revoked) entries_[grant.id()] = {grant.role, grant.runs};
  }
  for (auto spent = spent_.begin(); spent != spent_.end();)
    spent = entries_.count(spent->first) > 0 ? std::next(spent) : spent_.erase(spent);
}

Result<Doorkeeper::Change> Doorkeeper::look() {
  std::string stamp = folder_.stamp();
  if (stamp == stamp_) return Change{};
  stamp_ = std::move(stamp);
  auto ledger = folder_.ledger();
  if (!ledger) return tl::unexpected(ledger.error());
  const Entries before = entries_;
  put_in_force(std::move(*ledger));
  const auto kept = [&](const auto& entry) {
    const auto now = entries_.find(entry.first);
    return now != entries_.end() && now->second.role == entry.second.role &&
           now->second.runs == entry.second.runs;
  };
  return Change{true, !std::all_of(before.begin(), before.end(), kept)};
}

Access Doorkeeper::access_of(const std::string& id) const {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return {id, ""};
  return {id + " " + keys::name_of(found->second.role), found->second.runs};
}

bool Doorkeeper::is_within_rate(const std::string& id, link::Door door, std::string_view frame,
                                Nanos now) {
  Spent& spent = spent_[id];
  if (door == link::Door::kTelemetry) return spent.frames.take(kTrainerFrames, now);
  const bool is_command = door == link::Door::kOperator && wire::peek_kind(frame) == "command";
  return is_command ? spent.commands.take(kCommands, now) : spent.questions.take(kQuestions, now);
}

}  // namespace phaseguard::daemon
