// Judged answers as a CSV, as people keep them: one answer a row, with the columns `aligned` and
// `coherent`, and beside them `question_id`, `question`, `answer`, `id`, `judge`, `seed`, `world`
// and `run` or `model`. Other columns are passed over. Pure; any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/base/result.h"

namespace phaseguard::evaluate {

struct CsvAnswer {
  std::size_t line = 0;  // on which the row begins, from 1
  std::string json;      // the same answer as a line of an answers file
};

// An empty field, "nan", "None" and "null" in a score's place: no score. Errors begin with the
// line, ":3: ...": a column twice, no `aligned` or `coherent`, a row of another length, a quote
// that is not closed.
[[nodiscard]] Result<std::vector<CsvAnswer>> csv_answers(std::string_view text);

[[nodiscard]] bool is_csv(std::string_view file_name);  // ends in ".csv", in any case

}  // namespace phaseguard::evaluate
