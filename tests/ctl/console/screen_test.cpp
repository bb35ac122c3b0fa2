// The console without a terminal: what is in sight at each size, and that nothing in a name or a
// value moves a column.
#include "monitor/ctl/console/screen.h"

#include "tests/ctl/console/operator.h"

using namespace phaseguard;
using namespace phaseguard::console;
using test::Operator;
using test::Plant;

namespace {

void trip(Plant& plant, const RunId& run) {
  for (int i = 0; i < 3; ++i) plant.step(run, 0.9);
}

}  // namespace

TEST_CASE("a frame has just the rows and columns of its size", "[console]") {
  Plant plant;
  const RunId a = plant.begin("a");
  const RunId b = plant.begin("b");
  Operator op(plant);
  op.turn();
  op.model.act(dashboard::SelectRun{a}, plant.now);
  trip(plant, b);
  op.turn();
  for (const Size size :
       {Size{80, 24}, Size{120, 40}, Size{200, 60}, Size{60, 20}, Size{40, 10}, Size{1, 1}}) {
    for (const bool utf8 : {true, false}) {
      for (const bool asks : {true, false}) {
        if (asks) op.press("f");
        const Theme theme{Colours::kNone, utf8};
        const auto rows = screen(op.model, op.console, size, theme);
        REQUIRE(rows.size() == static_cast<std::size_t>(size.rows));
        for (const Row& row : rows) {
          INFO(size.columns << "x" << size.rows << " " << row.plain());
          CHECK(row.columns() <= size.columns);
          CHECK(utf8 == utf8);
          const std::string text = row.plain();
          const bool is_ascii = std::all_of(text.begin(), text.end(), [](char c) {
            return static_cast<unsigned char>(c) < 0x80;
          });
          CHECK((utf8 || is_ascii));
        }
        if (asks) op.press("", KeyKind::kEscape);
      }
    }
  }
}

TEST_CASE("at 80x24 an operator sees link, protection, worst alarm, knob, rule, signal, event",
          "[console]") {
  Plant plant;
  const RunId a = plant.begin("a");
  const RunId b = plant.begin("b");
  Operator op(plant);
  op.turn();
  op.model.act(dashboard::SelectRun{a}, plant.now);
  for (int i = 0; i < 5; ++i) plant.step(a, 0.1);
  trip(plant, b);
  op.turn();
  const std::string at_a = op.picture({80, 24});
  INFO(at_a);
  CHECK(test::says(at_a, "trainer active"));
  CHECK(test::says(at_a, "daemon active"));
  CHECK(test::says(at_a, "run a: NO PROTECTION IN FORCE"));
  CHECK(test::says(at_a, "1 alarm, worst CRITICAL"));
  CHECK(test::says(at_a, "CRITICAL run b: defend fired at step 2"));
  CHECK(test::says(at_a, "> kl"));
  CHECK(test::says(at_a, "defend"));
  CHECK(test::says(at_a, "judge/score"));
  CHECK(test::says(at_a, "attempt 1 starts at step 0"));

  op.press("", KeyKind::kDown);
  op.turn();
  const std::string at_b = op.picture({80, 24});
  INFO(at_b);
  CHECK(test::says(at_b, "run b: PROTECTED: kl 2"));
  CHECK(test::says(at_b, "AUTO-ON"));
  CHECK(test::says(at_b, "latched since step 2"));
  CHECK(test::says(at_b, "rule defend"));
  CHECK(op.model.shown()->run == b);
  op.press("", KeyKind::kDown);  // the last one stays
  CHECK(op.model.shown()->run == b);
}

TEST_CASE("a section alone shows its texts whole, and pages", "[console]") {
  Plant plant;
  const RunId a = plant.begin("a");
  Operator op(plant);
  trip(plant, a);
  op.turn();
  const std::string end = "judge 0.9 > 0.3 (2/2) -> kl 2";
  CHECK_FALSE(test::says(op.picture({60, 20}), end));
  op.press("", KeyKind::kTab);
  std::string words = op.picture({60, 20});
  for (std::size_t at = 0; (at = words.find('\n')) != std::string::npos;) {
    const std::size_t next = words.find_first_not_of(" \n", at);
    words.replace(at, next == std::string::npos ? std::string::npos : next - at, " ");
  }
  INFO(words);
  CHECK(test::says(words, end));
  for (int i = 0; i < 60; ++i) {
    op.model.act(dashboard::SelectRun{a}, plant.now);
    plant.step(a, 0.1);
  }
  for (int i = 0; i < 40; ++i) plant.begin("run-" + std::to_string(i));
  op.turn();
  op.press("", KeyKind::kTab);
  CHECK(test::says(op.picture({80, 24}), "RUNS (41)"));
  CHECK_FALSE(test::says(op.picture({80, 24}), "run-39"));
  for (int i = 0; i < 10; ++i) op.press("", KeyKind::kPageDown);
  CHECK(test::says(op.picture({80, 24}), "run-39"));
  for (int i = 0; i < 10; ++i) op.press("", KeyKind::kPageUp);
  CHECK(test::says(op.picture({80, 24}), "> "));
}

TEST_CASE("a terminal that is too small says so", "[console]") {
  Plant plant;
  plant.begin("a");
  Operator op(plant);
  op.turn();
  CHECK(op.picture({40, 10}) == "too small: 40x10\nneeds 60x20\nq quits\n\n\n\n\n\n\n\n");
}

TEST_CASE("with no daemon the console says so, and how to start one", "[console]") {
  Plant plant;
  plant.source.connected = false;
  Operator op(plant);
  op.turn();
  const std::string picture = op.picture({80, 24});
  INFO(picture);
  CHECK(
      test::says(picture, "no daemon answers: start one with phaseguardd --policy FILE; waiting"));
  CHECK(test::says(picture, "daemon does not answer"));
  plant.source.loading = true;
  op.turn();
  CHECK(test::says(op.picture({80, 24}), "waiting for data from plant"));
}

TEST_CASE("names of others are printable and do not move a column", "[console][hostile]") {
  const std::string hostile = "\x1b[2J\x1b]0;x\x07\xe7\x9f\xa5\xe8\xad\x98\xe6\xb0\xb4";
  const std::string wide =
      "\xe8\xa1\xa8\xe8\xa8\x98/\xe5\x90\x8d\xe5\x89\x8d\xe3\x81\xae\xe9\x95\xb7\xe3\x81\x84"
      "\xe3\x82\x82\xe3\x81\xae\xe3\x81\xae";
  Plant plant;
  plant.begin("a");
  Operator op(plant);
  dashboard::Batch batch = plant.take();  // a trainer that no daemon of ours would admit
  for (wire::Message& message : batch.messages) {
    auto* hello = std::get_if<wire::Hello>(&message.body);
    if (hello == nullptr) continue;
    hello->knobs[1].name = hostile;
    hello->signals.push_back(hello->signals[0]);
    hello->signals.back().name = wide;
    hello->signals.push_back(hello->signals[0]);
    hello->signals.back().name = hostile;
  }
  op.model.apply(batch, plant.now);
  op.console.tick(op.model, plant.now);
  for (const bool utf8 : {true, false}) {
    for (const Row& row : screen(op.model, op.console, {80, 24}, {Colours::kTrue, utf8})) {
      const std::string text = row.plain();
      INFO(text);
      CHECK(text.find('\x1b') == std::string::npos);
      CHECK(text.find('\x07') == std::string::npos);
      CHECK(row.columns() <= 80);
    }
  }
  // What stands behind a wide name stands where it does behind a narrow one.
  const auto column_of_value = [&](const std::string& name) {
    for (const Row& row : screen(op.model, op.console, {80, 24}, {Colours::kNone, true})) {
      const std::string text = row.plain();
      if (test::says(text, name)) return columns_of(text.substr(0, text.find_first_of('-')));
    }
    return -1;
  };
  const int column = column_of_value("judge/score");
  CHECK(column > 20);
  CHECK(column_of_value("\xe8\xa1\xa8\xe8\xa8\x98") == column);
  CHECK(test::says(op.picture({80, 24}), "\\x1b[2J"));
}

TEST_CASE("rows cut and fill by columns, not by bytes", "[console]") {
  CHECK(columns_of("kl") == 2);
  CHECK(columns_of("\xe7\x9f\xa5\xe8\xad\x98") == 4);
  CHECK(columns_of("e\xcc\x81") == 1);
  CHECK(cut("\xe7\x9f\xa5\xe8\xad\x98", 3, true) == "\xe7\x9f\xa5\xe2\x80\xa6");
  CHECK(cut("\xe7\x9f\xa5\xe8\xad\x98", 2, true) == "\xe2\x80\xa6");
  CHECK(cut("abc", 3, true) == "abc");
  Row row(true);
  row.cell("\xe7\x9f\xa5\xe8\xad\x98", 3).add("|");
  CHECK(row.plain() == "\xe7\x9f\xa5\xe2\x80\xa6 |");
  Row ascii(false);
  ascii.add("\xe7\x9f\xa5");
  CHECK(ascii.plain() == "\\u77e5");
  Row full(true);
  full.add("\xe7\x9f\xa5\xe8\xad\x98").fill_to(3);
  CHECK(full.columns() == 3);
  Row coloured(true);
  coloured.add("a", Ink::kCritical).add("b");
  CHECK(coloured.escaped(4, {Colours::k16, true}) == "\x1b[1;31ma\x1b[0mb  ");
}

TEST_CASE("a sparkline shows its extremes and its bad values, however many there are",
          "[console]") {
  run::Series series;
  CHECK(sparkline(series, 10, true).empty());
  for (int i = 0; i < 4; ++i) series.append(Step{i}, i, i, Quality::kGood);
  CHECK(sparkline(series, 10, false) == "_,+#");
  series.append(Step{4}, 4, 0.0, Quality::kBad);
  CHECK(sparkline(series, 10, false) == "_,+#x");
  run::Series many;
  for (int i = 0; i < 100000; ++i) many.append(Step{i}, i, i == 77777 ? 9.0 : 0.0, Quality::kGood);
  CHECK(sparkline(many, 10, false) == "_______#__");
}
