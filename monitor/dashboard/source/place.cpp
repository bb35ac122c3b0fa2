#include <system_error>

#include "monitor/dashboard/source/source.h"

namespace phaseguard::dashboard {

std::string full_name(const std::filesystem::path& path) {
  std::error_code error;
  const auto full = std::filesystem::weakly_canonical(std::filesystem::absolute(path), error);
  return error ? path.string() : full.string();
}

std::string place_of(const contexts::Daemon& daemon) {
  const std::string place = daemon.place();
  const bool is_folder = place.find("://") == std::string::npos;
  return (daemon.name.empty() ? "" : daemon.name + ", ") + (is_folder ? full_name(place) : place);
}

}  // namespace phaseguard::dashboard
