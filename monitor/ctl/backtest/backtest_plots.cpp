#include "monitor/ctl/backtest/backtest_plots.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <map>

#include "monitor/base/html.h"
#include "monitor/ctl/svg_plot.h"
#include "monitor/ctl/text_lines.h"

namespace phaseguard::ctl {

namespace {

std::string px(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f", value);
  return text.data();
}

std::string text_at(double x, double y, const std::string& style, const std::string& text) {
  return "<text x='" + px(x) + "' y='" + px(y) + "' class='" + style + "'>" + html(text) +
         "</text>";
}

std::string line(double x1, double y1, double x2, double y2, const char* style) {
  return "<line x1='" + px(x1) + "' y1='" + px(y1) + "' x2='" + px(x2) + "' y2='" + px(y2) +
         "' class='" + style + "'/>";
}

// `n` runs at one place: the area grows with n, and the number stands beside it.
std::string mark(double x, double y, bool malicious, std::size_t n, const std::string& hover) {
  const double radius = 3.6 * std::sqrt(std::min(4.0, 0.75 + 0.25 * static_cast<double>(n)));
  const std::string number =
      n < 2 ? "" : text_at(x + radius + 4, y + 4, "count", std::to_string(n));
  return "<g><title>" + html(hover) + "</title><circle cx='" + px(x) + "' cy='" + px(y) + "' r='" +
         px(radius) + "' class='" + (malicious ? "bad" : "fine") + "'/>" + number + "</g>";
}

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

std::string opened(double width, double height, const std::string& name) {
  return "<svg viewBox='0 0 " + px(width) + " " + px(height) + "' role='img' aria-label='" +
         html(name) + "'>";
}

// Ticks 1, 2 or 5 times a power of ten apart, about six on the axis.
double tick_step(double span) {
  const double raw = span / 6.0;
  const double magnitude = std::pow(10.0, std::floor(std::log10(raw)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * magnitude >= raw) return factor * magnitude;
  }
  return 10.0 * magnitude;
}

// The rows that two figures share: policies down, two classes each, a horizontal axis.
class Rows {
 public:
  static constexpr double kWidth = 900, kLeft = 230, kRight = 110, kRow = 30, kTop = 12;

  Rows(const Backtest& all, double most, const char* unit)
      : all_(all), most_(most > 0.0 ? most : 1.0) {
    const double bottom = y_of(all.policies.size(), true) - 16;
    height_ = bottom + 34;
    const double step = tick_step(most_);
    for (double v = 0.0; v <= most_ * 1.0001; v += step) {
      body_ += line(x(v), kTop, x(v), bottom, "grid");
      body_ += text_at(x(v), bottom + 14, "tick mid", short_number(v));
    }
    body_ += text_at((kLeft + kWidth - kRight) / 2, bottom + 29, "tick mid", unit);
    for (std::size_t i = 0; i < all.policies.size(); ++i) {
      body_ += text_at(0, y_of(i, true) + 4, "name", all.policies[i].document.name);
      body_ += text_at(kLeft - 10, y_of(i, true) + 4, "tick end", "malicious");
      body_ += text_at(kLeft - 10, y_of(i, false) + 4, "tick end", "harmless");
      body_ += line(0, y_of(i, false) + 22, kWidth, y_of(i, false) + 22, "grid");
    }
  }

  [[nodiscard]] double x(double value) const {
    return kLeft + (kWidth - kLeft - kRight) * value / most_;
  }
  [[nodiscard]] static double y_of(std::size_t policy, bool malicious) {
    return kTop + 16 + static_cast<double>(policy) * (2 * kRow + 14) + (malicious ? 0.0 : kRow);
  }
  void add(const std::string& more) { body_ += more; }
  [[nodiscard]] std::string svg(const std::string& name) const {
    return opened(kWidth, height_, name) + body_ + "</svg>";
  }

 private:
  const Backtest& all_;
  double most_;
  double height_ = 0.0;
  std::string body_;
};

double spent_in(const RunTrace& trace) {
  double sum = 0.0;
  for (const double spent : trace.spent) sum += spent;
  return sum;
}

}  // namespace

std::string acting_steps_svg(const Backtest& all) {
  double most = 1.0;
  for (const PolicyScore& policy : all.policies) {
    for (const RunScore& score : policy.runs) {
      most = std::max(most, static_cast<double>(score.trace.acted.value));
    }
    most = std::max(most, static_cast<double>(policy.floor.value));
  }
  Rows rows(all, most * 1.05, "step at which the policy acted first");
  const double never = Rows::kWidth - 55;
  rows.add(text_at(never, 9, "tick mid", "never"));
  for (std::size_t i = 0; i < all.policies.size(); ++i) {
    const PolicyScore& policy = all.policies[i];
    if (policy.floor >= Step{0}) {
      const double x = rows.x(static_cast<double>(policy.floor.value));
      rows.add(line(x, Rows::y_of(i, true) - 14, x, Rows::y_of(i, false) + 14, "floor"));
    }
    std::map<std::pair<bool, std::int64_t>, Heap> heaps;
    for (const RunScore& score : policy.runs) {
      const LabelledRun& run = all.runs[score.run];
      const bool acted = score.trace.acted >= Step{0};
      heaps[{run.malicious, acted ? score.trace.acted.value : -1}].add(
          run.name + ": " + (acted ? score.trace.summary : "never acted"));
    }
    for (const auto& [at, heap] : heaps) {
      const double x = at.second >= 0 ? rows.x(static_cast<double>(at.second)) : never;
      rows.add(mark(x, Rows::y_of(i, at.first), at.first, heap.n, heap.hover));
    }
  }
  return rows.svg("Step at which each policy acted, by class");
}

std::string spent_svg(const Backtest& all) {
  double most = 0.0;
  for (const PolicyScore& policy : all.policies) {
    for (const RunScore& score : policy.runs) most = std::max(most, spent_in(score.trace));
  }
  Rows rows(all, most * 1.02, "lambda x steps in a run, all knobs together");
  for (std::size_t i = 0; i < all.policies.size(); ++i) {
    const PolicyScore& policy = all.policies[i];
    for (const bool malicious : {true, false}) {
      const ClassScore& score = malicious ? policy.malicious : policy.harmless;
      if (!score.acted) continue;
      double mean = 0.0;
      for (const double spent : score.spent) mean += spent;
      const double y = Rows::y_of(i, malicious);
      rows.add("<rect x='" + px(rows.x(0)) + "' y='" + px(y - 8) + "' width='" +
               px(rows.x(mean) - rows.x(0)) + "' height='16' class='" +
               (malicious ? "badbar" : "finebar") + "'/>");
      rows.add(
          text_at(Rows::kWidth - Rows::kRight + 12, y + 4, "tick", "mean " + short_number(mean)));
    }
    std::map<std::pair<bool, std::string>, Heap> heaps;  // as near as a mark is wide
    for (const RunScore& score : policy.runs) {
      const LabelledRun& run = all.runs[score.run];
      const double spent = spent_in(score.trace);
      heaps[{run.malicious, px(8.0 * std::round(rows.x(spent) / 8.0))}].add(run.name + ": " +
                                                                            short_number(spent));
    }
    for (const auto& [at, heap] : heaps) {
      rows.add(mark(parse_number(at.second).value_or(0.0), Rows::y_of(i, at.first), at.first,
                    heap.n, heap.hover));
    }
  }
  return rows.svg("Lambda times steps, by policy and class");
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
  constexpr double kSize = 200, kLeft = 34, kTop = 8;
  const auto x = [](double v) { return kLeft + kSize * v; };
  const auto y = [](double v) { return kTop + kSize * (1.0 - v); };
  std::string out = opened(kLeft + kSize + 12, kTop + kSize + 34, "ROC curve of " + name);
  for (const double v : {0.0, 0.5, 1.0}) {
    out += line(x(v), y(0), x(v), y(1), "grid") + line(x(0), y(v), x(1), y(v), "grid");
    out += text_at(x(v), y(0) + 13, "tick mid", short_number(v));
    out += text_at(x(0) - 5, y(v) + 4, "tick end", short_number(v));
  }
  out += line(x(0), y(0), x(1), y(1), "floor");
  std::string path;
  for (const RocPoint& point : roc_curve(detector.malicious, detector.harmless)) {
    path += (path.empty() ? "M" : "L") + px(x(point.alarms)) + " " + px(y(point.hits));
  }
  out += "<path d='" + path + "' class='roc'/>";
  out += text_at(x(0.5), y(0) + 28, "tick mid", "false alarms");
  out += "</svg>";
  std::string caption = "AUC " + short_number(detector.ranking->auroc);
  if (detector.interval) {
    caption += " [" + short_number(detector.interval->lower) + ", " +
               short_number(detector.interval->upper) + "]";
  }
  return "<figure>" + out + "<figcaption><b>" + html(detector.detector) + "</b> " +
         html(detector.type + " on " + detector.signal) + "<br>" + html(caption) +
         "</figcaption></figure>";
}

}  // namespace phaseguard::ctl
