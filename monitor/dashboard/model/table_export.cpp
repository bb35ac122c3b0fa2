#include "monitor/dashboard/model/table_export.h"

#include <algorithm>
#include <cctype>

#include "monitor/base/printable.h"
#include "monitor/base/text.h"

namespace phaseguard::dashboard {
namespace {

const char* word_of(Quality quality) {
  switch (quality) {
    case Quality::kGood:
      return "good";
    case Quality::kBad:
      return "bad";
    case Quality::kMissing:
      break;
  }
  return "missing";
}

// Segments follow each other in time.
const run::Segment* segment_at(const run::RunState& state, double t) {
  const auto after =
      std::upper_bound(state.segments.begin(), state.segments.end(), t,
                       [](double time, const run::Segment& segment) { return time < segment.t; });
  return after == state.segments.begin() ? nullptr : &*(after - 1);
}

void add_rows(const run::RunState& state, const std::string& name, const run::Series& series,
              std::string& out) {
  const std::string cell = csv_cell(name);
  for (std::size_t i = 0; i < series.size(); ++i) {
    const run::Segment* segment = segment_at(state, series.t_at(i));
    const bool good = series.quality_at(i) == Quality::kGood;
    out += cell + ",";
    out += segment == nullptr ? "," : std::to_string(segment->attempt) + ",";
    out += segment == nullptr ? "," : std::to_string(segment->segment) + ",";
    out += std::to_string(series.step_at(i).value) + "," + number_text(series.t_at(i)) + ",";
    out += (good ? number_text(series.value_at(i)) : "") + "," + word_of(series.quality_at(i));
    out += "\r\n";
  }
}

}  // namespace

std::string csv_of(const run::RunState& state, const run::PlotSpec& plot) {
  std::string out = "signal,attempt,segment,step,time,value,quality\r\n";
  for (const run::PlotLine& line : plot.lines) {
    const std::string name = plot.is_knob ? plot.name + " " + line.label : line.label;
    if (line.series != nullptr) add_rows(state, name, *line.series, out);
  }
  return out;
}

std::string file_name_of(const run::RunState& state, const run::PlotSpec& plot,
                         const std::string& extension) {
  std::string name = state.run.text() + "_" + plot.name;
  for (char& c : name) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '.';
    if (!plain) c = '_';
  }
  if (name.size() > 120) name.resize(120);
  return name + "." + extension;
}

}  // namespace phaseguard::dashboard
