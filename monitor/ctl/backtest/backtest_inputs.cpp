#include "monitor/ctl/backtest/backtest_inputs.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "monitor/base/table_text.h"
#include "monitor/base/text.h"
#include "monitor/ctl/text_lines.h"
#include "monitor/wire/words.h"

namespace phaseguard::ctl {

namespace {

constexpr const char* kMeasures[] = {"detection",
                                     "false_alarm",
                                     "detection_lower",
                                     "false_alarm_upper",
                                     "lead_steps",
                                     "lambda_steps_malicious",
                                     "lambda_steps_harmless",
                                     "auc",
                                     "auc_lower"};

std::string place(const std::string& file, int line) {
  return file + ":" + std::to_string(line) + ": ";
}

std::vector<std::string> split(std::string_view line, char separator) {
  std::vector<std::string> out;
  while (true) {
    const std::size_t end = line.find(separator);
    out.emplace_back(trimmed(line.substr(0, end)));
    if (end == std::string_view::npos) return out;
    line.remove_prefix(end + 1);
  }
}

Result<Label> label_of(const std::vector<std::string>& cells, const std::string& where, int line) {
  Label label;
  label.line = line;
  label.label = cells[1];
  if (!wire::word_of<wire::Label>(label.label)) {
    return fail(Errc::kMalformed, where + "expected the label " +
                                      wire::list_of_words<wire::Label>(" or ") + ", found " +
                                      quoted(label.label, 40));
  }
  if (cells.size() > 3) label.group = cells[3];
  if (cells.size() < 3 || cells[2].empty()) return label;
  const auto step = parse_integer(cells[2]);
  if (!step || *step < 0) {
    return fail(Errc::kMalformed, where + "expected a harm_step of 0 or more, found " +
                                      quoted(cells[2], 40) + "; leave it empty when none is known");
  }
  label.harm_step = Step{*step};
  return label;
}

constexpr std::array<std::string_view, 4> kColumns = {"run", "label", "harm_step", "group"};

bool is_header(const std::vector<std::string>& cells) {
  return cells.size() >= 2 && cells.size() <= kColumns.size() &&
         std::equal(cells.begin(), cells.end(), kColumns.begin());
}

}  // namespace

Result<Labels> parse_labels(std::string_view text, const std::string& file) {
  Labels out;
  bool header = false;
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";  // spreadsheets write it
  if (text.substr(0, 3) == kByteOrderMark) text.remove_prefix(3);
  for (const TextLine& line : lines_of(text)) {
    const std::vector<std::string> cells = split(line.text, ',');
    const std::string where = place(file, line.number);
    if (!header) {
      if (!is_header(cells)) {
        return fail(Errc::kMalformed, where +
                                          "expected the header run,label or run,label,harm_step or "
                                          "run,label,harm_step,group, found " +
                                          quoted(line.text, 60));
      }
      header = true;
      continue;
    }
    if (cells.size() < 2 || cells.size() > kColumns.size() || cells[0].empty()) {
      return fail(Errc::kMalformed, where +
                                        "expected RUN,LABEL or RUN,LABEL,HARM_STEP or "
                                        "RUN,LABEL,HARM_STEP,GROUP, found " +
                                        quoted(line.text, 60));
    }
    auto label = label_of(cells, where, line.number);
    if (!label) return tl::unexpected(label.error());
    const auto [found, fresh] = out.emplace(cells[0], *label);
    if (!fresh) {
      return fail(Errc::kMalformed, where + "the run " + quoted(cells[0], 64) +
                                        " has a label already, on line " +
                                        std::to_string(found->second.line));
    }
  }
  if (!header) {
    return fail(Errc::kMalformed,
                file + ": expected a CSV that begins with run,label, found nothing");
  }
  return out;
}

std::string Criterion::text() const {
  return measure + (detector.empty() ? "" : " " + detector) + (at_least ? " >= " : " <= ") +
         number_text(bound);
}

Result<std::vector<Criterion>> parse_criteria(std::string_view text, const std::string& file) {
  std::vector<Criterion> out;
  for (const TextLine& line : lines_of(text)) {
    const std::string where = place(file, line.number);
    const std::vector<std::string> words = words_of(line.text);
    const bool of_detector = words[0] == "auc" || words[0] == "auc_lower";
    const std::vector<std::string> known(std::begin(kMeasures), std::end(kMeasures));
    if (std::find(known.begin(), known.end(), words[0]) == known.end()) {
      const std::string near = nearest(words[0], known);
      return fail(Errc::kMalformed, where + "unknown measure " + quoted(words[0], 40) +
                                        (near.empty() ? "" : "; did you mean \"" + near + "\"?") +
                                        " (there are: " + joined(known, ", ") + ")");
    }
    const std::size_t wanted = of_detector ? 4 : 3;
    const std::string form = words[0] + (of_detector ? " DETECTOR" : "") + " >= NUMBER (or <=)";
    if (words.size() != wanted || (words[wanted - 2] != ">=" && words[wanted - 2] != "<=")) {
      return fail(Errc::kMalformed,
                  where + "expected " + form + ", found " + quoted(line.text, 80));
    }
    const auto bound = parse_number(words[wanted - 1]);
    if (!bound || !std::isfinite(*bound)) {
      return fail(Errc::kMalformed, where + "expected a finite number after " + words[wanted - 2] +
                                        ", found " + quoted(words[wanted - 1], 40));
    }
    out.push_back(
        {words[0], of_detector ? words[1] : "", words[wanted - 2] == ">=", *bound, line.number});
  }
  if (out.empty()) {
    return fail(Errc::kMalformed, file +
                                      ": expected at least one criterion such as detection >= 0.9, "
                                      "found none");
  }
  return out;
}

}  // namespace phaseguard::ctl
