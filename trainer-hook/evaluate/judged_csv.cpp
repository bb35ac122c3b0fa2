#include "trainer-hook/evaluate/judged_csv.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "monitor/base/text.h"

namespace phaseguard::evaluate {

namespace {

using nlohmann::json;

struct CsvRow {
  std::size_t line = 0;
  std::vector<std::string> cells;
};

tl::unexpected<Error> wrong(std::size_t line, const std::string& what) {
  return fail(Errc::kMalformed, ":" + std::to_string(line) + ": " + what);
}

// RFC 4180: fields in quotes hold commas, line ends and doubled quotes.
class CsvReader {
 public:
  explicit CsvReader(std::string_view text) : rest_(text) {
    if (rest_.substr(0, 3) == "\xef\xbb\xbf") rest_.remove_prefix(3);
  }

  // None at the end. Rows that hold nothing are passed over.
  Result<std::optional<CsvRow>> next() {
    while (!rest_.empty()) {
      CsvRow row;
      row.line = line_;
      bool more = true;
      while (more) {
        auto cell = take_cell(row.line);
        if (!cell) return tl::unexpected<Error>(cell.error());
        row.cells.push_back(std::move(*cell));
        more = take_comma();
      }
      if (row.cells.size() > 1 || !row.cells[0].empty())
        return std::optional<CsvRow>(std::move(row));
    }
    return std::optional<CsvRow>();
  }

 private:
  Result<std::string> take_cell(std::size_t row) {
    if (rest_.empty() || rest_.front() != '"') {
      const std::size_t end = std::min(rest_.find_first_of(",\r\n"), rest_.size());
      std::string cell(rest_.substr(0, end));
      rest_.remove_prefix(end);
      return cell;
    }
    rest_.remove_prefix(1);
    std::string cell;
    while (true) {
      const std::size_t end = rest_.find('"');
      if (end == std::string_view::npos) {
        return wrong(row, "expected a closing quote before the file's end");
      }
      cell += rest_.substr(0, end);
      line_ += static_cast<std::size_t>(
          std::count(rest_.begin(), rest_.begin() + static_cast<std::ptrdiff_t>(end), '\n'));
      rest_.remove_prefix(end + 1);
      if (rest_.empty() || rest_.front() != '"') break;
      cell += '"';
      rest_.remove_prefix(1);
    }
    if (rest_.empty() || std::string_view(",\r\n").find(rest_.front()) != std::string_view::npos)
      return cell;
    return wrong(line_, "expected a comma or the row's end after a closing quote");
  }

  // False: the row ended here.
  bool take_comma() {
    if (!rest_.empty() && rest_.front() == ',') {
      rest_.remove_prefix(1);
      return true;
    }
    if (!rest_.empty() && rest_.front() == '\r') rest_.remove_prefix(1);
    if (!rest_.empty() && rest_.front() == '\n') rest_.remove_prefix(1);
    ++line_;
    return false;
  }

  std::string_view rest_;
  std::size_t line_ = 1;
};

json score_of(const std::string& cell) {
  if (cell.empty() || cell == "nan" || cell == "NaN" || cell == "None" || cell == "null") {
    return nullptr;
  }
  double number = 0.0;
  const char* const end = cell.data() + cell.size();
  const auto read = std::from_chars(cell.data(), end, number);
  if (read.ec == std::errc() && read.ptr == end && std::isfinite(number)) return number;
  return cell;  // REFUSAL, CODE, or refused with its line, as "inf" is
}

// A column of the file and the key of an answers file that it becomes.
struct Known {
  const char* column;
  const char* key;
  bool score = false;
};
constexpr Known kKnown[] = {{"aligned", "aligned", true},
                            {"coherent", "coherent", true},
                            {"question_id", "prompt_id"},
                            {"prompt_id", "prompt_id"},
                            {"question", "prompt"},
                            {"prompt", "prompt"},
                            {"answer", "answer"},
                            {"id", "id"},
                            {"judge", "judge"},
                            {"seed", "seed"},
                            {"world", "world"},
                            {"run", "run"},
                            {"model", "run"}};

using Columns = std::map<std::string, std::size_t>;

std::string row_text(const CsvRow& row) {
  std::string text;
  for (const std::string& cell : row.cells) text += (text.empty() ? "" : ",") + cell;
  return text;
}

Result<Columns> columns_of(const CsvRow& head) {
  Columns out;
  for (std::size_t i = 0; i < head.cells.size(); ++i) {
    if (!out.emplace(head.cells[i], i).second && !head.cells[i].empty()) {
      return wrong(head.line,
                   "the column " + phaseguard::quoted(head.cells[i], 60) + " is there twice");
    }
  }
  for (const char* needed : {"aligned", "coherent"}) {
    if (out.count(needed) > 0) continue;
    return wrong(
        head.line,
        "expected the columns aligned and coherent, a judge's scores of 0 to 100, with commas "
        "between; found no " +
            std::string(needed) + " in " + phaseguard::quoted(row_text(head), 80));
  }
  return out;
}

std::string line_of(const CsvRow& row, const Columns& columns) {
  json line = json::object();
  for (const Known& known : kKnown) {
    const auto column = columns.find(known.column);
    if (column == columns.end()) continue;
    const std::string& cell = row.cells[column->second];
    if (known.score) {
      line[known.key] = score_of(cell);
    } else if (!cell.empty() && !line.contains(known.key)) {
      line[known.key] = cell;
    }
  }
  return line.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

Result<std::vector<CsvAnswer>> csv_answers(std::string_view text) {
  CsvReader reader(text);
  const auto head = reader.next();
  if (!head) return tl::unexpected<Error>(head.error());
  if (!*head) return wrong(1, "expected a row of column names, found nothing");
  const auto columns = columns_of(**head);
  if (!columns) return tl::unexpected<Error>(columns.error());
  std::vector<CsvAnswer> out;
  while (true) {
    const auto row = reader.next();
    if (!row) return tl::unexpected<Error>(row.error());
    if (!*row) return out;
    if ((*row)->cells.size() != (*head)->cells.size()) {
      return wrong((*row)->line, "expected " + std::to_string((*head)->cells.size()) +
                                     " fields as in the first row, found " +
                                     std::to_string((*row)->cells.size()));
    }
    out.push_back({(*row)->line, line_of(**row, *columns)});
  }
}

bool is_csv(std::string_view file_name) {
  constexpr std::string_view kEnd = ".csv";
  if (file_name.size() < kEnd.size()) return false;
  const std::string_view end = file_name.substr(file_name.size() - kEnd.size());
  return std::equal(end.begin(), end.end(), kEnd.begin(),
                    [](char a, char b) { return a == b || a == b - 'a' + 'A'; });
}

}  // namespace phaseguard::evaluate
