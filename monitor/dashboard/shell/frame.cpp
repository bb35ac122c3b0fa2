#include "monitor/dashboard/panels/panels.h"
#include "monitor/dashboard/shell/shell.h"

namespace phaseguard::dashboard {

void build_frame(Model& model, View& view) {
  std::vector<Action> actions;
  ImGui::NewFrame();
  draw_dashboard(model, view, actions);
  ImGui::Render();
  for (const Action& action : actions) model.act(action, now());
}

Result<void> want(const Options& options, Model& model) {
  if (options.run.empty()) return {};
  auto run = contexts::run_named(options.run, options.daemons);
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
