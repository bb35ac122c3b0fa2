#include <algorithm>
#include <cmath>
#include <deque>

#include "monitor/base/text.h"
#include "monitor/dashboard/panels/panels.h"

namespace phaseguard::dashboard {
namespace {

using plot::Shape;

// One plot of the column: which signals it shows.
struct Wanted {
  const char* id;
  const char* title;
  std::vector<std::string> signals;  // a name that ends with '/' takes every signal below it
};

const std::vector<Wanted>& wanted_plots() {
  static const std::vector<Wanted> all = {
      {"js", "JS divergence of the canaries", {"canary/js"}},
      {"probe", "Probe risk / persona drift", {"probe/", "drift/"}},
      {"judge", "Judge score per batch", {"judge/"}},
      {"share", "Persona LLR: share of the batch flagged", {"data/llr_share"}},
      {"llr", "Persona LLR / canary margin", {"data/llr", "canary/margin"}},
  };
  return all;
}

// What the plots of one frame draw from: kept together so that their addresses hold.
struct Sheet {
  std::deque<plot::SeriesData> series;
  std::deque<plot::HeldData> held;
  std::deque<plot::MaxData> maxima;
};

bool belongs(const std::string& name, const Wanted& wanted) {
  if (std::count(name.begin(), name.end(), '/') > 1) return false;
  return std::any_of(wanted.signals.begin(), wanted.signals.end(), [&](const std::string& w) {
    return w.back() == '/' ? name.rfind(w, 0) == 0 : name == w;
  });
}

// Values further apart than 2.5 measuring intervals are not joined: what is missing is a gap.
double joined_within(const run::RunState& state, const run::SignalState& signal) {
  const std::int64_t every = signal.declaration.every_steps > 0 ? signal.declaration.every_steps
                             : signal.declaration.items == wire::Items::kCanary
                                 ? state.cadence_steps
                                 : 0;
  return every > 0 ? 2.5 * static_cast<double>(every) : 1e300;
}

void add_lines(const run::RunState& state, const View& view, const Wanted& wanted, Sheet& sheet,
               plot::PlotSpec& spec) {
  const plot::Palette& p = view.palette();
  for (const auto& [name, signal] : state.signals) {
    if (!belongs(name, wanted)) continue;
    sheet.series.emplace_back(signal.series, joined_within(state, signal));
    plot::Line line;
    line.data = &sheet.series.back();
    line.label = wanted.signals.size() == 1 && name == "canary/js" ? "mean" : one_line(name, 40);
    line.style = {.colour = p.series[spec.lines.size() % p.series.size()],
                  .thickness = 0.1F * em(),
                  .dots = true};
    spec.lines.push_back(std::move(line));
    const std::string unit =
        signal.declaration.unit == "1" ? "" : one_line(signal.declaration.unit, 20);
    if (spec.lines.size() == 1) spec.unit = unit;
    if (spec.unit != unit) spec.unit.clear();  // lines of several units share this plot
    for (const Line& t : thresholds_of(state, name)) {
      spec.thresholds.push_back(
          {t.threshold, one_line(t.detector, 30) + " > " + number_text(t.threshold)});
    }
  }
}

void add_canary_maximum(const run::RunState& state, const View& view, Sheet& sheet,
                        plot::PlotSpec& spec) {
  std::vector<const run::Series*> items;
  for (auto it = state.signals.lower_bound("canary/js/");
       it != state.signals.end() && it->first.rfind("canary/js/", 0) == 0; ++it) {
    items.push_back(&it->second.series);
  }
  if (items.empty()) return;
  sheet.maxima.emplace_back(std::move(items));
  spec.lines.push_back({&sheet.maxima.back(),
                        "max of the prompts",
                        {.colour = view.palette().series[4], .thickness = 0.08F * em()}});
}

void add_marks(const Model& model, const View& view, bool first, plot::PlotSpec& spec) {
  const plot::Palette& p = view.palette();
  const run::RunState& state = *model.shown();
  for (const Interval& on : protected_intervals(
           state, static_cast<double>(std::max<std::int64_t>(state.step.value, 0)))) {
    spec.shades.push_back({on.from, on.to, first ? "KL on" : ""});
  }
  for (const EventRow& event : view.events) {
    if (event.mark.empty()) continue;
    plot::Marker marker;
    marker.x = static_cast<double>(std::max<std::int64_t>(event.step.value, 0));
    marker.text = event.mark;
    marker.id = static_cast<int>(event.decision);
    switch (event.kind) {
      case EventKind::kTrip: {
        const Sign sign = sign_of(event.level, p);
        marker.shape = sign.shape, marker.colour = sign.colour;
        break;
      }
      case EventKind::kCommand:
        marker.shape = Shape::kDiamond, marker.colour = p.override_;
        break;
      case EventKind::kRequest:
        marker.shape = Shape::kSquare, marker.colour = p.info;
        break;
      case EventKind::kLink:
        marker.shape = Shape::kCross, marker.colour = p.medium;
        break;
      case EventKind::kDecision:
      case EventKind::kApplied:
      case EventKind::kSegment:
      case EventKind::kEnd:
        marker.shape = Shape::kCircle, marker.colour = p.dim;
        break;
    }
    spec.markers.push_back(std::move(marker));
  }
}

plot::PlotSpec lambda_plot(const run::RunState& state, const View& view, Sheet& sheet,
                           double until) {
  const plot::Palette& p = view.palette();
  plot::PlotSpec spec;
  spec.id = "lambda";
  spec.title =
      view.fonts.body != nullptr ? "\xCE\xBB of the KL penalty" : "lambda of the KL penalty";
  spec.empty_text = "the trainer has declared no knob kl";
  const auto found = state.knobs.find("kl");
  if (found == state.knobs.end()) return spec;
  const run::KnobState& kl = found->second;
  sheet.held.emplace_back(kl.applied, until);
  const plot::Data* applied = &sheet.held.back();
  sheet.held.emplace_back(kl.decided, until);
  const plot::Data* decided = &sheet.held.back();
  spec.lines.push_back({applied, "applied", {.colour = p.series[0], .thickness = 0.14F * em()}});
  spec.lines.push_back(
      {decided, "decided", {.colour = p.text, .thickness = 0.09F * em(), .dashed = true}});
  return spec;
}

plot::Range steps_of(const run::RunState& state) {
  double lo = 0.0;
  double hi = static_cast<double>(std::max<std::int64_t>(state.step.value, 1));
  for (const auto& [name, signal] : state.signals) {
    if (signal.series.empty()) continue;
    lo = std::min(lo, static_cast<double>(signal.series.first_step().value));
    hi = std::max(hi, static_cast<double>(signal.series.last_step().value));
  }
  return {lo, hi};
}

std::vector<plot::PlotSpec> specs_of(const Model& model, const View& view, Sheet& sheet) {
  const run::RunState& state = *model.shown();
  std::vector<plot::PlotSpec> specs;
  for (const Wanted& wanted : wanted_plots()) {
    plot::PlotSpec spec;
    spec.id = wanted.id;
    spec.title = wanted.title;
    add_lines(state, view, wanted, sheet, spec);
    if (std::string_view(wanted.id) == "js") add_canary_maximum(state, view, sheet, spec);
    if (!spec.lines.empty()) specs.push_back(std::move(spec));
  }
  specs.push_back(lambda_plot(state, view, sheet, steps_of(state).hi));
  const bool stale = model.stale();
  for (plot::PlotSpec& spec : specs) {
    add_marks(model, view, &spec == &specs.front(), spec);
    if (stale) spec.stale_from = static_cast<double>(std::max<std::int64_t>(state.step.value, 0));
  }
  specs.back().step_labels = true;
  return specs;
}

// A plot needs some height to be read. Takes out of the middle what does not fit: JS and lambda
// stay.
std::size_t keep_what_fits(float height, std::vector<plot::PlotSpec>& specs) {
  std::size_t hidden = 0;
  const auto fit = static_cast<std::size_t>(std::max(height / (4.2F * em()) - 0.5F, 1.0F));
  for (; specs.size() > fit; ++hidden) {
    specs.erase(specs.end() - static_cast<std::ptrdiff_t>(specs.size() > 1 ? 2 : 1));
  }
  specs.front().marker_texts = true;
  return hidden;
}

}  // namespace

void draw_plots(const Model& model, View& view, ImVec2 at, ImVec2 size,
                std::vector<Action>& actions) {
  const plot::Palette& p = view.palette();
  ImDrawList& draw = *ImGui::GetWindowDrawList();
  draw.AddRectFilled(at, {at.x + size.x, at.y + size.y}, p.panel, 0.2F * em());
  if (model.shown() == nullptr) {
    std::string text = model.source().loading ? "waiting for data from " : "no run at ";
    text += model.source().place;
    const ImVec2 extent = plot::text_size(text);
    plot::text_at(draw, {at.x + 0.5F * (size.x - extent.x), at.y + 0.5F * size.y}, p.dim, text);
    return;
  }
  plot::Range steps = steps_of(*model.shown());
  if (model.stale()) steps.hi += std::max(2.0, 0.05 * steps.span());  // room for the hatch
  view.time.begin_frame(steps);
  Sheet sheet;
  auto specs = specs_of(model, view, sheet);
  const std::size_t hidden = keep_what_fits(size.y, specs);
  const float pad = 0.4F * em();
  if (hidden > 0) {  // what is hidden must say so
    plot::text_at(draw, {at.x + 3.4F * em(), at.y + pad}, p.medium,
                  std::to_string(hidden) + " plots hidden: make the window larger");
    at.y += 1.5F * em();
    size.y -= 1.5F * em();
  }
  const float foot = plot::step_labels_height() - 0.3F * em();  // extra of the bottom plot
  const float each = (size.y - 2.0F * pad - foot) / static_cast<float>(specs.size());
  float y = at.y + pad;
  for (const plot::PlotSpec& spec : specs) {
    const float height = each + (spec.step_labels ? foot : 0.0F);
    const auto events =
        plot::draw_plot(spec, p, view.time, view.values[spec.id], {at.x, y}, {size.x, height});
    view.controls[std::string("plot ") + spec.id] = {
        {at.x + 3.4F * em(), y + 1.5F * em()},
        {at.x + size.x - 0.8F * em(), y + height - 0.3F * em()}};
    if (events.clicked_marker > 0) actions.emplace_back(SelectDecision{events.clicked_marker});
    y += height;
  }
}

}  // namespace phaseguard::dashboard
