// Axes, ticks and shapes of a plot.
#include "monitor/page/svg.h"

#include <cmath>
#include <limits>

#include "monitor/page/page.h"
#include "tests/support/catch.h"
#include "tests/support/html.h"

using namespace phaseguard;
using Catch::Contains;

namespace {

constexpr page::Box kBox{
    .width = 200, .height = 100, .left = 20, .right = 10, .top = 10, .bottom = 30};
using Numbers = std::vector<double>;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

}  // namespace

TEST_CASE("ticks are round numbers within their range", "[page]") {
  CHECK(page::ticks(0.0, 100.0, 5) == Numbers{0, 20, 40, 60, 80, 100});
  CHECK(page::ticks(0.3, 2.2, 4) == Numbers{0.5, 1.0, 1.5, 2.0});
  CHECK(page::ticks(-1.0, 1.0, 2) == Numbers{-1, 0, 1});
  CHECK_FALSE(std::signbit(page::ticks(-1.0, 1.0, 2)[1]));
  CHECK(page::ticks(0.0, 3.0, 8, 1.0) == Numbers{0, 1, 2, 3});  // whole steps
  CHECK(page::ticks(0.0, 0.7, 7).back() == Approx(0.7));        // rounding loses no end
}

TEST_CASE("ticks of no range are none", "[page][hostile]") {
  CHECK(page::ticks(1.0, 1.0, 5).empty());
  CHECK(page::ticks(2.0, 1.0, 5).empty());
  CHECK(page::ticks(0.0, kNaN, 5).empty());
  CHECK(page::ticks(0.0, kInfinity, 5).empty());
  CHECK(page::ticks(-1e308, 1e308, 5).empty());  // the difference overflows
  CHECK(page::ticks(0.0, 1.0, 0).empty());
  CHECK(page::ticks(1e20, 1e20 + 65536.0, 5).empty());
}

TEST_CASE("a span takes what is finite, and a plot shows one that is not empty", "[page]") {
  page::Span span;
  CHECK(span.empty());
  for (const double value : Numbers{kNaN, 3.0, kInfinity, 1.0, -kInfinity}) span.take(value);
  CHECK(span.low == 1.0);
  CHECK(span.high == 3.0);
  const page::Span none = page::widened({}), one = page::widened({40.0, 40.0});
  CHECK((none.low == 0.0 && none.high == 1.0));
  CHECK((one.low == 38.0 && one.high == 42.0));
}

TEST_CASE("values map to pixels, upwards and to the right", "[page]") {
  const page::Plot plot("p", kBox, {0.0, 10.0}, {-1.0, 1.0});
  CHECK(plot.x(0.0) == 20.0);
  CHECK(plot.x(10.0) == 190.0);
  CHECK(plot.y(-1.0) == 70.0);
  CHECK(plot.y(1.0) == 10.0);
  CHECK(plot.y(1e300) >= -60.0);  // far away stays near the picture
}

TEST_CASE("a plot writes no peer's markup and no number that is none", "[page][hostile]") {
  page::Plot plot("<b>", kBox, {0.0, 10.0}, {0.0, 1.0});
  plot.title("<b>");
  plot.number_across({0.0, 10.0}, "<b>", true);
  plot.number_up({0.0, 1.0}, "<b>");
  plot.legend({{"<b>", "s0"}});
  plot.level_across(0.5, "<b>");
  plot.level_across(2.0, "far");
  plot.level_across(-2.0, "low");
  plot.level_upright(9.0, "<b>");
  plot.nothing_there("<b>");
  plot.begin_hover("<b>");
  plot.disc(kNaN, kInfinity, 2.0, "dot");
  plot.end_hover();
  page::Path path;
  path.to(kNaN, -kInfinity);
  plot.path(path, "s1 bold");
  const std::string svg = plot.svg("wide");
  CHECK_THAT(svg,
             !Contains("<b>") && !Contains("nan") && !Contains("inf") && Contains("&lt;b&gt;"));
  CHECK_THAT(svg, Contains("far (above)"));
  CHECK_THAT(svg, Contains("low (below)"));
  CHECK(test::faults_of_page(page::document("t", svg)).empty());
}

TEST_CASE("a path is lifted over a gap, and a point alone is a dot", "[page]") {
  page::Path path;
  CHECK(path.empty());
  path.to(1.0, 2.0);
  path.to(3.0, 4.567);
  path.lift();
  CHECK_FALSE(path.drawing());
  path.to(5.0, 6.0);
  CHECK(path.d() == "M1 2h0L3 4.57M5 6h0");
}
