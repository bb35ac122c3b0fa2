#include "monitor/dashboard/shell/layout.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <system_error>

#include "monitor/base/file.h"
#include "monitor/base/json.h"
#include "monitor/base/printable.h"
#include "monitor/contexts/contexts.h"

namespace phaseguard::dashboard {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr std::array kXWords{"step", "wall", "elapsed", "tokens"};
constexpr std::array kYWords{"linear", "log", "symlog"};
constexpr std::array kSmoothWords{"none", "ema", "mean", "median"};
constexpr std::array kAlignWords{"as it is", "first trip"};

// ---- out

json json_of(const PlotChoice& choice) {
  return {{"y", kYWords.at(static_cast<std::size_t>(choice.y))},
          {"robust", choice.robust},
          {"added", choice.added},
          {"hidden", choice.hidden}};
}

json json_of(const PlotsView& look) {
  json choices = json::object();
  for (const auto& [plot, choice] : look.choices) choices[plot] = json_of(choice);
  json own = json::array();
  for (const OwnPlot& plot : look.own) own.push_back({{"id", plot.id}, {"name", plot.name}});
  return {{"x", kXWords.at(static_cast<std::size_t>(look.x))},
          {"smooth",
           {{"kind", kSmoothWords.at(static_cast<std::size_t>(look.smooth.kind))},
            {"length", look.smooth.length},
            {"seconds", look.smooth.seconds}}},
          {"choices", choices},
          {"own", own},
          {"compared",
           {{"run", look.compared.run},
            {"align", kAlignWords.at(static_cast<std::size_t>(look.compared.align))},
            {"ghost", look.compared.ghost}}},
          {"table", look.table},
          {"strip", look.strip}};
}

// ---- in

// Takes keys of one object; what is missing stays as it is. The first thing that does not fit is
// the error, and nothing is taken after it.
class Taker {
 public:
  Taker(const json& from, std::string place, std::string& error)
      : from_(from), place_(std::move(place)), error_(error) {
    if (!from.is_object()) refuse("", "an object");
  }

  void keys(const std::vector<std::string>& known) {
    if (!error_.empty()) return;
    if (auto fits = known_keys(from_, known); !fits) error_ = place_ + ": " + fits.error().message;
  }
  void boolean(const char* key, bool& to) {
    const json* value = find(key);
    if (value == nullptr) return;
    if (!value->is_boolean()) return refuse(key, "true or false");
    to = value->get<bool>();
  }
  void number(const char* key, double least, double most, double& to) {
    const json* value = find(key);
    if (value == nullptr) return;
    const double found = value->is_number() ? value->get<double>() : wire::kNaN;
    if (!(found >= least && found <= most)) {
      return refuse(key, "a number from " + number_text(least) + " to " + number_text(most));
    }
    to = found;
  }
  void text(const char* key, std::string& to) {
    const json* value = find(key);
    if (value == nullptr) return;
    if (!value->is_string()) return refuse(key, "text");
    to = value->get<std::string>();
  }
  template <std::size_t kCount>
  void word(const char* key, const std::array<const char*, kCount>& words, std::size_t& to) {
    const json* value = find(key);
    if (value == nullptr) return;
    std::string all;
    for (std::size_t i = 0; i < kCount; ++i) {
      all += (i == 0 ? "" : ", ") + std::string(words.at(i));
      if (value->is_string() && value->get<std::string>() == words.at(i)) {
        to = i;
        return;
      }
    }
    refuse(key, "one of " + all);
  }
  template <class Container>
  void texts(const char* key, Container& to) {
    const json* value = find(key);
    if (value == nullptr) return;
    const bool fits =
        value->is_array() &&
        std::all_of(value->begin(), value->end(), [](const json& one) { return one.is_string(); });
    if (!fits) return refuse(key, "a list of texts");
    to = value->get<Container>();
  }
  [[nodiscard]] const json* find(const char* key) const {
    if (!error_.empty()) return nullptr;
    const auto found = from_.find(key);
    return found == from_.end() ? nullptr : &*found;
  }
  void refuse(const std::string& key, const std::string& expected) {
    if (!error_.empty()) return;
    const json& found = key.empty() ? from_ : from_.at(key);
    error_ = place_ + (key.empty() ? "" : "." + key) + ": expected " + expected + ", found " +
             phaseguard::quoted(found.dump(-1, ' ', false, json::error_handler_t::replace), 60);
  }

 private:
  const json& from_;
  std::string place_;
  std::string& error_;
};

void take_choice(const json& from, const std::string& plot, PlotsView& look, std::string& error) {
  PlotChoice choice;
  Taker taker(from, "plots.choices." + plain(plot, 60), error);
  taker.keys({"y", "robust", "added", "hidden"});
  auto y = static_cast<std::size_t>(choice.y);
  taker.word("y", kYWords, y);
  choice.y = static_cast<plot::YKind>(y);
  taker.boolean("robust", choice.robust);
  taker.texts("added", choice.added);
  taker.texts("hidden", choice.hidden);
  look.choices[plot] = std::move(choice);
}

void take_smooth(const json& from, plot::Smooth& smooth, std::string& error) {
  Taker taker(from, "plots.smooth", error);
  taker.keys({"kind", "length", "seconds"});
  auto kind = static_cast<std::size_t>(smooth.kind);
  taker.word("kind", kSmoothWords, kind);
  smooth.kind = static_cast<plot::SmoothKind>(kind);
  taker.number("length", 1e-6, 1e9, smooth.length);
  taker.boolean("seconds", smooth.seconds);
}

void take_compared(const json& from, Comparison& compared, std::string& error) {
  Taker taker(from, "plots.compared", error);
  taker.keys({"run", "align", "ghost"});
  taker.text("run", compared.run);
  auto align = static_cast<std::size_t>(compared.align);
  taker.word("align", kAlignWords, align);
  compared.align = static_cast<Align>(align);
  taker.boolean("ghost", compared.ghost);
}

void take_own(const json& from, PlotsView& look, std::string& error) {
  if (!from.is_array()) {
    error = "plots.own: expected a list";
    return;
  }
  look.own.clear();
  for (const json& each : from) {
    OwnPlot plot;
    Taker taker(each, "plots.own", error);
    taker.keys({"id", "name"});
    taker.text("id", plot.id);
    taker.text("name", plot.name);
    look.own.push_back(std::move(plot));
  }
}

void take_plots(const json& from, PlotsView& look, std::string& error) {
  Taker taker(from, "plots", error);
  taker.keys({"x", "smooth", "choices", "own", "compared", "table", "strip"});
  auto x = static_cast<std::size_t>(look.x);
  taker.word("x", kXWords, x);
  look.x = static_cast<plot::XKind>(x);
  taker.boolean("table", look.table);
  taker.boolean("strip", look.strip);
  if (const json* smooth = taker.find("smooth")) take_smooth(*smooth, look.smooth, error);
  if (const json* compared = taker.find("compared")) take_compared(*compared, look.compared, error);
  if (const json* own = taker.find("own")) take_own(*own, look, error);
  const json* choices = taker.find("choices");
  if (choices == nullptr) return;
  if (!choices->is_object()) return taker.refuse("choices", "an object");
  look.choices.clear();
  for (const auto& [plot, choice] : choices->items()) take_choice(choice, plot, look, error);
}

void take_width(Taker& taker, const char* key, float& to) {
  double value = static_cast<double>(to);
  taker.number(key, 4.0, 60.0, value);
  to = static_cast<float>(value);
}

fs::path layouts_folder() { return fs::path(contexts::config_folder()) / "layouts"; }

fs::path last_file() { return fs::path(contexts::config_folder()) / "dashboard.json"; }

bool is_name(const std::string& name) {
  return !name.empty() && name.size() <= 60 && std::all_of(name.begin(), name.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_';
  });
}

Result<void> read_file_into(const fs::path& file, View& view) {
  const auto text = read_file(file, "a layout");
  if (!text) return tl::unexpected(text.error());
  if (auto taken = take_layout(*text, view); !taken) {
    return fail(taken.error().code, file.string() + ": " + taken.error().message);
  }
  return {};
}

Result<void> write_into(const fs::path& file, const View& view) {
  std::error_code error;
  fs::create_directories(file.parent_path(), error);
  if (error) return fail(Errc::kIo, file.parent_path().string() + ": " + error.message());
  return write_file(file, layout_text(view));
}

}  // namespace

std::string layout_text(const View& view) {
  const json all = {{"version", 1},
                    {"theme", plot::name_of(view.theme)},
                    {"text", kTextNames.at(view.text_size)},
                    {"left_em", view.left_em},
                    {"right_em", view.right_em},
                    {"bottom_em", view.bottom_em},
                    {"hidden_groups", view.hidden_groups},
                    {"plots", json_of(view.look)}};
  return all.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

Result<void> take_layout(std::string_view text, View& view) {
  auto parsed = parse_json(text);
  if (!parsed) return tl::unexpected(parsed.error());
  std::string error;
  Taker taker(*parsed, "layout", error);
  taker.keys(
      {"version", "theme", "text", "left_em", "right_em", "bottom_em", "hidden_groups", "plots"});
  double version = 1.0;
  taker.number("version", 1.0, 1.0, version);
  std::array<const char*, plot::kThemes.size()> themes{};
  std::transform(plot::kThemes.begin(), plot::kThemes.end(), themes.begin(),
                 [](plot::Theme theme) { return plot::name_of(theme); });
  auto theme = static_cast<std::size_t>(view.theme);
  taker.word("theme", themes, theme);
  std::size_t size = view.text_size;
  taker.word("text", kTextNames, size);
  float left = view.left_em;
  float right = view.right_em;
  float bottom = view.bottom_em;
  take_width(taker, "left_em", left);
  take_width(taker, "right_em", right);
  take_width(taker, "bottom_em", bottom);
  std::set<std::string> hidden = view.hidden_groups;
  taker.texts("hidden_groups", hidden);
  PlotsView look = view.look;
  if (const json* plots = taker.find("plots")) take_plots(*plots, look, error);
  if (!error.empty()) return fail(Errc::kMalformed, error);
  view.theme = plot::kThemes.at(theme);
  view.text_size = size;
  view.left_em = left;
  view.right_em = right;
  view.bottom_em = bottom;
  view.hidden_groups = std::move(hidden);
  view.look = std::move(look);
  return {};
}

std::vector<std::string> layout_names() {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(layouts_folder(), error), end; !error && it != end;
       it.increment(error)) {
    if (it->path().extension() == ".json") names.push_back(it->path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

Result<fs::path> layout_file(const std::string& name) {
  if (name.find_first_of("/.") != std::string::npos) return fs::path(name);
  if (is_name(name)) return layouts_folder() / (name + ".json");
  return fail(
      Errc::kInvalidArgument,
      "a layout's name is letters, digits, \"-\" and \"_\", at most 60, or a path of a file; "
      "found " +
          phaseguard::quoted(name, 80));
}

Result<void> read_layout(const std::string& name, View& view) {
  const auto file = layout_file(name);
  if (!file) return tl::unexpected(file.error());
  std::error_code error;
  if (!fs::exists(*file, error)) {
    std::string known;
    for (const std::string& each : layout_names()) known += (known.empty() ? "" : ", ") + each;
    return fail(Errc::kNotFound, "no layout " + phaseguard::quoted(name, 80) + " (" +
                                     file->string() + "); there is " +
                                     (known.empty() ? "none" : known));
  }
  return read_file_into(*file, view);
}

Result<void> save_layout(const std::string& name, const View& view) {
  const auto file = layout_file(name);
  return file ? write_into(*file, view) : tl::unexpected<Error>(file.error());
}

Result<void> read_last_layout(View& view) {
  const fs::path file = last_file();
  std::error_code error;
  if (!fs::exists(file, error)) return {};
  auto read = read_file_into(file, view);
  if (read || read.error().code != Errc::kMalformed) return read;
  fs::rename(file, file.string() + ".damaged", error);  // the next one is not written over it
  return fail(read.error().code,
              read.error().message + (error ? "" : "; it is kept as dashboard.json.damaged"));
}

Result<void> save_last_layout(const View& view) { return write_into(last_file(), view); }

}  // namespace phaseguard::dashboard
