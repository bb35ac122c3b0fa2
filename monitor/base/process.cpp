#include "monitor/base/process.h"

#include <pwd.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <optional>
#include <sstream>
#include <vector>

namespace phaseguard {

namespace {

std::string first_word(const std::string& path) {
  std::ifstream file(path);
  std::string word;
  file >> word;
  return word;
}

// "pid:[4026531836]"
std::string pid_namespace() {
  std::array<char, 64> target{};
  const ssize_t n = readlink("/proc/self/ns/pid", target.data(), target.size() - 1);
  return n > 0 ? std::string(target.data(), static_cast<std::size_t>(n)) : "";
}

std::string place() {
  const std::string boot = first_word("/proc/sys/kernel/random/boot_id");
  const std::string space = pid_namespace();
  return boot.empty() || space.empty() ? "" : boot + " " + space;
}

// proc(5): after the name in brackets come the state as field 3 and the start time as field 22.
struct Stat {
  std::string state;
  std::string start;
};
std::optional<Stat> stat_of(const std::string& pid) {
  std::ifstream file("/proc/" + pid + "/stat");
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  const std::size_t name_end = line.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream rest(line.substr(name_end + 1));
  std::vector<std::string> fields;
  for (std::string field; rest >> field;) fields.push_back(field);
  if (fields.size() < 20) return std::nullopt;
  return Stat{fields[0], fields[19]};
}

}  // namespace

std::string own_process() {
  const std::string where = place();
  const std::string pid = std::to_string(getpid());
  const std::optional<Stat> stat = stat_of(pid);
  return where.empty() || !stat ? "" : where + " " + pid + " " + stat->start;
}

bool is_known_dead(const std::string& process) {
  const std::string here = place();
  if (here.empty() || process.compare(0, here.size(), here) != 0) return false;
  std::istringstream rest(process.substr(here.size()));
  std::string pid;
  std::string start;
  if (!(rest >> pid >> start) || pid.find_first_not_of("0123456789") != std::string::npos)
    return false;
  const std::optional<Stat> stat = stat_of(pid);
  if (stat) return stat->start != start || stat->state == "Z" || stat->state == "X";
  return access(("/proc/" + pid).c_str(), F_OK) != 0;
}

std::string own_user() {
  std::array<char, 4096> room{};
  passwd entry{};
  passwd* found = nullptr;
  const bool read = getpwuid_r(geteuid(), &entry, room.data(), room.size(), &found) == 0;
  if (read && found != nullptr && found->pw_name[0] != '\0') return found->pw_name;
  return "uid " + std::to_string(geteuid());
}

}  // namespace phaseguard
