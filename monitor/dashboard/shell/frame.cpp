#include <chrono>
#include <filesystem>
#include <utility>

#include "monitor/base/file.h"
#include "monitor/dashboard/panels/panels.h"
#include "monitor/dashboard/shell/shell.h"

namespace phaseguard::dashboard {

Now now() {
  using std::chrono::duration;
  using std::chrono::duration_cast;
  using std::chrono::nanoseconds;
  const auto wall = std::chrono::system_clock::now().time_since_epoch();
  const auto mono = std::chrono::steady_clock::now().time_since_epoch();
  return {duration<double>(wall).count(), Nanos{duration_cast<nanoseconds>(mono).count()}};
}

bool exchange(Source& source, Model& model) {
  const auto batches = source.take();
  for (const Batch& batch : batches) model.apply(batch, now());
  model.tick(now());
  auto commands = model.take_outbox();
  if (!commands.empty()) source.send(std::move(commands));
  return !batches.empty();
}

// Writes what the panels want kept, into the working directory, beside a file that is there
// already.
void save_files(View& view) {
  for (const FileToSave& file : std::exchange(view.files_to_save, {})) {
    std::filesystem::path path = std::filesystem::absolute(file.path);
    const std::filesystem::path wanted = path;
    for (int n = 2; std::filesystem::exists(path); ++n) {
      path = wanted;
      path.replace_filename(wanted.stem().string() + "-" + std::to_string(n) +
                            wanted.extension().string());
    }
    const auto written = write_file(path, file.text);
    view.saved = written ? "saved " + path.string() : written.error().message;
  }
}

void build_frame(Model& model, View& view) {
  std::vector<Action> actions;
  ImGui::NewFrame();
  draw_dashboard(model, view, actions);
  ImGui::Render();
  for (const Action& action : actions) model.act(action, now());
  save_files(view);
}

Result<void> want(const Options& options, Model& model) {
  if (options.run.empty()) return {};
  auto run = RunId::parse(options.run);
  if (!run) return tl::unexpected(run.error());
  model.wait_for(*run);
  return {};
}

Result<void> select(const Options& options, Model& model, const Now& at) {
  if (model.awaited()) {
    std::string known;
    for (const RunId& id : model.run_ids()) known += (known.empty() ? "" : ", ") + id.text();
    return fail(Errc::kNotFound,
                "no run " + options.run + " here; there is " + (known.empty() ? "none" : known));
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
