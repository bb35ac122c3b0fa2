// The HTML that PhaseGuard writes: one style sheet, one frame, one way to write a cell. A page is
// self-contained (no script, nothing from a network), reads in light and in dark, and prints. What
// is called `text` here is escaped here; what is called `markup` is markup already, so that text of
// others goes into it through html() (monitor/base/printable.h). `style` is one of the style
// sheet's classes, listed with the function that takes it. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/stats/wilson.h"

namespace phaseguard::page {

// The whole page, with `title` as its title and first heading.
[[nodiscard]] std::string document(std::string_view title, std::string_view markup);

// <h2> begins a part of a page, <h3> a part of that.
[[nodiscard]] std::string part(std::string_view text);
[[nodiscard]] std::string subpart(std::string_view text);

// A paragraph. style: "" | "soft" (explains) | "caveat" (to be read first) | "none" (nothing
// there).
[[nodiscard]] std::string paragraph(std::string_view markup, std::string_view style = "");

// A head of a table's column. Numbers stand at the right.
struct Head {
  Head(std::string name, bool of_numbers = false)
      : markup(std::move(name)), is_number(of_numbers) {}
  Head(const char* name) : markup(name) {}
  std::string markup;
  bool is_number = false;
};

// A table from its head (none: no head) and its rows; a wide one scrolls by itself.
[[nodiscard]] std::string table(const std::vector<Head>& head, std::string_view rows);
[[nodiscard]] std::string row(std::string_view cells);

// style: "" | "n" (number) | "good" | "bad" | "warn" | "none" (nothing there).
[[nodiscard]] std::string cell(std::string_view markup, std::string_view style = "");
[[nodiscard]] std::string text_cell(std::string_view text, std::string_view style = "");
[[nodiscard]] std::string number_cell(double value, int digits = 4);
[[nodiscard]] std::string count_cell(std::int64_t count);
// A main value and, small below it, what it is made of.
[[nodiscard]] std::string two_line_cell(std::string_view markup, std::string_view small_markup);
// A rate with its interval as a bar and in numbers, and its counts.
[[nodiscard]] std::string rate_cell(const stats::Rate& rate);
// The head of a row.
[[nodiscard]] std::string name_cell(std::string_view text);
// A row of two cells: a name and what it is.
[[nodiscard]] std::string fact(std::string_view name, std::string_view text,
                               std::string_view style = "");

// A picture inside the page. png: its bytes.
[[nodiscard]] std::string picture(std::string_view png, std::string_view description);

}  // namespace phaseguard::page
