// The detector half of the language: every type as written, every mistake with its place, and the
// fit to a declaration.
#include <cmath>
#include <string>
#include <vector>

#include "monitor/policy/detector_spec.h"
#include "tests/policy/support.h"
#include "tests/support/catch.h"
#include "tests/support/words.h"

namespace phaseguard::policy {
namespace {

const std::string kHead = "version = 1\nname = \"t\"\n[detector.d]\n";  // keys begin in line 4
const std::string kRule = "[rule.r]\nof = [\"d\"]\nalert = \"info\"\n";

std::string policy(const std::string& keys) { return kHead + keys + "\n" + kRule; }

DetectorSpec detector(const std::string& keys) { return must_parse(policy(keys)).detectors.at(0); }

const std::string kSignal = "signal = \"judge/score\"\n";

TEST_CASE("every type is read with its defaults", "[policy]") {
  const auto level = detector(kSignal + "type = \"level\"\nabove = 0.5\nclear_consecutive = 3");
  CHECK(level.clear == 0.5);
  CHECK(level.clear_consecutive == 3);
  const auto cleared =
      detector(kSignal + "type = \"level\"\nabove = 1\nconsecutive = 4\nclear = 0");
  CHECK(cleared.clear == 0.0);
  CHECK(cleared.clear_consecutive == 4);
  CHECK_FALSE(detector(kSignal + "type = \"level\"\nabove = 0.5").clear);
  CHECK(
      std::get<RateLaw>(detector(kSignal + "type = \"rate\"\nabove = 1\nwindow = 9").law).window ==
      9);
  CHECK(std::get<ZscoreLaw>(detector(kSignal + "type = \"zscore\"\nabove = 3\nwindow = 20").law)
            .window == 20);
  const auto mad = detector(kSignal + "type = \"mad_shift\"");
  CHECK(std::get<MadShiftLaw>(mad.law).keep == 0.9);
  CHECK(std::get<MadShiftLaw>(mad.law).calibrate == 5);
  CHECK(std::get<MadShiftLaw>(mad.law).mads == 3.0);
  CHECK(mad.consecutive == 2);
  CHECK(mad.warmup == 6);
  const auto cusum = detector(kSignal + "type = \"cusum\"\nmean = -1\nslack = 0\nlimit = 2");
  CHECK(std::get<CusumLaw>(cusum.law).mean == -1.0);
  const auto page = detector(kSignal + "type = \"page_hinkley\"\ndelta = 0.1\nlimit = 2");
  CHECK(std::get<PageHinkleyLaw>(page.law).delta == 0.1);
  const std::string bets = "\nnull_mean = 0.25\nbet = 4\nalpha = 0.05";
  const auto ville = detector(kSignal + "type = \"eprocess\"" + bets);
  CHECK(std::get<EprocessLaw>(ville.law).form == EForm::kVille);
  const auto esr = detector(kSignal + "type = \"eprocess\"\nform = \"esr\"" + bets);
  CHECK(std::get<EprocessLaw>(esr.law).form == EForm::kEsr);
  const auto ecusum = detector(kSignal + "type = \"eprocess\"\nform = \"ecusum\"" + bets);
  CHECK(std::get<EprocessLaw>(ecusum.law).form == EForm::kEcusum);
  const auto stale = detector(kSignal + "type = \"stale\"\nafter = \"1.5 s\"");
  CHECK(to_text(std::get<StaleLaw>(stale.law).after) == "1.5 s");
  const auto window =
      detector("signal = \"canary/p\"\ntype = \"window_js\"\nwindow = 32\nabove = 0.1");
  CHECK(std::get<WindowJsLaw>(window.law).window == 32);
}

struct Wrong {
  std::string keys;
  std::uint32_t line, column;
  std::string says;
};

void check(const std::vector<Wrong>& cases, Severity severity = Severity::kError) {
  for (const Wrong& c : cases) {
    INFO(c.keys);
    const Parsed parsed = parse(policy(c.keys), "t.toml");
    std::string all;
    for (const Diagnostic& d : parsed.diagnostics) all += to_text(d, "t.toml") + "\n";
    INFO(all);
    REQUIRE(parsed.diagnostics.size() == 1);
    CHECK(parsed.document.has_value() == (severity == Severity::kWarning));
    const Diagnostic& found = parsed.diagnostics[0];
    CHECK(found.severity == severity);
    CHECK(found.line == c.line);
    CHECK(found.column == c.column);
    CHECK(found.message.find(c.says) != std::string::npos);
  }
}

TEST_CASE("bad input: sources", "[policy][hostile]") {
  const std::string level = "type = \"level\"\nabove = 1\n";
  check({{level + "signal = \"canary/js/*\"", 6, 10, "add combine = \"max\" or combine = \"mean\""},
         {level + "signal = \"canary/js\"\ncombine = \"max\"", 7, 11, "needs a group such as"},
         {level + "signal = \"canary/*\"\ncombine = \"median\"", 7, 11,
          "expected one of \"max\", \"mean\""},
         {level + "signal = \"can*/js\"", 6, 10, "expected a name group/name"},
         {level + "signal = \"/*\"\ncombine = \"max\"", 6, 10, "expected a name group/name"},
         {level + "signal = \"a/b\"\nminus = \"c\"", 7, 9,
          "\"minus\" in [detector.d]: expected a name"},
         {level + "signal = \"a/b\"\nover = \"c/*\"", 7, 8,
          "\"over\" in [detector.d]: expected a name"},
         {level + "signal = \"a/b\"\nover = 3", 7, 8, "found the integer 3"},
         {level + "signal = \"a/b\"\nminus = \"a/c\"\nover = \"a/d\"", 8, 8,
          "at most one of combine, minus and over"}});
}

TEST_CASE("bad input: keys of other types are named, unknown ones get a hint",
          "[policy][hostile]") {
  const std::string cusum = kSignal + "type = \"cusum\"\nmean = 0\nslack = 0\nlimit = 1\n";
  check({{cusum + "above = 1", 9, 9, "belongs to type = \"level\" or \"ewma\""},
         {cusum + "consecutive = 2", 9, 15, "or \"mad_shift\"; this type has: type, variant, bad"},
         {cusum + "delta = 1", 9, 9, "belongs to type = \"page_hinkley\""},
         {cusum + "limt = 1", 9, 1, "did you mean \"limit\"?"},
         {cusum + "below = 1", 9, 1, "watch a difference with \"minus\""},
         {cusum + "threshold = 1", 9, 1, "did you mean \"above\" or \"limit\"?"},
         {kSignal + "type = \"mad_shift\"\nwarmup = 3", 6, 10, "belongs to type = \"level\""},
         {kSignal + "type = \"rat\"", 5, 8, "did you mean \"rate\"?"}});
}

TEST_CASE("bad input: numbers out of range", "[policy][hostile]") {
  const std::string rate = kSignal + "type = \"rate\"\nabove = 1\n";
  const std::string cusum = kSignal + "type = \"cusum\"\nmean = 0\n";
  const std::string page = kSignal + "type = \"page_hinkley\"\n";
  const std::string mad = kSignal + "type = \"mad_shift\"\n";
  const std::string bets = kSignal + "type = \"eprocess\"\n";
  const std::string window = "signal = \"a/p\"\ntype = \"window_js\"\nabove = 0.1\n";
  check({{rate, 3, 11, "has no \"window\"; add window = a whole number from 2 to 4096"},
         {rate + "window = 1", 7, 10, "from 2 to 4096"},
         {rate + "window = 4097", 7, 10, "from 2 to 4096"},
         {rate + "window = -2", 7, 10, "found the integer -2"},
         {rate + "window = 2.0", 7, 10, "a whole number"},
         {rate + "window = 4\nclear = 2", 8, 9, "expected a number up to above = 1"},
         {rate + "window = 4\nclear = nan", 8, 9, "finite number"},
         {rate + "window = 4\nclear_consecutive = 0", 8, 21, "from 1 to 1000000"},
         {cusum + "slack = -0.1\nlimit = 1", 7, 9, "expected a number, 0 or more, found -0.1"},
         {cusum + "slack = 0\nlimit = 0", 8, 9, "expected a number above 0, found 0"},
         {cusum + "slack = 0\nlimit = inf", 8, 9, "finite number"},
         {cusum + "slack = 0", 3, 11, "has no \"limit\""},
         {page + "delta = -1\nlimit = 1", 6, 9, "0 or more"},
         {page + "delta = 0\nlimit = -1", 7, 9, "above 0"},
         {mad + "keep = 1", 6, 8, "above 0 and below 1"},
         {mad + "keep = 0", 6, 8, "above 0 and below 1"},
         {mad + "calibrate = 0", 6, 13, "from 1 to 4096"},
         {mad + "mads = -1", 6, 8, "0 or more"},
         {bets + "null_mean = 1\nbet = 1\nalpha = 0.1", 6, 13, "a mean above 0 and below 1"},
         {bets + "null_mean = 0.5\nbet = 2.01\nalpha = 0.1", 7, 7, "from 0 to 1 / null_mean = 2"},
         {bets + "null_mean = 0.5\nbet = -1\nalpha = 0.1", 7, 7, "from 0 to 1 / null_mean = 2"},
         {bets + "null_mean = 0.5\nbet = 1\nalpha = 0", 8, 9, "an error rate above 0 and below 1"},
         {bets + "null_mean = 0.5\nbet = 1\nalpha = 1", 8, 9, "an error rate above 0 and below 1"},
         {bets + "form = \"vile\"\nnull_mean = 0.5\nbet = 1\nalpha = 0.1", 6, 8, "\"ville\"?"},
         {window + "window = 33", 7, 10, "from 1 to 32"},
         {window + "window = 0", 7, 10, "from 1 to 32"}});
}

TEST_CASE("bad input: spans", "[policy][hostile]") {
  const std::string stale = kSignal + "type = \"stale\"\n";
  check({{stale, 3, 11, "has no \"after\"; add after = an amount with its unit"},
         {stale + "after = 30", 6, 9,
          "such as \"10 intervals\", \"10 steps\", \"10 s\", found the integer 30"},
         {stale + "after = \"30\"", 6, 9, "an amount with its unit"},
         {stale + "after = \"30 h\"", 6, 9, "an amount with its unit"},
         {stale + "after = \"3 points\"", 6, 9, "an amount with its unit"},
         {stale + "after = \"2.5 steps\"", 6, 9, "a whole number above 0"},
         {stale + "after = \"0 s\"", 6, 9, "a number above 0"},
         {stale + "after = \"-1 s\"", 6, 9, "a number above 0"},
         {stale + "after = \"nan s\"", 6, 9, "a number above 0"},
         {stale + "after = \"inf s\"", 6, 9, "up to 1e9"},
         {stale + "after = \"1e400 s\"", 6, 9, "an amount with its unit"},
         {stale + "after = \" s\"", 6, 9, "an amount with its unit"}});
}

TEST_CASE("warnings: a divergence above ln 2", "[policy]") {
  check({{"signal = \"a/p\"\ntype = \"window_js\"\nabove = 0.7\nwindow = 2", 6, 9,
          "is the threshold in bits"},
         {"signal = \"canary/js/*\"\ncombine = \"max\"\ntype = \"level\"\nabove = 1", 7, 9,
          "in bits"}},
        Severity::kWarning);
}

// ---- fit

std::string fit(const std::string& keys, const wire::Hello& hello) {
  std::string all;
  for (const Diagnostic& d : check_fit(must_parse(policy(keys)), hello)) {
    all += (d.severity == Severity::kError ? "E " : "W ") + d.message + "\n";
  }
  return all;
}

bool says(const std::string& text, const std::string& piece) {
  INFO(text);
  return text.find(piece) != std::string::npos;
}

TEST_CASE("fit: what a source names must be declared", "[policy][hostile]") {
  const std::string level = "type = \"level\"\nabove = 0.1\n";
  const wire::Hello hello = usual_hello();
  CHECK(says(fit(level + "signal = \"probe/*\"\ncombine = \"max\"", hello),
             "E the policy uses the signal \"probe/*\", which the trainer did not declare"));
  CHECK(says(fit(level + "signal = \"judge/score\"\nminus = \"judge/scor\"", hello),
             "did you mean \"judge/score\"?"));
  CHECK(fit(level + "signal = \"canary/js/*\"\ncombine = \"mean\"", hello).empty());
  CHECK(fit(level + "signal = \"canary/*\"\ncombine = \"mean\"", hello).empty());
  CHECK(fit(level + "signal = \"canary/js/b\"\nminus = \"canary/js/a\"", hello).empty());
}

TEST_CASE("fit: distributions and window_js go together", "[policy][hostile]") {
  wire::Hello hello = usual_hello();
  wire::SignalDecl decl = signal_decl("canary/p");
  decl.items = wire::Items::kDistribution;
  decl.columns = 257;
  hello.signals.push_back(decl);
  const std::string window = "type = \"window_js\"\nwindow = 2\nabove = 0.1\n";
  CHECK(fit(window + "signal = \"canary/p\"", hello).empty());
  CHECK(says(fit(window + kSignal, hello), "E [detector.d]: window_js compares distributions"));
  CHECK(says(fit("type = \"level\"\nabove = 0.1\nsignal = \"canary/p\"", hello),
             "E [detector.d]: canary/p carries distributions"));
  CHECK(says(fit("type = \"level\"\nabove = 0.1\nsignal = \"canary/*\"\ncombine = \"max\"", hello),
             "E \"canary/p\" carries distributions"));
  CHECK(says(
      fit("type = \"level\"\nabove = 0.1\nsignal = \"judge/score\"\nminus = \"canary/p\"", hello),
      "E \"canary/p\" carries distributions"));
  hello.signals.back().columns = 2049;
  CHECK(says(fit(window + "signal = \"canary/p\"", hello), "found 2 rows of 2049"));
  hello.signals.back().columns = 0;
  CHECK(says(fit(window + "signal = \"canary/p\"", hello), "columns = 0"));
}

TEST_CASE("fit: detectors that can never hold, nulls that mean nothing", "[policy]") {
  wire::Hello hello = usual_hello();
  hello.signals[3].min = 0.0;  // judge/score
  hello.signals[3].max = 1.0;
  const std::string bets = "type = \"eprocess\"\nnull_mean = 0.5\nalpha = 0.1\n";
  CHECK(fit(kSignal + bets + "bet = 1", hello).empty());
  CHECK(says(fit(kSignal + bets + "bet = 0", hello), "W [detector.d] never holds"));
  CHECK(says(fit(kSignal + "type = \"cusum\"\nmean = 0.9\nslack = 0.1\nlimit = 1", hello),
             "W [detector.d] never holds"));
  CHECK(says(fit("signal = \"canary/js\"\n" + bets + "bet = 1", hello),
             "\"no drift\" is false in every fine-tune"));
  CHECK(says(fit("signal = \"train/loss\"\n" + bets + "bet = 1", hello),
             "what is outside counts as bad"));
  CHECK(says(fit(kSignal + "type = \"level\"\nabove = 0.5\nclear = -0.1", hello),
             "W [detector.d] never clears"));
  hello.signals[3].every_steps = 0;
  CHECK(says(fit(kSignal + "type = \"stale\"\nafter = \"2 intervals\"", hello),
             "E [detector.d]: after = \"2 intervals\" needs a cadence"));
  CHECK(fit(kSignal + "type = \"stale\"\nafter = \"2 steps\"", hello).empty());
}

TEST_CASE("describe: type, threshold and unit of what is compared", "[policy]") {
  const wire::Hello hello = usual_hello();
  const auto info = [&](const std::string& keys) {
    return describe(must_parse(policy(keys)), hello).detectors.at(0);
  };
  const auto rate = info("signal = \"canary/js\"\ntype = \"rate\"\nwindow = 3\nabove = 0.1");
  CHECK(rate.type == "rate");
  CHECK(rate.unit == "nats/step");
  const auto bets = info(kSignal + "type = \"eprocess\"\nnull_mean = 0.5\nbet = 1\nalpha = 0.05");
  CHECK(bets.threshold == 20.0);
  CHECK(bets.unit == "1");
  CHECK(info(kSignal + "type = \"stale\"\nafter = \"2 steps\"").unit == "steps");
  CHECK(info(kSignal + "type = \"zscore\"\nwindow = 3\nabove = 3").unit == "sd");
  const auto ratio = info(kSignal + "over = \"train/loss\"\ntype = \"level\"\nabove = 3");
  CHECK(ratio.signal == "judge/score / train/loss");
  CHECK(ratio.unit == "1");
  CHECK(std::isnan(info(kSignal + "type = \"mad_shift\"").threshold));
}

}  // namespace
}  // namespace phaseguard::policy
