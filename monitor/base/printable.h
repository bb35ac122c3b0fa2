// The one printer of text that came from a peer, an operator or a file: log, terminal, CSV, HTML,
// JSON, metrics and dashboard show such text through a function of this page (and quoted() in
// text.h, which adds quotes). Nothing in it can end a line, move a cursor, turn the direction of
// what follows, hide, or be taken for markup or a formula.
//
// What is not shown as it is: control characters (C0, DEL, C1), separators of lines and paragraphs,
// whatever Unicode says may be drawn as nothing (Default_Ignorable_Code_Point: zero width, marks,
// embeddings, overrides and isolates of direction, variation selectors, fillers, tags),
// interlinear annotation, private use (the dashboard's icons are there), noncharacters, and bytes
// that are not UTF-8. It is written \n, \t, \x1b (a byte), \u202e, \U000e0041. The joiners that
// emoji and some scripts need are among it: names that look alike are worse than a broken emoji.
// Letters that look alike (Latin and Cyrillic a) are shown.
//
// Any thread. Pure but print_line(), print_lines() and exit_code_of(). C++17-clean.
#pragma once

#include <cstddef>
#include <cstdio>
#include <string>
#include <string_view>

namespace phaseguard {

// `text` as one line of printable UTF-8. Printing it once more changes nothing, so that a sentence
// which holds printed names already may be printed as a whole. A character of `backslashed` (ASCII)
// gets a backslash before it; without the backslash among them \x1b can be an escape or those four
// characters.
[[nodiscard]] std::string printable(std::string_view text, std::string_view backslashed = "");

// The same, cut to `max_bytes` of `text` between two characters, with "..." behind what was cut.
[[nodiscard]] std::string plain(std::string_view text, std::size_t max_bytes = 200);

// The same as printable(), but line breaks stay: for text of ours of several lines, in which every
// name went through plain() or quoted().
[[nodiscard]] std::string printable_lines(std::string_view text);

// Prints one line by a printf format, printable as a whole: whatever its arguments hold, it is one
// line. The program's own \n follows.
__attribute__((format(printf, 2, 3))) void print_line(std::FILE* out, const char* format, ...);

// Prints printable_lines(text), and nothing behind it.
void print_lines(std::FILE* out, std::string_view text);

// The last call of main(): `code`, or 1 with a sentence on standard error when standard output
// could not be written whole. What is asked for and not there is a failure; a full disk shows when
// the rest is written.
[[nodiscard]] int exit_code_of(int code, const char* program);

// The first `max_bytes` of `text`, and no part of a character at the end.
[[nodiscard]] std::string_view cut_between_characters(std::string_view text, std::size_t max_bytes);

// Text in a page of HTML or SVG, between tags or in an attribute: markup and quotes escaped too.
[[nodiscard]] std::string html(std::string_view text);

// A cell of CSV (RFC 4180): quoted where needed. A cell that a spreadsheet would take for a formula
// (= + - @, also of full width) has an apostrophe before it, unless it is a finite number.
[[nodiscard]] std::string csv_cell(std::string_view text);

// Written JSON, whole: what is not printable becomes \u202e or a surrogate pair, so that a parser
// reads the same strings and a terminal shows them safely. White space between values stays.
[[nodiscard]] std::string printable_json(std::string_view json);

// The value of a label in Prometheus' text format, without the quotes around it.
[[nodiscard]] std::string metrics_label(std::string_view text);

}  // namespace phaseguard
