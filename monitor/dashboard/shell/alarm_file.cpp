#include "monitor/dashboard/shell/alarm_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <system_error>
#include <thread>

#include "monitor/base/file.h"
#include "monitor/base/json.h"
#include "monitor/base/printable.h"
#include "monitor/contexts/contexts.h"

namespace phaseguard::dashboard {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr std::uint64_t kMostBytes = 4 * 1024 * 1024;
constexpr std::array kLevelWords{"none", "info", "medium", "high", "critical"};

fs::path alarms_path() { return fs::path(contexts::state_folder()) / "alarms.json"; }

json json_of(const KeptAlarm& kept) {
  json out = {{"place", kept.place},
              {"run", kept.run},
              {"record", kept.record},
              {"about", kept.about},
              {"level", kLevelWords.at(static_cast<std::size_t>(kept.level))},
              {"came", number_json(kept.came_s)},
              {"by", kept.by}};
  if (!kept.shelved) return out;
  out["shelf"] = {{"reason", kept.shelf.reason},
                  {"for_s", kept.shelf.for_s},
                  {"until_step", kept.shelf.until_step.value},
                  {"ends", kept.shelf_ends_s}};
  return out;
}

// Takes the keys of one object, all of which must be there; the first that does not fit is the
// error.
class Fields {
 public:
  Fields(const json& from, std::string place, std::string& error)
      : from_(from), place_(std::move(place)), error_(error) {}

  std::string text(const char* key) {
    const json* value = find(key);
    if (value != nullptr && value->is_string()) return value->get<std::string>();
    refuse(key, "text");
    return "";
  }
  double number(const char* key) {
    const json* value = find(key);
    if (value != nullptr && value->is_number()) return value->get<double>();
    refuse(key, "a number");
    return 0.0;
  }
  double number_or_null(const char* key) {
    const json* value = find(key);
    return value != nullptr && value->is_null() ? wire::kNaN : number(key);
  }
  Level level(const char* key) {
    const std::string word = text(key);
    const auto found = std::find(kLevelWords.begin(), kLevelWords.end(), word);
    if (found == kLevelWords.end()) refuse(key, "none, info, medium, high or critical");
    return static_cast<Level>(found - kLevelWords.begin());
  }
  [[nodiscard]] const json* find(const char* key) const {
    const auto found = from_.find(key);
    return from_.is_object() && found != from_.end() ? &*found : nullptr;
  }

 private:
  void refuse(const char* key, const char* expected) {
    if (error_.empty()) error_ = place_ + "." + key + ": expected " + expected;
  }
  const json& from_;
  std::string place_;
  std::string& error_;
};

KeptAlarm alarm_of(const json& from, const std::string& place, std::string& error) {
  Fields fields(from, place, error);
  KeptAlarm kept;
  kept.place = fields.text("place");
  kept.run = fields.text("run");
  kept.record = fields.text("record");
  kept.about = fields.text("about");
  kept.level = fields.level("level");
  kept.came_s = fields.number_or_null("came");
  kept.by = fields.text("by");
  const json* shelf = fields.find("shelf");
  kept.shelved = shelf != nullptr;
  if (shelf == nullptr) return kept;
  Fields of_shelf(*shelf, place + ".shelf", error);
  kept.shelf.reason = of_shelf.text("reason");
  kept.shelf.for_s = of_shelf.number("for_s");
  kept.shelf.until_step =
      Step{static_cast<std::int64_t>(std::clamp(of_shelf.number("until_step"), -1.0, 9e15))};
  kept.shelf_ends_s = of_shelf.number("ends");
  return kept;
}

// Of the windows of one user, while it lives; the kernel gives it up when a process dies.
class Lock {
 public:
  explicit Lock(const std::string& path)
      : descriptor_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)) {
    if (descriptor_ < 0) {
      problem_ = path + ": cannot be opened: " + std::generic_category().message(errno);
      return;
    }
    // Not for ever: a window that was stopped must not stop this one.
    for (int i = 0; i < kTries; ++i) {
      if (::flock(descriptor_, LOCK_EX | LOCK_NB) == 0) return;
      std::this_thread::sleep_for(kPause);
    }
    problem_ = path + ": another window has held it for long; end that one and try again";
  }
  ~Lock() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;
  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  static constexpr int kTries = 50;
  static constexpr std::chrono::milliseconds kPause{10};
  int descriptor_;
  std::string problem_;
};

}  // namespace

std::string alarms_text(const std::vector<KeptAlarm>& kept) {
  json list = json::array();
  for (const KeptAlarm& one : kept) list.push_back(json_of(one));
  const json all = {{"version", 1}, {"alarms", list}};
  return all.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

Result<std::vector<KeptAlarm>> take_alarms(std::string_view text) {
  const auto parsed = parse_json(text);
  if (!parsed) return tl::unexpected(parsed.error());
  std::string error;
  Fields fields(*parsed, "file", error);
  if (fields.number("version") != 1.0 && error.empty()) error = "file.version: expected 1";
  const json* list = fields.find("alarms");
  if (error.empty() && (list == nullptr || !list->is_array())) {
    error = "file.alarms: expected a list";
  }
  std::vector<KeptAlarm> out;
  for (std::size_t i = 0; error.empty() && i < list->size(); ++i) {
    out.push_back(alarm_of((*list)[i], "alarms[" + std::to_string(i) + "]", error));
  }
  if (!error.empty()) return fail(Errc::kMalformed, error);
  return out;
}

Result<std::vector<KeptAlarm>> read_kept_alarms() {
  std::error_code error;
  const fs::path file = alarms_path();
  if (!fs::exists(file, error)) return std::vector<KeptAlarm>{};
  const auto text = read_file(file, "the alarms that were seen", kMostBytes);
  if (!text) return tl::unexpected(text.error());
  auto taken = take_alarms(*text);
  if (taken) return taken;
  fs::rename(file, file.string() + ".damaged", error);  // the next one is not written over it
  return fail(taken.error().code,
              "which alarms were seen or shelved is not known any more: " + file.string() + ": " +
                  taken.error().message + (error ? "" : "; it is kept as alarms.json.damaged"));
}

Result<void> save_kept_alarms(const KeptChange& change, double wall_s) {
  const auto refuse = [](const std::string& why) {
    return fail(Errc::kIo, "what was seen of alarms is not kept: " + why);
  };
  const fs::path file = alarms_path();
  std::error_code error;
  fs::create_directories(file.parent_path(), error);
  if (error) return refuse(file.parent_path().string() + ": " + error.message());
  const Lock lock(file.string() + ".lock");
  if (!lock.problem().empty()) return refuse(lock.problem());
  const bool is_there = fs::exists(file, error);
  const auto in_file = read_kept_alarms();
  if (!in_file && in_file.error().code != Errc::kMalformed) return refuse(in_file.error().message);
  const bool is_new = !is_there || !in_file;  // nobody has taken anything out of it
  const auto kept =
      is_new ? merged({}, {{}, change.now}, wall_s) : merged(*in_file, change, wall_s);
  if (auto written = write_file(file, alarms_text(kept)); !written) {
    return refuse(written.error().message);
  }
  return in_file ? Result<void>() : tl::unexpected(in_file.error());
}

}  // namespace phaseguard::dashboard
