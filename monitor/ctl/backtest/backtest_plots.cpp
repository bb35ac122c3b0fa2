#include "monitor/ctl/backtest/backtest_plots.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "monitor/base/printable.h"
#include "monitor/base/table_text.h"
#include "monitor/page/svg.h"

namespace phaseguard::ctl {

namespace {

// Malicious runs are discs, harmless ones rings.
const char* style_of(bool malicious) { return malicious ? "harm" : "fine"; }

// What lies at one place of a figure.
struct Heap {
  std::size_t n = 0;
  std::string hover;

  void add(const std::string& more) {
    ++n;
    if (n == 12) hover += "\n...";
    if (n < 12) hover += (hover.empty() ? "" : "\n") + more;
  }
};

constexpr double kMark = 8;  // pixels, the width of one
constexpr double kRow = 30, kPolicy = 2 * kRow + 14, kTop = 12;

page::Box box_of(const Backtest& all) {
  return {.width = 900,
          .height = kTop + static_cast<double>(all.policies.size()) * kPolicy + 34,
          .left = 230,
          .right = 110,
          .top = kTop,
          .bottom = 34};
}

// The rows that two figures share: policies down, two classes each, a horizontal axis.
class Rows {
 public:
  Rows(const Backtest& all, double most, const char* name, const char* unit)
      : plot_(name, box_of(all), {0.0, most > 0.0 ? most : 1.0}, {}) {
    plot_.number_across(page::ticks(0.0, plot_.across().high, 6), unit, true);
    for (std::size_t i = 0; i < all.policies.size(); ++i) {
      plot_.text(0, y_of(i, true) + 4, "title", all.policies[i].document.name);
      plot_.text(plot_.left() - 10, y_of(i, true) + 4, "end", "malicious");
      plot_.text(plot_.left() - 10, y_of(i, false) + 4, "end", "harmless");
      plot_.line(0, y_of(i, false) + 22, right(), y_of(i, false) + 22, "grid");
    }
  }

  [[nodiscard]] static double y_of(std::size_t policy, bool malicious) {
    return kTop + 16 + static_cast<double>(policy) * kPolicy + (malicious ? 0.0 : kRow);
  }
  [[nodiscard]] page::Plot& plot() { return plot_; }
  [[nodiscard]] double right() const { return plot_.right() + 110; }

  // The area of a mark grows with the runs at its place; their number stands beside it.
  void mark(double x, std::size_t policy, bool malicious, const Heap& heap) {
    const double y = y_of(policy, malicious);
    const double radius = 3.6 * std::sqrt(std::min(4.0, 0.75 + 0.25 * static_cast<double>(heap.n)));
    plot_.begin_hover(heap.hover);
    plot_.disc(x, y, radius, style_of(malicious));
    if (heap.n > 1) plot_.text(x + radius + 4, y + 4, "halo", std::to_string(heap.n));
    plot_.end_hover();
  }

 private:
  page::Plot plot_;
};

}  // namespace

std::string acting_steps_svg(const Backtest& all) {
  double most = 1.0;
  for (const PolicyScore& policy : all.policies) {
    for (const RunScore& score : policy.runs) {
      most = std::max(most, static_cast<double>(score.trace.acted.value));
    }
    most = std::max(most, static_cast<double>(policy.floor.value));
  }
  Rows rows(all, most * 1.05, "Step at which each policy acted, by class",
            "step at which the policy acted first");
  const double never = rows.right() - 55;
  rows.plot().text(never, 9, "mid", "never");
  for (std::size_t i = 0; i < all.policies.size(); ++i) {
    const PolicyScore& policy = all.policies[i];
    if (policy.floor >= Step{0}) {
      const double x = rows.plot().x(static_cast<double>(policy.floor.value));
      rows.plot().line(x, Rows::y_of(i, true) - 14, x, Rows::y_of(i, false) + 14, "floor");
    }
    std::map<std::pair<bool, std::int64_t>, Heap> heaps;
    for (const RunScore& score : policy.runs) {
      const LabelledRun& run = all.runs[score.run];
      const bool acted = score.trace.acted >= Step{0};
      heaps[{run.malicious, acted ? score.trace.acted.value : -1}].add(
          run.name + ": " + (acted ? score.trace.summary : "never acted"));
    }
    for (const auto& [at, heap] : heaps) {
      const double x = at.second >= 0 ? rows.plot().x(static_cast<double>(at.second)) : never;
      rows.mark(x, i, at.first, heap);
    }
  }
  return rows.plot().svg("wide");
}

std::string spent_svg(const Backtest& all) {
  double most = 0.0;
  for (const PolicyScore& policy : all.policies) {
    for (const RunScore& score : policy.runs) most = std::max(most, sum_of(score.trace.spent));
  }
  Rows rows(all, most * 1.02, "Lambda times steps, by policy and class",
            "lambda x steps in a run, all knobs together");
  page::Plot& plot = rows.plot();
  for (std::size_t i = 0; i < all.policies.size(); ++i) {
    const PolicyScore& policy = all.policies[i];
    for (const bool malicious : {true, false}) {
      const ClassScore& score = malicious ? policy.malicious : policy.harmless;
      if (!score.acted) continue;
      const double mean = sum_of(score.spent), y = Rows::y_of(i, malicious);
      plot.area(plot.x(0), y - 8, plot.x(mean) - plot.x(0), 16, style_of(malicious));
      plot.text(plot.right() + 12, y + 4, "tick", "mean " + short_number(mean));
    }
    std::map<std::pair<bool, std::int64_t>, Heap> heaps;  // as near as a mark is wide
    for (const RunScore& score : policy.runs) {
      const LabelledRun& run = all.runs[score.run];
      const double spent = sum_of(score.trace.spent);
      heaps[{run.malicious, std::llround(plot.x(spent) / kMark)}].add(run.name + ": " +
                                                                      short_number(spent));
    }
    for (const auto& [at, heap] : heaps) {
      rows.mark(kMark * static_cast<double>(at.second), i, at.first, heap);
    }
  }
  return plot.svg("wide");
}

std::vector<RocPoint> roc_curve(const std::vector<double>& malicious,
                                const std::vector<double>& harmless) {
  std::vector<double> cuts = malicious;
  cuts.insert(cuts.end(), harmless.begin(), harmless.end());
  std::sort(cuts.begin(), cuts.end(), std::greater<>());
  cuts.erase(std::unique(cuts.begin(), cuts.end()), cuts.end());
  const auto share = [](const std::vector<double>& peaks, double cut) {
    const auto n = std::count_if(peaks.begin(), peaks.end(), [&](double p) { return p >= cut; });
    return peaks.empty() ? 0.0 : static_cast<double>(n) / static_cast<double>(peaks.size());
  };
  std::vector<RocPoint> out{{0.0, 0.0}};
  for (const double cut : cuts) out.push_back({share(harmless, cut), share(malicious, cut)});
  return out;
}

std::string roc_svg(const DetectorScore& detector) {
  const std::string name =
      detector.detector + " (" + detector.type + " on " + detector.signal + ")";
  if (!detector.ranking) {
    return "<figure><p class='none'>" + html(name) + ": no curve, " +
           std::to_string(detector.malicious.size()) + " malicious and " +
           std::to_string(detector.harmless.size()) + " harmless runs have a value</p></figure>";
  }
  page::Plot plot("ROC curve of " + name,
                  {.width = 246, .height = 242, .left = 34, .right = 12, .top = 8, .bottom = 34},
                  {0.0, 1.0}, {0.0, 1.0});
  plot.number_across({0.0, 0.5, 1.0}, "false alarms", true);
  plot.number_up({0.0, 0.5, 1.0});
  plot.line(plot.x(0), plot.y(0), plot.x(1), plot.y(1), "floor");
  page::Path curve;
  for (const RocPoint& point : roc_curve(detector.malicious, detector.harmless)) {
    curve.to(plot.x(point.alarms), plot.y(point.hits));
  }
  plot.path(curve, "s4 bold");
  std::string caption = "AUC " + short_number(detector.ranking->auroc);
  if (detector.interval) {
    caption += " [" + short_number(detector.interval->lower) + ", " +
               short_number(detector.interval->upper) + "]";
  }
  return "<figure>" + plot.svg() + "<figcaption><b>" + html(detector.detector) + "</b> " +
         html(detector.type + " on " + detector.signal) + "<br>" + html(caption) +
         "</figcaption></figure>";
}

}  // namespace phaseguard::ctl
