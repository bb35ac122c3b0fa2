#include <algorithm>
#include <cmath>
#include <filesystem>
#include <utility>

#include "monitor/base/file.h"
#include "monitor/base/text.h"
#include "monitor/dashboard/panels/panels.h"
#include "monitor/dashboard/shell/layout.h"
#include "monitor/dashboard/shell/pixels.h"
#include "monitor/dashboard/shell/shell.h"

namespace phaseguard::dashboard {

namespace {

bool has_candidate(const Replay& replay, const std::string& name) {
  const auto& all = replay.candidates();
  return std::any_of(all.begin(), all.end(),
                     [&](const Candidate& each) { return each.name == name; });
}

}  // namespace

bool exchange(Source& source, Seen seen) {
  const bool more =
      exchange(source, seen.model, [&](const Batch& batch) { seen.replay.take(batch); });
  seen.replay.tick(seen.model, now());
  if (const auto run = seen.replay.take_recall()) source.recall(*run);
  if (seen.bound.spill) seen.bound.spill->keep_to_bound();
  return more;
}

Bound make_bound(const Options& options) {
  if (options.memory == 0) return {};
  auto spill = Spill::create(spill_folder(), options.memory);
  if (spill) return {std::move(*spill), ""};
  return {nullptr, "--memory does not hold: " + spill.error().message};
}

// Writes what the panels want kept, into the working directory, beside a file that is there
// already.
void save_files(View& view) {
  for (const FileToSave& file : std::exchange(view.files_to_save, {})) {
    const std::filesystem::path path = free_path(file.path);
    const auto written = write_file(path, file.text);
    view.saved = written ? "saved " + path.string() : written.error().message;
  }
}

// How much the points take, where that is bounded.
void say_memory(const Bound& bound, View& view) {
  view.memory_problem = bound.problem;
  if (!bound.spill) return;
  const Spill& spill = *bound.spill;
  const auto mb = [](std::size_t bytes) { return std::to_string(bytes >> 20) + " MB"; };
  view.memory_said = "points: " + mb(spill.in_file() + spill.beside()) + ", " +
                     mb(spill.resident() + spill.beside()) + " of it in memory";
  view.memory_problem = spill.problem();
}

// What the menu of layouts asked for.
void serve_layouts(View& view) {
  const std::string wanted = std::exchange(view.layout_to_read, "");
  const std::string name = std::exchange(view.layout_to_save, "");
  if (!wanted.empty()) {
    const auto read = read_layout(wanted, view);
    view.layout_said = read ? "" : read.error().message;
  }
  if (!name.empty()) {
    const auto saved = save_layout(name, view);
    view.layout_said = saved ? "saved as " + layout_file(name)->string() : saved.error().message;
    view.layouts = layout_names();
  }
}

void build_frame(Seen seen, View& view) {
  std::vector<Action> actions;
  say_memory(seen.bound, view);
  ImGui::NewFrame();
  draw_dashboard(seen.model, seen.replay, view, actions);
  ImGui::Render();
  for (const Action& action : actions) {
    seen.model.act(action, now());
    seen.replay.act(action, seen.model, now());
  }
  save_files(view);
  serve_layouts(view);
}

Result<std::vector<Candidate>> read_candidates(std::vector<std::string> named) {
  const auto shipped = find_asset("policies");
  if (named.empty() && shipped) named.push_back(shipped->string());
  const auto files = files_named(named, ".toml", "policies");
  if (!files) return tl::unexpected(files.error());
  std::vector<Candidate> all;
  for (const std::string& file : *files) {
    const auto text = read_file(file, "a policy", policy::kMaxPolicyBytes);
    const std::string name = std::filesystem::path(file).stem().string();
    all.push_back({name, text ? *text : "", text ? "" : text.error().message});
  }
  return all;
}

Result<void> take_options(const Options& options, View& view) {
  if (!options.layout.empty()) {
    if (auto read = read_layout(options.layout, view); !read) return read;
  }
  if (!options.theme.empty()) view.theme = plot::theme_named(options.theme);
  if (options.text == "small") view.text_size = 0;
  if (options.text == "normal") view.text_size = kNormalText;
  if (options.text == "large") view.text_size = kTextPixels.size() - 1;
  return {};
}

float pixels_of(const View& view, float scale) {
  return std::round(kTextPixels.at(view.text_size) * std::clamp(scale, 0.5F, 4.0F));
}

Result<void> want(const Options& options, Model& model) {
  if (options.run.empty()) return {};
  auto run = contexts::run_named(options.run, options.daemons);
  if (!run) return tl::unexpected(run.error());
  model.wait_for(*run);
  return {};
}

Result<void> select(const Options& options, Seen seen, const Now& at) {
  Model& model = seen.model;
  if (model.awaited()) {
    std::string known;
    for (const RunId& id : model.run_ids()) known += (known.empty() ? "" : ", ") + id.text();
    return fail(Errc::kNotFound,
                "no run " + options.run + " here; there is " + (known.empty() ? "none" : known));
  }
  const auto ask = [&](const Action& action) { seen.replay.act(action, model, at); };
  if (options.at_step >= 0) ask(GoToStep{Step{options.at_step}});
  if (!options.what_if.empty()) {
    std::string known;
    for (const Candidate& each : seen.replay.candidates()) {
      known += (known.empty() ? "" : ", ") + each.name;
    }
    if (!has_candidate(seen.replay, options.what_if)) {
      return fail(Errc::kNotFound, "no policy " + phaseguard::quoted(options.what_if) +
                                       " to try; there is " + (known.empty() ? "none" : known));
    }
    ask(OpenTimeline{});
    ask(WhatIf{options.what_if});
    if (!seen.replay.refused().empty()) return fail(Errc::kMalformed, seen.replay.refused());
  }
  if (options.evidence > 0) {
    if (model.decision(options.evidence) == nullptr) {
      const std::size_t count =
          model.shown() == nullptr ? 0 : model.shown()->decisions.entries.size();
      return fail(Errc::kNotFound, "no decision " + std::to_string(options.evidence) +
                                       "; the run has " + std::to_string(count));
    }
    model.act(SelectDecision{options.evidence}, at);
  }
  return {};
}

}  // namespace phaseguard::dashboard
