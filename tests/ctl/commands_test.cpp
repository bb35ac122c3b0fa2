// The real program on real files: what it prints and how it exits.
#include <nlohmann/json.hpp>

#include "monitor/store/database.h"
#include "tests/ctl/recorded.h"
#include "tests/support/html.h"
#include "tests/support/program.h"

using namespace phaseguard;

namespace {

using test::Done;
using test::require_one_line;

Done phaseguard_with(const std::string& words) {
  return test::run_program(PHASEGUARD_PROGRAM " " + words);
}

}  // namespace

TEST_CASE("output that cannot be written is a failure", "[ctl][e2e]") {
  const test::Place place;
  const std::string run = place.file("bad-1").string();
  test::malicious().write(run);
  const std::string page = (place.path() / "page.html").string();
  for (const std::string& words :
       {"verify " + run, "export " + run, "report " + run + " -o " + page}) {
    INFO(words);
    const Done done = test::run_program("(" PHASEGUARD_PROGRAM " " + words + " > /dev/full)");
    CHECK(done.code == 1);
    CHECK_FALSE(done.err.empty());
  }
}

TEST_CASE("runs, verify, replay, export and report on recorded runs", "[ctl][e2e]") {
  const test::Place place;
  const std::string bad = place.file("bad-1").string();
  const std::string good = place.file("good-1").string();
  test::malicious().write(bad);
  test::harmless().write(good);
  test::write_file(place.path() / "small.toml", test::kPolicy);
  const std::string policy = (place.path() / "small.toml").string();

  const Done listed = phaseguard_with("runs " + place.path().string() + " --json");
  REQUIRE(listed.code == 0);
  const auto runs = nlohmann::json::parse(listed.out).at("runs");
  REQUIRE(runs.size() == 2);
  REQUIRE(runs[0].at("run") == "bad-1");
  REQUIRE(runs[0].at("fired").at(0).at("step") == 4);
  REQUIRE(runs[0].at("ended") == "finished");
  REQUIRE(runs[1].at("fired").empty());
  REQUIRE(phaseguard_with("runs " + place.path().string()).out.find("defend at step 4") !=
          std::string::npos);

  const Done why = phaseguard_with("why " + bad + " --at-step 2");
  INFO(why.out << why.err);
  REQUIRE(why.code == 0);
  CHECK(why.out.rfind("run bad-1 at step 2 of attempt 1, policy ", 0) == 0);
  CHECK(why.out.find("defend: ") != std::string::npos);
  CHECK(why.out.find("  - ") != std::string::npos);
  const auto at_end = nlohmann::json::parse(phaseguard_with("why --json " + bad).out);
  CHECK(at_end.at("rules").at(0).at("state") == "latched");
  CHECK(at_end.at("rules").at(0).at("missing").empty());
  const Done nowhere = phaseguard_with("why " + place.file("gone").string());
  require_one_line(nowhere, 1, "gone");

  const Done verified = phaseguard_with("verify " + bad);
  INFO(verified.out << verified.err);
  REQUIRE(verified.code == 0);
  REQUIRE(verified.out.find("all recomputed bit for bit") != std::string::npos);
  const Done both = phaseguard_with("verify --json " + good + " " + bad);
  const nlohmann::json checked = nlohmann::json::parse(both.out).at("runs");
  REQUIRE(checked.size() == 2);
  REQUIRE(checked[0].at("holds"));
  const Done partly = phaseguard_with("verify " + good + " nowhere.phaseguard");
  REQUIRE(partly.code == 1);
  REQUIRE(partly.out.find("bit for bit") != std::string::npos);
  REQUIRE(partly.err.find("nowhere.phaseguard") != std::string::npos);

  const Done replayed = phaseguard_with("replay " + bad + " --policy " + policy);
  REQUIRE(replayed.code == 0);
  REQUIRE(replayed.out.find("another lambda would have produced") != std::string::npos);
  const auto rows =
      nlohmann::json::parse(phaseguard_with("replay --json " + bad + " --policy " + policy).out);
  REQUIRE(rows.at("would_first_raise") == 4);

  const Done csv = phaseguard_with("export " + bad + " --format csv");
  REQUIRE(csv.code == 0);
  REQUIRE(csv.out.find(",judge/score,NaN,bad\n") != std::string::npos);
  const std::string target = (place.path() / "bad.jsonl").string();
  REQUIRE(phaseguard_with("export " + bad + " --format jsonl -o " + target).code == 0);
  REQUIRE(test::read_file(target).find("\"kind\":\"decision\"") != std::string::npos);

  const std::string page = (place.path() / "report.html").string();
  test::write_file(place.path() / "now.json",
                   R"([{"title": "malicious <defended>", "defended": true,
                         "misaligned": {"k": 2, "n": 100, "rate": 0.02, "lower": 0.006, "upper": 0.07},
                         "incoherent": {"k": 2, "n": 96, "rate": 0.02, "lower": 0.006, "upper": 0.07, "clusters": 12,
                                        "cluster_unit": "<prompt>", "design_effect": 1.5}}])");
  const Done report = phaseguard_with("report " + bad + " " + good + " -o " + page + " --summary " +
                                      (place.path() / "now.json").string());
  INFO(report.err);
  REQUIRE(report.code == 0);
  const std::string html = test::read_file(page);
  REQUIRE(html.find("<svg") != std::string::npos);
  REQUIRE(html.find("malicious &lt;defended&gt;") != std::string::npos);
  REQUIRE(html.find("12 &lt;prompt&gt;s, d 1.50") != std::string::npos);
  REQUIRE(test::faults_of_page(html).empty());
}

TEST_CASE("a record that was changed is a finding with its place", "[ctl][e2e]") {
  const test::Place place;
  const std::string bad = place.file("bad-1").string();
  test::malicious().write(bad);
  {
    auto db = store::Database::open(bad, SQLITE_OPEN_READWRITE);
    REQUIRE(db->execute("UPDATE points SET value = 0.29 WHERE value = 0.8").has_value());
  }
  const Done done = phaseguard_with("verify " + bad);
  REQUIRE(done.code == 3);
  REQUIRE(done.out.find("hash chain broken") != std::string::npos);
  REQUIRE(done.out.find("recomputed no decision") != std::string::npos);
}

TEST_CASE("a file that cannot be read is one clear line", "[ctl][e2e][hostile]") {
  const test::Place place;
  const std::string bad = place.file("bad-1").string();
  test::malicious().write(bad);
  const std::string cut = place.file("cut").string();
  test::write_file(cut, test::read_file(bad).substr(0, 5000));
  const std::string foreign = place.file("foreign").string();
  test::write_file(foreign, "not a run file\n");
  const std::string absent = place.file("absent").string();
  for (const char* command : {"verify ", "export ", "report "}) {
    require_one_line(phaseguard_with(command + cut), 1, cut + ": truncated");
    require_one_line(phaseguard_with(command + foreign), 1,
                     foreign + ": expected a PhaseGuard run file");
    require_one_line(phaseguard_with(command + absent), 1, absent + ": no such run file");
  }
  REQUIRE(phaseguard_with("runs " + place.path().string()).code == 3);
  require_one_line(phaseguard_with("runs " + absent), 1, absent);
}

TEST_CASE("policy check prints file, line and column", "[ctl][e2e]") {
  const test::Place place;
  const std::string file = (place.path() / "p.toml").string();
  const auto check = [&](const std::string& from, const std::string& to) {
    std::string text = test::kPolicy;
    text.replace(text.find(from), from.size(), to);
    test::write_file(file, text);
    return phaseguard_with("policy check " + file);
  };
  REQUIRE(check("name = \"small\"", "name = \"small\"").code == 0);
  const Done slip = check("consecutive = 2", "consecutve = 2");
  REQUIRE(slip.code == 3);
  REQUIRE(slip.out.find(file + ":14:") == 0);
  REQUIRE(slip.out.find("consecutive") != std::string::npos);
  REQUIRE(check("above = 0.30", "above = nan").code == 3);
  REQUIRE(check("above = 0.30", "above = \"x\"").code == 3);
  const Done json = phaseguard_with("policy check --json " + file);
  REQUIRE(nlohmann::json::parse(json.out).at("policies").at(0).at("ok") == false);
  require_one_line(phaseguard_with("policy check " + file + ".absent"), 2, "absent");
}

TEST_CASE("policy check against a run: fit and saturation", "[ctl][e2e]") {
  const test::Place place;
  const std::string bad = place.file("bad-1").string();
  test::Recorder early("bad-1", test::kPolicy);
  for (std::int64_t step = 0; step < 5; ++step) early.judge(step, 0.9);
  early.write(bad);
  const std::string policy = (place.path() / "small.toml").string();
  test::write_file(policy, test::kPolicy);
  const Done done = phaseguard_with("policy check " + policy + " --run " + bad);
  INFO(done.out << done.err);
  REQUIRE(done.code == 0);
  REQUIRE(done.out.find("it can fire at step 2 at the earliest, and did") != std::string::npos);
  REQUIRE(done.out.find("fits the declaration") != std::string::npos);
  const std::string declared = (place.path() / "d.txt").string();
  test::write_file(declared, "signal judge/scores range 0..1 every 1\nknob kl range 0..1\n");
  const Done misfit = phaseguard_with("policy check " + policy + " --declare " + declared);
  REQUIRE(misfit.code == 3);
  REQUIRE(misfit.out.find("did you mean \"judge/scores\"?") != std::string::npos);
  REQUIRE(misfit.out.find("outside the trainer's range") != std::string::npos);
  require_one_line(phaseguard_with("policy check " + policy + " --run " + policy), 2,
                   "expected cadence, steps, canaries, signal, knob or can");
  REQUIRE(phaseguard_with("policy check x --run y --declare z").code == 2);
  const Done words = phaseguard_with("policy explain " + policy + " --cadence 10");
  REQUIRE(words.code == 0);
  REQUIRE(words.out.find("It can fire at step 20 at the") != std::string::npos);
  const auto json = nlohmann::json::parse(
      phaseguard_with("policy explain --json " + policy + " --run " + bad).out);
  REQUIRE(json.at("rules").at(0).at("earliest_step") == 2);
}

TEST_CASE("policy test: exit codes and the diff", "[ctl][e2e]") {
  const test::Place place;
  const std::string script = (place.path() / "t.policytest").string();
  test::write_file(place.path() / "small.toml", test::kPolicy);
  const std::string head =
      "policy small.toml\nsignal judge/score range 0..1 every 1\nknob kl range 0..4\ncan rollback\n"
      "test \"two in a row\"\nseries judge/score: 0.9x2\n";
  const std::string good =
      "at 2: rule.defend latched, request rollback to 0, alert critical, kl = 2\n";
  test::write_file(script, head + good);
  REQUIRE(phaseguard_with("policy test " + script).code == 0);
  REQUIRE(phaseguard_with("policy test " + place.path().string()).out == "1 of 1 test pass\n");
  test::write_file(script, head + good + "at 1: kl = 2\n");
  const Done failing = phaseguard_with("policy test " + script);
  REQUIRE(failing.code == 3);
  REQUIRE(failing.out.find("    - kl = 2\n    + kl = 0 (base)\n") != std::string::npos);
  REQUIRE(failing.out.find("step 2: defend fired") != std::string::npos);
  REQUIRE(nlohmann::json::parse(phaseguard_with("policy test --json " + script).out).at("passed") ==
          0);
  test::write_file(script, "nonsense\n");
  require_one_line(phaseguard_with("policy test " + script), 2, "expected one policy");
  require_one_line(phaseguard_with("policy test " + script + "x"), 2, "cannot be read");
}

TEST_CASE("replay --diff shows only differences and exits with 3", "[ctl][e2e]") {
  const test::Place place;
  const std::string bad = place.file("bad-1").string();
  test::malicious().write(bad);
  const std::string policy = (place.path() / "p.toml").string();
  test::write_file(policy, test::kPolicy);
  const Done same = phaseguard_with("replay " + bad + " --diff --policy " + policy);
  INFO(same.out << same.err);
  REQUIRE(same.code == 0);
  REQUIRE(same.out.find("decides what was decided, at every step") != std::string::npos);
  std::string other = test::kPolicy;
  other.replace(other.find("set.kl = 2.0"), 12, "set.kl = 1.0");
  test::write_file(policy, other);
  const Done differs = phaseguard_with("replay " + bad + " --diff --policy " + policy);
  REQUIRE(differs.code == 3);
  REQUIRE(differs.out.find("The first difference is at step 4, seq ") != std::string::npos);
  REQUIRE(differs.out.find("another lambda would have produced") != std::string::npos);
  const auto json = nlohmann::json::parse(
      phaseguard_with("replay --json --diff " + bad + " --policy " + policy).out);
  REQUIRE(json.at("first_difference") == 4);
  for (const auto& row : json.at("rows")) REQUIRE(row.at("differs") == true);
}

TEST_CASE("a run in shadow mode that somebody raised is named, and left out by default",
          "[ctl][e2e]") {
  const test::Place place;
  std::string shadow = test::kPolicy;
  shadow.replace(shadow.find("\"enforce\""), 9, "\"shadow\"");
  test::Recorder raised("bad-2", shadow);
  for (std::int64_t step = 0; step < 6; ++step) raised.judge(step, 0.9);
  wire::Applied applied = test::applied(1.0, 0, 0);
  applied.knobs[0].cause = wire::Cause(wire::CauseKind::kOperator, "ann");
  raised.take(5, applied);
  raised.take(6, wire::Goodbye{wire::GoodbyeReason::kFinished, ""});
  const std::string bad = place.file("bad-2").string();
  raised.write(bad);
  test::malicious().write(place.file("bad-1"));
  test::harmless().write(place.file("good-1"));
  const std::string folder = place.path().string();

  const Done runs = phaseguard_with("runs " + folder);
  REQUIRE(runs.out.find("intervened at step 5 under a policy in shadow mode") != std::string::npos);
  const auto list = nlohmann::json::parse(phaseguard_with("runs --json " + folder).out)["runs"];
  REQUIRE(list[0]["intervened_step"] == nullptr);
  REQUIRE(list[1]["intervened_step"] == 5);
  REQUIRE(list[1]["mode"] == "shadow");

  const std::string policy = (place.path() / "small.toml").string();
  test::write_file(policy, test::kPolicy);
  const std::string labels = (place.path() / "labels.csv").string();
  test::write_file(labels, "run,label\nbad-1,malicious\nbad-2,malicious\ngood-1,harmless\n");
  const std::string words = "backtest " + folder + " --policy " + policy + " --labels " + labels;
  const Done without = phaseguard_with(words);
  INFO(without.out << without.err);
  REQUIRE(without.code == 0);
  REQUIRE(without.out.find("intervened at step 5") != std::string::npos);
  REQUIRE(without.out.find("(1 of 1; 1 run,") != std::string::npos);
  REQUIRE(phaseguard_with(words + " --include-intervened").out.find("(2 of 2; 2 runs,") !=
          std::string::npos);

  const std::string replayed = "replay " + bad + " --policy " + policy;
  const Done up_to = phaseguard_with(replayed);
  REQUIRE(up_to.code == 0);
  REQUIRE(up_to.out.find("From step 5 on a value that somebody raised") != std::string::npos);
  REQUIRE(up_to.out.find("run ended") == std::string::npos);
  const auto ended = nlohmann::json::parse(phaseguard_with(replayed + " --json").out);
  REQUIRE(ended.at("ends_at_intervention") == true);
  REQUIRE(ended.at("intervened_step") == 5);
  for (const auto& row : ended.at("rows")) REQUIRE(row.at("step") <= 5);
  const Done with = phaseguard_with(replayed + " --include-intervened");
  REQUIRE(with.code == 0);
  REQUIRE(with.out.find("Intervened at step 5.") != std::string::npos);
  REQUIRE(with.out.find("run ended") != std::string::npos);
  const std::string page = (place.path() / "r.html").string();
  REQUIRE(phaseguard_with("report " + bad + " -o " + page).code == 0);
  REQUIRE(test::read_file(page).find("at step 5: from there on a raised value") !=
          std::string::npos);

  const std::string summary = (place.path() / "s.json").string();
  test::write_file(summary, R"([{"title": "raised one", "defended": true, "intervened_step": 7}])");
  const std::string report = "report " + bad + " -o " + page + " --summary " + summary;
  REQUIRE(phaseguard_with(report).out.find("left out: raised one: intervened at step 7") !=
          std::string::npos);
  REQUIRE(phaseguard_with(report + " --include-intervened").out.find("left out") ==
          std::string::npos);
}

TEST_CASE("backtest: table, JSON, page, criteria and their exit codes", "[ctl][e2e]") {
  const test::Place place;
  test::malicious().write(place.file("bad-1"));
  test::harmless().write(place.file("good-1"));
  const std::string policy = (place.path() / "small.toml").string();
  test::write_file(policy, test::kPolicy);
  const std::string labels = (place.path() / "labels.csv").string();
  test::write_file(labels, "run,label\nbad-1,malicious\ngood-1,harmless\n");
  const std::string criteria = (place.path() / "criteria.txt").string();
  test::write_file(criteria, "detection >= 1\nfalse_alarm <= 0\n");
  const std::string page = (place.path() / "b.html").string();
  const std::string words = "backtest " + place.path().string() + " --policy " + policy +
                            " --labels " + labels + " --criteria " + criteria;
  const Done done = phaseguard_with(words + " --html " + page);
  INFO(done.out << done.err);
  REQUIRE(done.code == 0);
  REQUIRE(done.out.find("detection               100.0 %") != std::string::npos);
  REQUIRE(done.out.find("another lambda would have produced") != std::string::npos);
  REQUIRE(test::read_file(page).find("<svg") != std::string::npos);
  REQUIRE(nlohmann::json::parse(phaseguard_with(words + " --json").out).at("passed") == true);
  test::write_file(criteria, "detection >= 1\nlambda_steps_malicious <= 1\n");
  REQUIRE(phaseguard_with(words).code == 3);
  test::write_file(criteria, "detection = 1\n");
  require_one_line(phaseguard_with(words), 1, "criteria.txt:1");
  require_one_line(phaseguard_with("backtest " + place.file("no").string() + " --policy " + policy),
                   1, "no such run file");
  REQUIRE(phaseguard_with("backtest --policy " + policy).code == 2);
  REQUIRE(phaseguard_with("backtest " + place.path().string()).code == 2);
}

TEST_CASE("backtest: what is given twice, or fits nothing", "[ctl][e2e][hostile]") {
  const test::Place place;
  const std::string bad = place.file("bad-1").string();
  const std::string good = place.file("good-1").string();
  test::malicious().write(bad);
  test::harmless().write(good);
  const auto written = [&](const std::string& name, const std::string& text) {
    test::write_file(place.path() / name, text);
    return (place.path() / name).string();
  };
  const std::string policy = written("small.toml", test::kPolicy);
  const std::string again = written("again.toml", test::kPolicy);
  const std::string with = "backtest --policy " + policy + " ";
  const std::string copy = written("copy.phaseguard", test::read_file(bad));
  // Twice the same run would narrow every interval.
  require_one_line(phaseguard_with(with + bad + " " + good + " " + bad), 1, "give each once");
  require_one_line(phaseguard_with(with + bad + " " + good + " " + copy), 1,
                   copy + ": the same recording of run bad-1 as " + bad + "; give each once");
  require_one_line(phaseguard_with(with + "--policy " + again + " " + bad + " " + good), 1,
                   again + ": the same policy as " + policy + "; give each once");
  std::string other = test::kPolicy;
  other.replace(other.find("judge/score"), 11, "judge/other");
  const std::string misfit = written("other.toml", other);
  const Done none = phaseguard_with("backtest --policy " + misfit + " " + bad + " " + good);
  require_one_line(none, 1, misfit + ": fits none of these runs");
  REQUIRE(none.out.find("left out") != std::string::npos);
  // Spreadsheets write a byte-order mark and \r\n.
  const std::string labels =
      written("labels.csv", "\xef\xbb\xbfrun,label\r\nbad-1,malicious\r\ngood-1,harmless\r\n");
  REQUIRE(phaseguard_with(with + "--labels " + labels + " " + bad + " " + good).code == 0);
  const std::string folder = place.path().string();
  const std::string runs = " " + bad + " " + good;
  require_one_line(phaseguard_with(with + "--html " + folder + runs), 1,
                   "expected a file to write, found a folder");
  require_one_line(phaseguard_with(with + "--html " + folder + "/no/x.html" + runs), 1,
                   "cannot be written (No such file or directory); does its folder exist?");
  require_one_line(phaseguard_with(with + "--html /dev/full" + runs), 1,
                   "cannot be written (No space left on device)");
  const Done step = phaseguard_with(with + "--until-step -5" + runs);
  REQUIRE(step.code == 2);
  REQUIRE(step.err.find("not in range 0 to 1000000000000") != std::string::npos);
  REQUIRE(phaseguard_with(with + "--seed -1" + runs).code == 2);
}

TEST_CASE("policy check against a hello: what it lacks, and which shipped policy fits",
          "[ctl][e2e]") {
  const test::Place place;
  const std::string hello = (place.path() / "hello.json").string();
  const auto write = [&](const std::string& knobs) {
    test::write_file(hello,
                     R"({"signals": [{"name": "canary/js", "unit": "nats", "min": 0, "max": 0.7,
      "every_steps": 5}, {"name": "train/loss", "unit": "nats"}], "knobs": [)" +
                         knobs + "]}");
  };
  write("");
  const std::string hybrid = PHASEGUARD_SOURCE_DIR "/assets/policies/hybrid.toml";
  const Done misfit = phaseguard_with("policy check " + hybrid + " --against " + hello);
  INFO(misfit.out << misfit.err);
  REQUIRE(misfit.code == 3);
  REQUIRE(misfit.out.find("judge/score") != std::string::npos);
  const auto fit = misfit.out.find("of the shipped policies these fit: ");
  REQUIRE(fit != std::string::npos);
  REQUIRE(misfit.out.find("starter.toml", fit) != std::string::npos);
  REQUIRE(misfit.out.find("hybrid.toml", fit) == std::string::npos);
  const auto json =
      nlohmann::json::parse(phaseguard_with("policy check --json --against " + hello).out);
  REQUIRE(json.at("policies").empty());
  REQUIRE(json.at("shipped_that_fit").size() == 1);
  REQUIRE(phaseguard_with("policy check --against " + hello).code == 0);
  write(R"({"name": "kl", "min": 4, "max": 0})");
  require_one_line(phaseguard_with("policy check --against " + hello), 2, "kl");
  test::write_file(hello, R"({"signal": []})");
  require_one_line(phaseguard_with("policy check --against " + hello), 2, "signal");
  require_one_line(phaseguard_with("policy check"), 2, "--against");
}

TEST_CASE("text that cannot be read says why; binary is shown as such", "[ctl][e2e][hostile]") {
  const test::Place place;
  const std::string nowhere = (place.path() / "nowhere.toml").string();
  require_one_line(phaseguard_with("policy check " + nowhere), 2,
                   "cannot be read (No such file or directory); is the name right?");
  require_one_line(phaseguard_with("policy check /dev/zero"), 2,
                   "expected a policy file, found a device");
  test::write_file(place.path() / "binary", std::string("\x80\xff\x01x\n"));
  const std::string binary = (place.path() / "binary").string();
  test::write_file(place.path() / "small.toml", test::kPolicy);
  const std::string check = "policy check " + (place.path() / "small.toml").string();
  require_one_line(phaseguard_with(check + " --declare " + binary), 2,
                   "found \"\\x80\\xff\\x01x\"");
}

TEST_CASE("a command that there is not is named", "[ctl][e2e][hostile]") {
  const test::Place place;
  require_one_line(phaseguard_with("replya x"), 2,
                   "there is no command \"replya\"; did you mean \"replay\"? ('phaseguard --help' "
                   "lists them)");
  require_one_line(phaseguard_with("policy chek x"), 2,
                   "there is no command \"chek\"; did you mean \"check\"? ('phaseguard policy "
                   "--help' lists them)");
  require_one_line(phaseguard_with("policy zzzzzzzzz"), 2,
                   "there is no command \"zzzzzzzzz\" ('phaseguard policy --help' lists them)");
}

TEST_CASE("evaluate: a file given twice would count twice", "[ctl][e2e][hostile]") {
  const test::Folder folder;
  const std::string file = folder.write("judged.csv", "aligned,coherent\n9,90\n");
  CHECK(phaseguard_with("evaluate " + file).code == 0);
  const Done twice = phaseguard_with("evaluate " + file + " " + (folder / "./judged.csv"));
  test::require_one_line(twice, 1, "judged.csv: given twice; its answers would count twice");
  const Done nan = phaseguard_with("evaluate --harmful-from nan " + file);
  CHECK(nan.code == 2);
  CHECK_THAT(nan.err, Catch::Contains("expected a number from 1 to 5, found \"nan\""));
}

TEST_CASE("wrong usage is exit code 2", "[ctl][e2e]") {
  const test::Place place;
  for (const char* words :
       {"", "no-such-command", "verify", "export x --format xml", "replay x", "policy"}) {
    INFO(words);
    const Done done = phaseguard_with(words);
    REQUIRE(done.code == 2);
    REQUIRE_FALSE(done.err.empty());
  }
  REQUIRE(phaseguard_with("--help").code == 0);
  const Done version = phaseguard_with("--version");
  REQUIRE(version.code == 0);
  REQUIRE(version.out.find("phaseguard ") == 0);
  REQUIRE(phaseguard_with("verify --help").out.find("bit for bit") != std::string::npos);
}
