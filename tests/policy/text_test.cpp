// Runs the policy tests that are text files: tests/data/policy/*.txt. hybrid.txt begins with a
// description of the format.
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "tests/policy/support.h"
#include "tests/support/catch.h"
#include "tests/support/source_dir.h"
#include "tests/support/words.h"

namespace phaseguard::policy {
namespace {

using Words = std::vector<std::string>;

Words split(const std::string& line) {
  std::istringstream in(line);
  Words words;
  for (std::string word; in >> word;) {
    if (word[0] == '#') break;
    words.push_back(word);
  }
  return words;
}

// "by NAME", "for N", "because WORD": what follows `key`, or "".
std::string after(const Words& words, const std::string& key) {
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    if (words[i] == key) return words[i + 1];
  }
  return "";
}

struct Player {
  std::optional<Run> run;
  std::optional<wire::Decision> last;
  std::string verdict;
  std::int64_t step = 0;
  std::int64_t commands = 0;

  bool play(const Words& w);

 private:
  void at(const Words& w);
  void command(const Words& w);
  bool expect(const Words& w);
  bool expect_rule(const Words& w);
};

void Player::at(const Words& w) {
  wire::Report report;
  step = std::stoll(w.at(1));
  for (std::size_t i = 2; i + 1 < w.size(); i += 2) {
    wire::Sample sample;
    sample.signal = w[i];
    sample.missing = w[i + 1] == "missing";
    if (!sample.missing) sample.value = std::strtod(w[i + 1].c_str(), nullptr);
    report.samples.push_back(sample);
  }
  last = run->say(report, step);
}

void Player::command(const Words& w) {
  wire::Command c;
  c.id = std::to_string(++commands);
  c.action = wire::Word<wire::Action>::from(w[0]);
  (w[0] == "reset" ? c.rule : c.knob) = w.at(1);
  if (w[0] == "force") c.value = std::strtod(w.at(2).c_str(), nullptr);
  c.operator_name = after(w, "by");
  c.reason = after(w, "because");
  if (!after(w, "for").empty()) c.expires_after_steps = std::stoll(after(w, "for"));
  if (after(w, "version") == "now") c.expected_version = run->machine.state_version();
  verdict = run->machine.judge(c, Step{step}).status.text();
  last = run->say(c, step);
}

bool Player::expect_rule(const Words& w) {
  for (const wire::RuleEvidence& rule : run->machine.rule_evidence()) {
    if (rule.rule != w.at(2)) continue;
    if (w[1] == "rule") return rule.state == w.at(3);
    if (w[1] == "earliest") return rule.earliest_step.value == std::stoll(w.at(3));
    return rule.fired_step.value == std::stoll(w.at(3));
  }
  return false;
}

bool Player::expect(const Words& w) {
  const std::string& what = w.at(1);
  if (what == "nothing") return !last;
  if (what == "verdict") return verdict == w.at(2);
  if (what == "control") return run->machine.control() == w.at(2);
  if (what == "rule" || what == "fired" || what == "earliest") return expect_rule(w);
  if (what == "streak") {
    for (const auto& d : run->machine.detector_evidence()) {
      if (d.detector == w.at(2)) return d.streak == std::stoll(w.at(3));
    }
    return false;
  }
  if (what == "alert" || what == "request") {
    if (!last) return false;
    for (const auto& a : last->alerts) {
      if (what == "alert" && a.severity == w.at(2)) return true;
    }
    for (const auto& r : last->requests) {
      const bool to = w.size() < 4 || r.before_step.value == std::stoll(w[3]);
      if (what == "request" && r.type == w.at(2) && to) return true;
    }
    return false;
  }
  for (const auto& knob : run->machine.settings()) {
    if (knob.knob == what) return knob.value == std::strtod(w.at(2).c_str(), nullptr);
  }
  return false;
}

bool Player::play(const Words& w) {
  if (w[0] == "policy") {
    run.emplace(asset(w.at(1)));
    step = 0;
    return true;
  }
  if (!run) return false;
  if (w[0] == "at") return at(w), true;
  if (w[0] == "force" || w[0] == "release" || w[0] == "reset") return command(w), true;
  if (w[0] == "rollback") return last = run->rolled_back_to(step = std::stoll(w.at(1))), true;
  if (w[0] == "attempt") {
    ++run->attempt;
    wire::Hello hello = usual_hello();
    hello.start_step = Step{step = std::stoll(w.at(1))};
    return last = run->say(hello, step), true;
  }
  return w[0] == "expect" && expect(w);
}

std::string state_of(const Player& player) {
  if (!player.run) return "no policy yet";
  std::string text;
  for (const auto& k : player.run->machine.settings()) {
    text += k.knob + " " + std::to_string(k.value) + " (" + k.cause.text() + ") ";
  }
  for (const auto& r : player.run->machine.rule_evidence()) {
    text += r.rule + " " + r.state.text() + " fired " + std::to_string(r.fired_step.value) + " ";
  }
  return text + (player.last ? "last decision: " + player.last->summary : "no decision");
}

TEST_CASE("policy tests that are text files", "[policy][golden]") {
  const std::string folder = test::source_dir() + "/tests/data/policy";
  std::size_t files = 0, expectations = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".txt") continue;
    ++files;
    std::istringstream in(test::read_file(entry.path()));
    Player player;
    std::size_t number = 0;
    for (std::string line; std::getline(in, line);) {
      ++number;
      const Words words = split(line);
      if (words.empty()) continue;
      if (words[0] == "expect") ++expectations;
      INFO(entry.path().filename().string() << ":" << number << ": " << line);
      INFO("found " << state_of(player));
      CHECK(player.play(words));
    }
  }
  CHECK(files >= 3);
  CHECK(expectations >= 30);
}

TEST_CASE("a wrong expectation in a text file is seen", "[policy]") {
  Player player;
  CHECK_FALSE(player.play({"at", "5"}));  // no policy yet
  CHECK(player.play({"policy", "hybrid"}));
  CHECK_FALSE(player.play({"expect", "kl", "1"}));
  CHECK_FALSE(player.play({"expect", "rule", "defend", "latched"}));
  CHECK_FALSE(player.play({"expect", "rule", "defnd", "quiet"}));
  CHECK_FALSE(player.play({"expect", "lk", "0"}));
  CHECK_FALSE(player.play({"expct", "kl", "0"}));
}

}  // namespace
}  // namespace phaseguard::policy
