// What the resident memory of a process is made of, from /proc/PID/smaps.
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

namespace phaseguard::bench {

// Of a mapping by that name and of that size: "program", "stacks", "heap", or the name of its file.
inline std::string part_of(const std::string& name, long kib, const std::string& program) {
  if (name == program) return "program";
  if (!name.empty() && name.front() == '/') return std::filesystem::path(name).filename();
  const bool of_a_thread = name.empty() && kib == 8192;
  return name == "[stack]" || of_a_thread ? "stacks" : "heap";
}

// MiB: in all, of it what is this process's own (not backed by a file, or changed), and in parts.
// The text of libraries is shared with every process that uses them.
inline nlohmann::json resident_of(pid_t pid) {
  const std::string proc = "/proc/" + std::to_string(pid);
  const std::string program = std::filesystem::read_symlink(proc + "/exe");
  std::ifstream in(proc + "/smaps");
  std::map<std::string, double> parts;
  double all = 0;
  double own = 0;
  std::string name;
  std::string part;
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string key;
    words >> key;
    if (key.back() != ':') {  // "begin-end rights offset device inode name"
      std::string skipped;
      name.clear();
      for (int i = 0; i < 4; ++i) words >> skipped;
      words >> name;
      continue;
    }
    double kib = 0;
    words >> kib;
    if (key == "Size:") part = part_of(name, static_cast<long>(kib), program);
    if (key == "Anonymous:") own += kib / 1024;
    if (key != "Rss:") continue;
    all += kib / 1024;
    parts[part] += kib / 1024;
  }
  nlohmann::json out{{"mib", all}, {"own_mib", own}};
  for (const auto& [what, mib] : parts) {
    const bool is_small = mib < 0.2 && what != "heap" && what != "stacks";
    nlohmann::json& place = out["parts_mib"][is_small ? "other files" : what];
    place = (place.is_number() ? place.get<double>() : 0.0) + mib;
  }
  return out;
}

}  // namespace phaseguard::bench
