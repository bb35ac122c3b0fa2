// Which characters are shown as they are, and what each sink makes of the others.
#include "monitor/base/printable.h"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "monitor/base/table_text.h"
#include "monitor/base/text.h"
#include "tests/support/catch.h"
#include "tests/support/hostile.h"

using namespace phaseguard;

namespace {

std::string utf8(std::uint32_t code) {
  const auto byte = [](std::uint32_t value) { return static_cast<char>(value); };
  if (code < 0x80) return {byte(code)};
  if (code < 0x800) return {byte(0xc0 | code >> 6), byte(0x80 | (code & 0x3f))};
  const char last = byte(0x80 | (code & 0x3f)), middle = byte(0x80 | (code >> 6 & 0x3f));
  if (code < 0x10000) return {byte(0xe0 | code >> 12), middle, last};
  return {byte(0xf0 | code >> 18), byte(0x80 | (code >> 12 & 0x3f)), middle, last};
}

std::string escape(std::uint32_t code) {
  char text[16];
  std::snprintf(text, sizeof text,
                code < 0x80      ? "\\x%02x"
                : code < 0x10000 ? "\\u%04x"
                                 : "\\U%08x",
                code);
  return code == '\n' ? "\\n" : code == '\t' ? "\\t" : text;
}

// What print() writes to a stream.
template <class Print>
std::string written(Print print) {
  char* bytes = nullptr;
  std::size_t size = 0;
  std::FILE* out = open_memstream(&bytes, &size);
  print(out);
  std::fclose(out);
  std::string text(bytes, size);
  std::free(bytes);
  return text;
}

}  // namespace

TEST_CASE("every class of characters that could deceive is escaped", "[base][hostile]") {
  const struct {
    std::uint32_t first, last;
  } kHidden[] = {
      {0x00, 0x1f},         // C0
      {0x7f, 0x9f},         // DEL, C1
      {0xad, 0xad},         // soft hyphen
      {0x34f, 0x34f},       // grapheme joiner
      {0x61c, 0x61c},       // Arabic letter mark
      {0x115f, 0x1160},     // Hangul fillers
      {0x180e, 0x180e},     // Mongolian vowel separator
      {0x200b, 0x200f},     // zero width, joiners, marks of direction
      {0x2028, 0x2029},     // separators
      {0x202a, 0x202e},     // embeddings, overrides
      {0x2060, 0x2064},     // word joiner, invisible operators
      {0x2066, 0x2069},     // isolates
      {0x206a, 0x206f},     // deprecated formats
      {0x3164, 0x3164},     // Hangul filler
      {0xe000, 0xf8ff},     // private use
      {0xfdd0, 0xfdef},     // noncharacters
      {0xfe00, 0xfe0f},     // variation selectors
      {0xfeff, 0xfeff},     // byte order mark
      {0xfff9, 0xfffb},     // interlinear annotation
      {0xfffe, 0xffff},     // noncharacters
      {0x1fffe, 0x1ffff},   // noncharacters of a plane
      {0xe0000, 0xe007f},   // tags
      {0xe0100, 0xe01ef},   // variation selectors
      {0xf0000, 0xf0001},   // private use
      {0x10fffe, 0x10ffff}  // the last
  };
  for (const auto& range : kHidden) {
    for (std::uint32_t code = range.first; code <= range.last; ++code) {
      const std::string shown = printable("a" + utf8(code) + "b");
      if (shown != "a" + escape(code) + "b")
        FAIL_CHECK(std::hex << code << " is shown as " << shown);
    }
  }
}

TEST_CASE("letters, signs and spaces of every script are shown", "[base]") {
  for (const std::uint32_t code :
       {0x20u,   0x7eu,   0xa0u,   0xa1u,   0xe9u,    0x34eu,   0x350u,   0x3bbu,   0x430u,
        0x5d0u,  0x61bu,  0x61du,  0x627u,  0x915u,   0x200au,  0x2010u,  0x2027u,  0x202fu,
        0x2030u, 0x205fu, 0x2070u, 0x2192u, 0x4e2du,  0xac00u,  0xf900u,  0xfdcfu,  0xfdf0u,
        0xfe10u, 0xff01u, 0xfffcu, 0xfffdu, 0x10000u, 0x1f600u, 0x20000u, 0xdffffu, 0xe1000u}) {
    if ((code & 0xfffe) == 0xfffe) continue;
    INFO(std::hex << code);
    CHECK(printable(utf8(code)) == utf8(code));
  }
}

TEST_CASE("bytes that are not UTF-8 are shown one by one", "[base][hostile]") {
  CHECK(printable("\xc0\x80") == "\\xc0\\x80");           // overlong NUL
  CHECK(printable("\xc1\x9b") == "\\xc1\\x9b");           // overlong [
  CHECK(printable("\xe0\x80\x8a") == "\\xe0\\x80\\x8a");  // overlong line break
  CHECK(printable("\xf0\x80\x80\x9b") == "\\xf0\\x80\\x80\\x9b");
  CHECK(printable("\xed\xa0\x80") == "\\xed\\xa0\\x80");           // half of a surrogate pair
  CHECK(printable("\xf4\x90\x80\x80") == "\\xf4\\x90\\x80\\x80");  // behind the last
  CHECK(printable("\xf8\x88") == "\\xf8\\x88");
  CHECK(printable("\x9b") == "\\x9b");                  // C1 of Latin 1
  CHECK(printable("a\xe2\x80") == "a\\xe2\\x80");       // cut off
  CHECK(printable("\xe2\xc3\xa9") == "\\xe2\xc3\xa9");  // the next one is whole
  CHECK(printable(std::string_view("a\0b", 3)) == "a\\x00b");
}

TEST_CASE("what is printed once is printed twice alike, and as wide", "[base][hostile]") {
  for (const std::string& text :
       {std::string(test::kHostileName), std::string("a\\x1b \xff \xc3\xa9"),
        utf8(0xe0041) + utf8(0x1f600) + "\xe2\x80"}) {
    const std::string once = printable(text);
    CHECK(printable(once) == once);
    CHECK(padded(printable(once), 80).size() == padded(once, 80).size());
    CHECK(first_bad_utf8(once) == once.size());
  }
  CHECK(printable(test::kHostileName) == test::kHostileShown);
  CHECK(quoted(test::kHostileName) ==
        "\"x\\x1b[2J\\u202e\\u009b1m\\u200b\\u2028\\x0d\\nFORGED </td><script>\"");
  CHECK(quoted("\\x1b\"") == "\"\\\\x1b\\\"\"");  // quotes can be read back
}

TEST_CASE("text is cut between two characters", "[base]") {
  CHECK(plain("abcdef", 3) == "abc...");
  CHECK(plain("abc", 3) == "abc");
  CHECK(plain("a\x1b\"") == "a\\x1b\"");
  CHECK(plain("a\xe2\x82\xacz", 3) == "a...");
  CHECK(plain("a\xe2\x82\xacz", 4) == "a\xe2\x82\xac...");
  CHECK(plain("\xf0\x9f\x98\x80z", 3) == "...");
  CHECK(plain("\xe2\x80\xae"
              "abc",
              3) == "\\u202e...");
  CHECK(cut_between_characters("a\xc3\xa9z", 2) == "a");
}

TEST_CASE("a printed line is one line, and lines of ours stay lines", "[base][hostile]") {
  CHECK(written([](std::FILE* out) { print_line(out, "%s: %d", test::kHostileName, 7); }) ==
        std::string(test::kHostileShown) + ": 7\n");
  CHECK(written([](std::FILE* out) { print_line(out, "%s", std::string(9000, 'x').c_str()); }) ==
        std::string(9000, 'x') + "\n");
  CHECK(written([](std::FILE* out) { print_lines(out, "a\x1b\n\nb\r\n"); }) ==
        "a\\x1b\n\nb\\x0d\n");
  CHECK(printable_lines("") == "");
}

TEST_CASE("text in a page is no markup", "[base][hostile]") {
  CHECK(html("</td><script>\"'&") == "&lt;/td&gt;&lt;script&gt;&quot;&#39;&amp;");
  CHECK(html("a\n\xe2\x80\xae") == "a\\n\\u202e");
  CHECK(test::came_through(html(test::kHostileName)).empty());
}

TEST_CASE("a cell is no formula, and a number stays one", "[base][hostile]") {
  for (const char* formula :
       {"=cmd()", "+cmd", "-cmd", "@SUM(A1)", "=1+1", "-1+cmd", " =cmd", "-", "+inf", "-nan",
        "\xef\xbc\x9d"
        "1"}) {
    INFO(formula);
    CHECK(csv_cell(formula) == "'" + std::string(formula));
  }
  for (const char* number : {"-1.5", "+3", "1e-5", "-1e300", "0", "7"})
    CHECK(csv_cell(number) == number);
  CHECK(csv_cell("\t=cmd()") == "\\t=cmd()");
  CHECK(csv_cell("\r=cmd()") == "\\x0d=cmd()");
  CHECK(csv_cell("a,b") == "\"a,b\"");
  CHECK(csv_cell("a\"b") == "\"a\"\"b\"");
  CHECK(csv_cell("=a,\"b") == "\"'=a,\"\"b\"");
  CHECK(csv_cell("a\nb") == "a\\nb");
  CHECK(csv_cell("canary/js") == "canary/js");
  CHECK(csv_cell("").empty());
}

TEST_CASE("JSON is safe to look at and reads back exactly", "[base][hostile]") {
  const std::string text = test::kHostileName + utf8(0xe0041) + utf8(0x7f) + "\xc3\xa9\"\\";
  const nlohmann::json value{{text, {text, 1.5}}};
  for (const int indent : {-1, 2}) {
    const std::string shown = printable_json(value.dump(indent));
    CHECK(test::came_through(shown).empty());
    CHECK_THAT(shown, Catch::Contains("\\udb40\\udc41\\u007f\xc3\xa9"));
    CHECK(nlohmann::json::parse(shown) == value);
  }
  CHECK(printable_json("\"\xff\"") == "\"\\ufffd\"");
}

TEST_CASE("a label of a metric is one line in its quotes", "[base][hostile]") {
  CHECK(metrics_label("a\"b\\c") == "a\\\"b\\\\c");
  CHECK(metrics_label("a\"} 1\nforged 2") == "a\\\"} 1\\\\nforged 2");
  CHECK(test::came_through(metrics_label(test::kHostileName)).empty());
}
