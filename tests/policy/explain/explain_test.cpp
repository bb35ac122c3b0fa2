// What `phaseguard policy explain` says, sentence by sentence: an operator reads it before trusting
// a policy, so each is written out here as it must read.
#include <string>
#include <vector>

#include "tests/policy/explain/explain_support.h"
#include "tests/support/catch.h"
#include "tests/support/words.h"

namespace phaseguard::policy {
namespace {

// ---- detectors

std::string detector_says(const std::string& keys, const std::string& more = "") {
  const Explanation all = told("version = 1\nname = \"t\"\n[detector.d]\n" + keys + "\n" + more +
                               "[rule.r]\nof = [\"d\"]\nalert = \"info\"\n");
  return all.detectors.at(0).text;
}

TEST_CASE("explain: when a detector of each type votes", "[policy][explain]") {
  const std::string x = "signal = \"judge/score\"\n";
  const std::vector<Sentence> cases = {
      {x + "type = \"level\"\nabove = 0.3", "Votes when judge/score is above 0.3."},
      {x + "type = \"level\"\nabove = 0.3\nconsecutive = 2\nwarmup = 3",
       "Votes when judge/score is above 0.3 at 2 measurements in a row. It never votes on its "
       "first "
       "3 measurements."},
      {x + "type = \"level\"\nabove = 0.3\nwarmup = 1",
       "Votes when judge/score is above 0.3. It never votes on its first measurement."},
      {x + "type = \"ewma\"\nabove = 0.3\nhalflife = 1",
       "Votes when the exponential average of judge/score (half-life 1 measurement) is above 0.3."},
      {x + "type = \"ewma\"\nabove = 0.3\nhalflife = 2.5",
       "Votes when the exponential average of judge/score (half-life 2.5 measurements) is above "
       "0.3."},
      {x + "type = \"rate\"\nabove = 0.01\nwindow = 4",
       "Votes when the slope of judge/score over its last 4 measurements is above 0.01 per step."},
      {x + "type = \"zscore\"\nabove = 3\nwindow = 20",
       "Votes when judge/score lies more than 3 standard deviations above the mean of the 20 "
       "measurements before it."},
      {x + "type = \"mad_shift\"",
       "Votes when the exponential average of judge/score (keeping 0.9) grows in one measurement "
       "by "
       "more than the median of its first 5 increments plus 3 times their median absolute "
       "deviation "
       "at 2 measurements in a row. It never votes on its first 6 measurements."},
      {x + "type = \"mad_shift\"\ncalibrate = 1\nconsecutive = 1",
       "Votes when the exponential average of judge/score (keeping 0.9) grows in one measurement "
       "by "
       "more than the median of its first increment plus 3 times their median absolute "
       "deviation. "
       "It never votes on its first 2 measurements."},
      {x + "type = \"cusum\"\nmean = 0.2\nslack = 0.05\nlimit = 1",
       "Votes when the cumulated excess of judge/score over a mean of 0.2 and a slack of 0.05 is "
       "above 1."},
      {x + "type = \"page_hinkley\"\ndelta = 0.01\nlimit = 1",
       "Votes when the cumulated deviation of judge/score from its own mean so far (less 0.01 at "
       "each measurement) has risen more than 1 above its lowest point."},
      {"signal = \"canary/p\"\ntype = \"window_js\"\nwindow = 2\nabove = 0.1",
       "Votes when the Jensen-Shannon divergence between the mean of 2 measurements of canary/p "
       "and "
       "the mean of the next 2 measurements is above 0.1 nats."},
      {x + "type = \"eprocess\"\nform = \"esr\"\nnull_mean = 0.5\nbet = 1\nalpha = 0.05",
       "Votes when the wealth of a bet of 1 that the mean of judge/score exceeds 0.5 (form esr) "
       "has "
       "reached 20."},
      {x + "type = \"stale\"\nafter = \"2 intervals\"",
       "Votes when no good measurement of judge/score has come for longer than 2 measuring "
       "intervals."},
      {x + "type = \"stale\"\nafter = \"1 s\"",
       "Votes when no good measurement of judge/score has come for longer than 1 second."},
      {x + "type = \"stale\"\nafter = \"1.5 s\"",
       "Votes when no good measurement of judge/score has come for longer than 1.5 seconds."}};
  for (const Sentence& c : cases) {
    INFO(c.keys);
    CHECK(detector_says(c.keys) == c.says);
  }
}

TEST_CASE("explain: what a detector looks at, hysteresis, variant and bad data",
          "[policy][explain]") {
  const std::string level = "type = \"level\"\nabove = 0.3\n";
  const std::string x = "signal = \"judge/score\"\n" + level;
  const std::string cusum =
      "signal = \"judge/score\"\ntype = \"cusum\"\nmean = 0\nslack = 0\nlimit = 1\n";
  const std::vector<Sentence> cases = {
      {level + "signal = \"canary/js/*\"\ncombine = \"max\"",
       "Votes when max(canary/js/*) is above 0.3."},
      {level + "signal = \"canary/js/*\"\ncombine = \"mean\"",
       "Votes when mean(canary/js/*) is above 0.3."},
      {level + "signal = \"a/b\"\nminus = \"a/c\"", "Votes when a/b - a/c is above 0.3."},
      {level + "signal = \"a/b\"\nover = \"a/c\"", "Votes when a/b / a/c is above 0.3."},
      {x + "clear = 0.2",
       "Votes when judge/score is above 0.3. Once voting, it goes on until 1 measurement is "
       "at or below 0.2."},
      {x + "clear = 0.2\nclear_consecutive = 3",
       "Votes when judge/score is above 0.3. Once voting, it goes on until 3 measurements in a row "
       "are at or below 0.2."},
      {x + "variant = \"full\"",
       "Votes when judge/score is above 0.3. Calibrated for the variant full."},
      {x + "bad = \"vote\"",
       "Votes when judge/score is above 0.3. Bad or missing values count as above the threshold."},
      {cusum + "bad = \"vote\"",
       "Votes when the cumulated excess of judge/score over a mean of 0 and a slack of 0 is above "
       "1. "
       "Three bad or missing values in a row vote as well."}};
  for (const Sentence& c : cases) {
    INFO(c.keys);
    CHECK(detector_says(c.keys) == c.says);
  }
  CHECK(detector_says(x + "bad = \"alarm\"", "[on]\nbad_signal = \"vote\"\n") ==
        "Votes when judge/score is above 0.3. Bad or missing values are not counted.");
}

TEST_CASE("explain: what the false alarms of each type assume", "[policy][explain]") {
  const std::string x = "signal = \"judge/score\"\n";
  const std::string bets = x + "type = \"eprocess\"\nnull_mean = 0.5\nbet = 1\nalpha = 0.05\n";
  const std::string none =
      "No null hypothesis: how often it is wrong is known only from recorded harmless runs.";
  const std::string apart =
      "As long as each value's mean, given the past, is at most 0.5, false alarms are at least 20 "
      "measurements apart on average.";
  const std::vector<Sentence> cases = {
      {x + "type = \"level\"\nabove = 1", none},
      {x + "type = \"zscore\"\nabove = 1\nwindow = 9", none},
      {bets,
       "As long as each value's mean, given the past, is at most 0.5, the chance of a false alarm "
       "ever in a run is at most 0.05, dependence or not."},
      {bets + "form = \"esr\"", apart},
      {bets + "form = \"ecusum\"", apart},
      {x + "type = \"cusum\"\nmean = 0\nslack = 0\nlimit = 1",
       "Assumes independent values with at most that mean; its false-alarm rate needs their law."},
      {x + "type = \"page_hinkley\"\ndelta = 0\nlimit = 1",
       "Assumes a mean that does not grow; a slow drift is invisible to it."},
      {"signal = \"a/p\"\ntype = \"window_js\"\nwindow = 2\nabove = 0.1",
       "Assumes that calm training leaves the distribution still, which no fine-tune does: "
       "calibrate "
       "on harmless runs."},
      {x + "type = \"stale\"\nafter = \"9 steps\"", ""}};
  for (const Sentence& c : cases) {
    INFO(c.keys);
    const Explanation all = told("version = 1\nname = \"t\"\n[detector.d]\n" + c.keys +
                                 "\n[rule.r]\nof = [\"d\"]\nalert = \"info\"\n");
    CHECK(all.detectors.at(0).null_hypothesis == c.says);
  }
}

// ---- the whole

TEST_CASE("explain: knobs, mode, and who wins", "[policy][explain]") {
  const Explanation plain = told(kExplained + "[rule.r]\nwhen = \"always\"\nset.kl = 2.0\n");
  CHECK(
      plain.summary ==
      "Policy t has 0 detectors and 1 rule for 1 knob. It is enforced: what it decides is sent to "
      "the trainer.");
  CHECK(plain.knobs.at(0).text == "Starts at 0.5 and may be moved between 0 and 10.");
  REQUIRE(plain.precedence.size() == 6);
  CHECK(plain.precedence[4] == "Rules in force: the largest of their values.");
  const Explanation full =
      told("mode = \"shadow\"\n" + kExplained + "slew_per_step = 0.1\nsubstitute = 1.0\n" +
           "[rule.r]\nwhen = \"always\"\nset.kl = 2.0\npriority = 7\n");
  CHECK(
      full.summary ==
      "Policy t has 0 detectors and 1 rule for 1 knob. It runs in shadow: it decides and records, "
      "and sends nothing but what an operator raises, where the trainer lets him.");
  CHECK(told("mode = \"shadow\"\nshadow = \"strict\"\n" + kExplained).summary ==
        "Policy t has 0 detectors and 0 rules for 1 knob. It runs in shadow: it decides and "
        "records, and sends nothing; nor can an operator raise anything.");
  CHECK(full.knobs.at(0).text ==
        "Starts at 0.5 and may be moved between 0 and 10. It changes by at most 0.1 a step, except "
        "upward on a trip or an operator's command. It is set to 1 when the link is lost.");
  CHECK(full.precedence.at(4) ==
        "Rules in force: the one of the highest priority; among equals the largest value.");
}

TEST_CASE("explain: what the policy asks of knobs and signals", "[policy][explain]") {
  const std::string watched =
      "[detector.d]\nsignal = \"drift/*\"\ncombine = \"max\"\ntype = \"level\"\nabove = 1.0\n"
      "[rule.r]\nof = [\"d\"]\nset.kl = 2.0\n";
  const std::string asking =
      kExplained +
      "direction = \"ref_model\"\nmask = \"canary\"\nform = \"convex\"\n"
      "per_sample = false\n[signal.\"drift/persona\"]\nvariant = \"mean\"\n" +
      "unit = \"sd\"\n" + watched;
  const Explanation all = told(asking);
  CHECK(all.knobs.at(0).text ==
        "Starts at 0.5 and may be moved between 0 and 10. A trainer must declare it with direction "
        "ref_model, mask canary, form convex and per_sample false, or is refused.");
  REQUIRE(all.signals.size() == 1);
  CHECK(all.signals[0].name == "drift/persona");
  CHECK(all.signals[0].text ==
        "A trainer must declare it with unit sd and variant mean, or is refused.");
  CHECK(to_text(all).find("\nSignals\n  drift/persona  A trainer must") != std::string::npos);
  CHECK(check_fit(must_parse(asking), assumed_declaration(must_parse(asking), 5)).empty());
  const Explanation plain = told(kExplained + watched);
  CHECK(plain.signals.empty());
  CHECK(to_text(plain).find("Signals") == std::string::npos);
}

// The sentence on the link, the first and the last, with these keys of [on].
std::vector<std::string> failures(const std::string& keys) {
  return told(kExplained + "substitute = 1.0\n[on]\n" + keys +
              "[rule.r]\nwhen = \"always\"\nset.kl = 2.0\n")
      .failures;
}

TEST_CASE("explain: bad data, missing data, a lost link, a new attempt", "[policy][explain]") {
  const auto usual = failures("");
  REQUIRE(usual.size() == 5);
  CHECK(
      usual[0] ==
      "A value that is not finite or lies outside the declared range is bad and never compared. "
      "Unless a detector says otherwise it is not counted and ends a streak; three bad or missing "
      "in a row raise an alert.");
  CHECK(usual[1] == "A measurement that is 3 intervals of its cadence late counts as missing.");
  CHECK(
      usual[2] ==
      "Lost data ends no rule: a detector that has voted counts as voting until a good value lies "
      "below its threshold.");
  CHECK(usual[3] ==
        "When the link to the daemon is lost, the trainer's own copy of this policy goes on "
        "deciding; what is in force is never lowered by the loss.");
  CHECK(usual[4] ==
        "A resumed run, and one that was rolled back, starts its detectors again. Latches and "
        "overrides stay.");
  const auto vote = failures("bad_signal = \"vote\"\nmissing_after = \"1 interval\"\n");
  CHECK(vote[0] ==
        "A value that is not finite or lies outside the declared range is bad and never compared. "
        "Unless a detector says otherwise it counts as above the threshold (for one that cumulates "
        "evidence: three in a row vote); three bad or missing in a row raise an alert.");
  CHECK(vote[1] == "A measurement that is 1 interval of its cadence late counts as missing.");
  CHECK(failures("resume = \"carried\"\n")[4] ==
        "A resumed run goes on with its detectors' state; one that was rolled back starts them "
        "again. Latches and overrides stay.");
  const std::string lost = "When the link to the daemon is lost, ";
  CHECK(failures("link_loss = \"hold\"\n")[3] == lost + "knobs keep their values.");
  CHECK(failures("link_loss = \"substitute\"\n")[3] ==
        lost + "knobs take their substitute values where those are higher.");
  CHECK(failures("link_loss = \"pause\"\n")[3] == lost + "training is paused.");
  CHECK(failures("link_loss = \"stop\"\n")[3] == lost + "training is stopped.");
}

TEST_CASE("explain: the text has its titles, and no line beyond 100 columns", "[policy][explain]") {
  const std::string longest_name(64, 'n');
  const std::string text = to_text(told(
      kExplained + "[detector." + longest_name +
      "]\nsignal = \"judge/score\"\ntype = \"level\"\nabove = 0.3\n" + "[rule.r]\nof = [\"" +
      longest_name + "\"]\nset.kl = 2.0\nrequest = [\"rollback\", \"pause\"]\nlatch = true\n"));
  INFO(text);
  CHECK(text.find("\nKnobs\n  kl  Starts at 0.5") != std::string::npos);
  CHECK(text.find("\nDetectors\n  " + longest_name + "\n" + std::string(28, ' ') +
                  "Votes when judge/score is above 0.3. No null hypothesis") != std::string::npos);
  CHECK(text.find("\nRules\n  r  Fires when") != std::string::npos);
  CHECK(text.find("\nWho wins on a knob, highest first\n  1. The limits") != std::string::npos);
  CHECK(text.find("\nWhen something is missing or broken\n  - A value") != std::string::npos);
  std::size_t from = 0;
  for (std::size_t end; (end = text.find('\n', from)) != std::string::npos; from = end + 1) {
    CHECK(end - from <= 100);
  }
  const std::string bare = to_text(told("version = 1\nname = \"t\"\n"));
  CHECK(bare.find("Knobs") == std::string::npos);
  CHECK(bare.find("Detectors\n") == std::string::npos);
  CHECK(bare.find("Rules\n") == std::string::npos);
}

TEST_CASE("explain: an assumed declaration fits every kind of source", "[policy][explain]") {
  const std::string level = "type = \"level\"\nabove = 0.5\n";
  const Document document = must_parse(
      kExplained + "[detector.a]\nsignal = \"canary/js/*\"\ncombine = \"max\"\n" + level +
      "[detector.b]\nsignal = \"canary/js\"\nvariant = \"full\"\n" + level +
      "[detector.c]\nsignal = \"s/1\"\nover = \"s/2\"\n" + level +
      "[detector.d]\nsignal = \"s/2\"\nminus = \"s/items\"\n" + level +
      "[detector.e]\nsignal = \"canary/p\"\ntype = \"window_js\"\nwindow = 2\nabove = 0.1\n" +
      "[rule.r]\nwhen = \"any\"\nof = [\"a\", \"b\", \"c\", \"d\", \"e\"]\nsite.kl = \"replay\"\n"
      "request = [\"rollback\", \"checkpoint\", \"pause\", \"stop\"]\nlatch = true\n"
      "set.kl = { controller = \"per_sample\", signal = \"s/items\", max = 1.0 }\n");
  const wire::Hello hello = assumed_declaration(document, 7);
  for (const Diagnostic& d : check_fit(document, hello)) FAIL_CHECK(to_text(d, "t"));
  CHECK(hello.signals.size() == 5);
  const Explanation all = explain(document, hello);
  CHECK(all.rules.at(0).earliest == Step{7});
  CHECK(all.rules.at(0).above == std::vector<std::string>{"a", "b", "c", "d", "e"});
}

TEST_CASE("explain: a declaration that does not fit leaves the earliest step unknown",
          "[policy][explain]") {
  const Document document = must_parse(asset("hybrid"));
  const Explanation all = explain(document, wire::Hello{});
  REQUIRE(all.rules.size() == 2);
  CHECK(all.rules[0].earliest == Step{-1});
  const std::string ending = "Its earliest possible step is not known.";
  const std::string& text = all.rules[0].text;
  REQUIRE(text.size() > ending.size());
  CHECK(text.substr(text.size() - ending.size()) == ending);
}

}  // namespace
}  // namespace phaseguard::policy
