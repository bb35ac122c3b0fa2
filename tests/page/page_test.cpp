// The frame, the cells and the style sheet of our pages.
#include "monitor/page/page.h"

#include "tests/support/catch.h"
#include "tests/support/html.h"

using namespace phaseguard;
using Catch::Contains;

namespace {

// Markup, quotes and a control byte, as a peer could send them.
constexpr const char* kHostile = "<script>'\"&\x01";
constexpr const char* kEscaped = "&lt;script&gt;&#39;&quot;&amp;\\x01";

}  // namespace

TEST_CASE("text of others is escaped wherever a page takes text", "[page][hostile]") {
  for (const std::string& markup :
       {page::document(kHostile, ""), page::part(kHostile), page::subpart(kHostile),
        page::text_cell(kHostile), page::name_cell(kHostile), page::fact(kHostile, ""),
        page::fact("", kHostile), page::picture("png", kHostile)}) {
    CHECK_THAT(markup, Contains(kEscaped) && !Contains("<script"));
  }
  CHECK(page::fact("a", "b", "bad") == "<tr><th>a</th><td class='bad'>b</td></tr>");
}

TEST_CASE("a table has its head, and numbers stand at the right", "[page]") {
  const std::string table =
      page::table({"name", {"count", true}}, page::row(page::text_cell("x") + page::count_cell(3)));
  CHECK(table ==
        "<div class='scroll'><table><tr><th>name</th><th class='n'>count</th></tr>"
        "<tr><td>x</td><td class='n'>3</td></tr></table></div>");
  CHECK(page::table({}, "") == "<div class='scroll'><table></table></div>");
  CHECK(page::number_cell(0.30712) == "<td class='n'>0.3071</td>");
  CHECK(page::number_cell(0.30712, 2) == "<td class='n'>0.31</td>");
}

TEST_CASE("a rate shows its interval as a bar and in numbers", "[page]") {
  const std::string cell = page::rate_cell({1, 4, 0.25, 0.125, 0.5});
  CHECK_THAT(cell, Contains("left:12.5%;width:37.5%") && Contains("<b style='left:25%'>") &&
                       Contains("25.0 %") && Contains("1 of 4, 12.5 % to 50.0 %"));
}

TEST_CASE("a page holds all it needs", "[page]") {
  const std::string page =
      page::document("t", page::paragraph("one", "soft") + page::picture("\x89PNG", "shot"));
  CHECK(test::faults_of_page(page).empty());
  CHECK_THAT(page, Contains("src='data:image/png;base64,iVBORw=='"));
  // The check itself finds what it is there for.
  CHECK(test::faults_of_page("<style>.a{}</style><p class='a bb'>") == "class bb is not styled\n");
  CHECK(test::faults_of_page(page + "<style>") == "two style sheets\n");
  CHECK(test::faults_of_page(page + "<img src='https://x'>") == "holds https://\n");
}
