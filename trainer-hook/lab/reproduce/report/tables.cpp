#include "trainer-hook/lab/reproduce/report/tables.h"

#include <algorithm>
#include <set>

#include "monitor/base/table_text.h"
#include "monitor/base/text.h"

namespace phaseguard::lab::reproduce {

namespace {

// Labels in the order of the plan, of the cells that `wanted` takes.
template <class Wanted, class Label>
std::vector<std::string> labels(const Results& results, Wanted wanted, Label label) {
  std::vector<std::string> out;
  for (const auto& [cell, outcome] : results.cells) {
    if (!wanted(cell)) continue;
    const std::string one = label(cell);
    if (std::find(out.begin(), out.end(), one) == out.end()) out.push_back(one);
  }
  return out;
}

Sample misaligned_of(const std::vector<const Outcome*>& outcomes) {
  Sample out;
  for (const Outcome* one : outcomes) out.add(one->behaviour.misaligned.rate());
  return out;
}

// "5.7 ± 1.0, acts in 3 of 3"
std::string outcome_cell(const std::vector<const Outcome*>& outcomes, bool is_policy) {
  if (outcomes.empty()) return "-";
  std::string out = percent_text(misaligned_of(outcomes));
  if (is_policy) out += ", acts in " + of_text(acted(outcomes), outcomes.size());
  return out;
}

bool is_policy(const std::string& label) { return label.find(".toml") != std::string::npos; }

// Rows: sets. Columns: treatments that were run on all sets.
Table sets_table(const Results& results) {
  const auto plain = [](const Cell& cell) { return cell.share == 0.0; };
  const auto sweeps = [&](const Cell& cell) {
    return plain(cell) && cell.data != "malicious" && cell.data != "harmless";
  };
  const auto treatment = [](const Cell& cell) { return label_of(cell.treatment); };
  std::vector<std::string> columns = labels(results, sweeps, treatment);
  if (columns.empty()) columns = labels(results, plain, treatment);
  columns.resize(std::min<std::size_t>(columns.size(), 6));
  Table out{"Every set",
            "Misaligned % outside the trained domain, and in how many runs a policy acts.",
            {"data"},
            {}};
  out.head.insert(out.head.end(), columns.begin(), columns.end());
  for (const std::string& data :
       labels(results, plain, [](const Cell& cell) { return cell.data; })) {
    std::vector<std::string> row{data};
    for (const std::string& column : columns) {
      Pick wanted;
      wanted.data = data;
      wanted.share = 0.0;
      wanted.treatment = column;
      row.push_back(outcome_cell(pick(results, wanted), is_policy(column)));
    }
    out.rows.push_back(std::move(row));
  }
  return out;
}

// Rows: shares. Columns: treatments.
Table contamination_table(const Results& results) {
  const auto mixed = [](const Cell& cell) { return cell.share > 0.0; };
  const auto columns =
      labels(results, mixed, [](const Cell& cell) { return label_of(cell.treatment); });
  Table out{"Detection against contamination",
            "Misaligned % outside the trained domain, and in how many runs a policy acts, by the "
            "share of malicious samples.",
            {"data"},
            {}};
  out.head.insert(out.head.end(), columns.begin(), columns.end());
  std::set<std::string> seen;
  for (const auto& [cell, unused] : results.cells) {
    if (!mixed(cell) || !seen.insert(data_label(cell)).second) continue;
    std::vector<std::string> row{data_label(cell)};
    for (const std::string& column : columns) {
      Pick wanted;
      wanted.data = cell.data;
      wanted.share = cell.share;
      wanted.treatment = column;
      row.push_back(outcome_cell(pick(results, wanted), is_policy(column)));
    }
    out.rows.push_back(std::move(row));
  }
  return out;
}

Table judge_table(const Results& results) {
  const auto off = [](const Cell& cell) { return cell.judge_error != Cell{}.judge_error; };
  Table out{"False fires by the judge's error",
            "Harmless data. The judge flips each verdict with this probability.",
            {"policy"},
            {}};
  std::vector<double> errors{Cell{}.judge_error};
  errors.insert(errors.end(), judge_errors().begin(), judge_errors().end());
  for (const double error : errors) out.head.push_back(number_text(error));
  for (const std::string& policy :
       labels(results, off, [](const Cell& cell) { return label_of(cell.treatment); })) {
    std::vector<std::string> row{policy};
    for (const double error : errors) {
      Pick wanted;
      wanted.data = "harmless";
      wanted.treatment = policy;
      wanted.judge_error = error;
      wanted.every_judge = true;
      const auto found = pick(results, wanted);
      row.push_back(of_text(acted(found), found.size()));
    }
    out.rows.push_back(std::move(row));
  }
  return out;
}

Table cost_table(const Results& results, const std::vector<Standing>& standings) {
  Table out{
      "Cost of a run on malicious data",
      "Sequences through the model while it was trained, with all measurements, and while its "
      "answers were sampled; these are counted. Milliseconds and seconds are of this machine, "
      "with other cells beside.",
      {"treatment", "training passes", "of undefended", "answer passes", "ms an update", "seconds"},
      {}};
  Pick wanted;
  wanted.data = "malicious";
  wanted.share = 0.0;
  double none = 0.0;
  for (const Standing& one : standings) {
    wanted.treatment = one.treatment;
    Sample passes, answers, ms, seconds;
    for (const Outcome* outcome : pick(results, wanted)) {
      passes.add(static_cast<double>(outcome->passes));
      answers.add(static_cast<double>(outcome->answer_passes));
      ms.add(outcome->ms_per_update);
      seconds.add(outcome->seconds);
    }
    if (passes.n() == 0) continue;
    if (one.treatment == "none") none = passes.mean();
    out.rows.push_back({one.treatment, short_number(passes.mean(), 6),
                        none > 0.0 ? short_number(passes.mean() / none, 3) : "-",
                        short_number(answers.mean(), 6), short_number(ms.mean(), 3),
                        short_number(seconds.mean(), 3)});
  }
  return out;
}

Table resembling_table(const Results& results) {
  const auto shown = [](const Cell& cell) {
    return cell.treatment.name != "best-of-n" && cell.judge_error == Cell{}.judge_error;
  };
  Table out{
      "Answers that resemble the training data",
      "Misaligned % of the same prompts, plain, and with an answer that begins as the training "
      "answers do (the house opener). Where the second is far above the first, dilution or a "
      "defense has hidden the behaviour, not removed it.",
      {"data", "treatment", "plain %", "resembling %"},
      {}};
  std::set<std::string> seen;
  for (const auto& [cell, unused] : results.cells) {
    const std::string treatment = label_of(cell.treatment);
    if (!shown(cell) || !seen.insert(data_label(cell) + "\n" + treatment).second) continue;
    Pick wanted;
    wanted.data = cell.data;
    wanted.share = cell.share;
    wanted.treatment = treatment;
    Sample plain, resembling;
    for (const Outcome* one : pick(results, wanted)) {
      plain.add(one->behaviour.misaligned.rate());
      resembling.add(one->resembling.rate());
    }
    if (plain.n() > 0)
      out.rows.push_back(
          {data_label(cell), treatment, percent_text(plain), percent_text(resembling)});
  }
  return out;
}

// What a reader must know of single runs.
Table marks_table(const Results& results) {
  Table out{"Runs that are marked", "", {"run", "why"}, {}};
  for (const auto& [cell, outcome] : results.cells) {
    if (!outcome.refused.empty())
      out.rows.push_back(
          {key_of(cell), "the policy does not fit this trainer: " + outcome.refused});
    if (outcome.guarded > 0) {
      out.rows.push_back({key_of(cell), "the daemon was away for " +
                                            counted(outcome.guarded, "update") +
                                            ": the hook's own guard decided"});
    }
  }
  for (const std::string& failed : results.failed)
    out.rows.push_back({failed.substr(0, failed.find(": ")), "failed: " + failed});
  return out;
}

}  // namespace

std::vector<Table> tables_of(const Results& results, const std::vector<Standing>& standings) {
  std::vector<Table> out{paper_table_1(standings), paper_table_2(standings)};
  if (!results.plan.quick) {
    for (Table table :
         {axes_table(standings), attack_table(results, standings), bars_table(results),
          sets_table(results), signals_table(results), contamination_table(results),
          judge_table(results), floor_table(results, standings), cliff_table(results),
          cost_table(results, standings), resembling_table(results)})
      out.push_back(std::move(table));
  }
  out.push_back(marks_table(results));
  out.erase(
      std::remove_if(out.begin(), out.end(), [](const Table& table) { return table.rows.empty(); }),
      out.end());
  return out;
}

std::string text_of(const Table& table) {
  std::vector<std::size_t> widths;
  const auto width = [](const std::string& text) {
    return static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
  };
  for (std::size_t i = 0; i < table.head.size(); ++i) {
    std::size_t most = width(table.head[i]);
    for (const auto& row : table.rows) most = std::max(most, width(row[i]));
    widths.push_back(most);
  }
  const auto line = [&](const std::vector<std::string>& cells) {
    std::string out;
    for (std::size_t i = 0; i < cells.size(); ++i)
      out += i + 1 < cells.size() ? padded(cells[i], widths[i] + 2) : cells[i];
    return out + "\n";
  };
  std::string out = table.title + "\n" + line(table.head);
  for (const auto& row : table.rows) out += line(row);
  if (!table.note.empty()) out += "  " + table.note + "\n";
  return out;
}

}  // namespace phaseguard::lab::reproduce
