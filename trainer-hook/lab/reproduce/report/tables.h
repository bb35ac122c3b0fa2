// The tables of an experiment as text, once: the terminal, the page and the JSON show the same
// cells. Pure.
#pragma once

#include <string>
#include <vector>

#include "trainer-hook/lab/reproduce/report/standings.h"

namespace phaseguard::lab::reproduce {

struct Table {
  std::string title, note;
  std::vector<std::string> head;
  std::vector<std::vector<std::string>> rows;  // as many cells as `head`
};

// Of --quick the first two.
[[nodiscard]] std::vector<Table> tables_of(const Results& results,
                                           const std::vector<Standing>& standings);
// For a terminal; ends with a newline.
[[nodiscard]] std::string text_of(const Table& table);

// The parts of tables_of (tables_paper.cpp, tables_signals.cpp, tables_bars.cpp).
[[nodiscard]] Table paper_table_1(const std::vector<Standing>& standings);
[[nodiscard]] Table paper_table_2(const std::vector<Standing>& standings);
[[nodiscard]] Table axes_table(const std::vector<Standing>& standings);
[[nodiscard]] Table floor_table(const Results& results, const std::vector<Standing>& standings);
[[nodiscard]] Table cliff_table(const Results& results);
[[nodiscard]] Table attack_table(const Results& results, const std::vector<Standing>& standings);
[[nodiscard]] Table bars_table(const Results& results);
[[nodiscard]] Table signals_table(const Results& results);

}  // namespace phaseguard::lab::reproduce
