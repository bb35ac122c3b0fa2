// Every live command on a run whose only knob is not called kl, with the real daemon, the real
// program and a reporter as the trainer: exit codes, words, and what the record holds afterwards.
#include <sys/wait.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/reporter/real_daemon.h"
#include "tests/support/catch.h"
#include "tests/support/words.h"

using namespace phaseguard;
using reporter::RealDaemon;
using reporter::Reporter;

namespace {

std::string policy_of(const std::string& knob, double base, double set) {
  return "version = 1\nname = \"other\"\n[knob." + knob + "]\nbase = " + std::to_string(base) +
         "\nmax = 1.0\n[detector.mine]\nsignal = \"mine/score\"\ntype = \"level\"\nabove = 0.5\n"
         "consecutive = 2\n[rule.hold]\nof = [\"mine\"]\nlatch = true\nset." +
         knob + " = " + std::to_string(set) + "\nalert = \"high\"\n";
}

wire::Hello hello_of(const std::string& knob, double initial, wire::Word<wire::Protects> protects,
                     bool forcible) {
  wire::Hello hello;
  hello.session = "token";
  hello.total_steps = 1000;
  wire::KnobDecl decl;
  decl.name = knob;
  decl.unit = "1";
  decl.max = 1.0;
  decl.initial = initial;
  decl.protects = std::move(protects);
  decl.forcible = forcible;
  hello.knobs.push_back(decl);
  wire::KnobDecl spare;  // which no policy here names
  spare.name = "spare";
  spare.unit = "1";
  spare.max = 3.0;
  hello.knobs.push_back(spare);
  wire::SignalDecl mine;
  mine.name = "mine/score";
  mine.unit = "1";
  mine.min = 0.0;
  mine.max = 1.0;
  hello.signals.push_back(mine);
  return hello;
}

// A trainer on a thread of its own: a step every few milliseconds until the end.
class Trainer {
 public:
  Trainer(const RealDaemon& daemon, const std::string& knob, double initial,
          wire::Word<wire::Protects> protects = {}, bool forcible = false) {
    reporter::Options options = daemon.options();
    options.knob = knob;
    auto started = Reporter::start(options, hello_of(knob, initial, std::move(protects), forcible));
    INFO((started ? std::string() : started.error().message));
    REQUIRE(started);
    reporter_ = std::move(*started);
    thread_ = std::thread([this] { train(); });
  }
  ~Trainer() {
    stop_ = true;
    thread_.join();
    reporter_.stop("finished", 5.0);
  }
  void score(double value) { score_ = value; }

 private:
  void train() {
    for (std::int64_t step = 1; !stop_; ++step) {
      wire::Report report;
      report.origin = wire::Report::Origin::kBatch;
      wire::Sample sample;
      sample.signal = "mine/score";
      sample.value = score_;
      report.samples.push_back(sample);
      reporter_.send(std::move(report), Step{step});
      (void)reporter_.lambda();
      reporter_.applied(Step{step}, 0, {});
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }

  Reporter reporter_;
  std::atomic<double> score_{0.1};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

struct Done {
  int code = -1;
  std::string text;  // of both streams
};

Done phaseguard_with(const RealDaemon& daemon, const std::string& words) {
  const std::string telemetry = daemon.options().endpoint;
  const std::string folder = telemetry.substr(6, telemetry.rfind('/') - 6);
  const std::string command =
      std::string(PHASEGUARD_PROGRAM) + " " + words + " --endpoint-dir " + folder + " 2>&1";
  FILE* pipe = ::popen(command.c_str(), "r");
  REQUIRE(pipe != nullptr);
  Done done;
  std::array<char, 4096> buffer{};
  std::size_t n = 0;
  while ((n = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0) {
    done.text.append(buffer.data(), n);
  }
  const int status = ::pclose(pipe);
  done.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return done;
}

bool says(const Done& done, const std::string& words) {
  return done.text.find(words) != std::string::npos;
}

// The run's status as JSON once `wanted` holds of it.
template <class Wanted>
nlohmann::json status_when(const RealDaemon& daemon, Wanted wanted) {
  nlohmann::json last;
  for (int i = 0; i < 200; ++i) {
    const Done done = phaseguard_with(daemon, "status --json");
    if (done.code == 0) {
      last = nlohmann::json::parse(done.text);
      last = last.contains("runs") ? last["runs"] : last;
      if (last.is_array() && !last.empty()) last = last[0];
      if (last.contains("knobs") && !last["knobs"].empty() && wanted(last)) return last;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  INFO(last.dump(1));
  FAIL("the status that was waited for never came");
  return last;
}

std::string phase_of(const nlohmann::json& run) { return run["rules"][0]["text"]; }

}  // namespace

TEST_CASE("a run whose policy moves ldifs alone, through every live command", "[ctl][e2e]") {
  const RealDaemon daemon(PHASEGUARD_DAEMON, policy_of("ldifs", 0.0, 0.1));
  Trainer trainer(daemon, "ldifs", 0.0);
  status_when(daemon, [](const auto& run) { return phase_of(run) == "armed"; });

  trainer.score(0.9);
  auto run = status_when(daemon, [](const auto& r) {
    return r["knobs"][0]["confirmed"] == true && phase_of(r) == "latched";
  });
  CHECK(run["knobs"][0]["applied"] == 0.1);
  CHECK(run["knobs"][0]["protecting"] == true);
  CHECK(run["knobs"][0]["trip_value"] == 0.1);
  const Done text = phaseguard_with(daemon, "status");
  CHECK(says(text, "ldifs"));
  CHECK(says(text, "protects the run"));
  CHECK(says(text, "latched"));

  // A raise is applied when the trainer says so.
  const Done raised = phaseguard_with(daemon, "force ldifs --value 0.5 --reason x");
  INFO(raised.text);
  CHECK(raised.code == 0);
  CHECK(says(raised, "APPLIED: ldifs 0.5, in force since step"));
  // The same value again moves nothing.
  const Done again = phaseguard_with(daemon, "force ldifs --value 0.5");
  CHECK(again.code == 0);
  CHECK(says(again, "DONE: it moves no knob"));
  // Release goes back to the latched rule.
  const Done released = phaseguard_with(daemon, "release --reason calm");
  INFO(released.text);
  CHECK(released.code == 0);
  CHECK(says(released, "APPLIED: ldifs 0.1"));

  // A reset whose rule is disarmed moves the knob to base and is applied, not "not confirmed".
  const Done reset = phaseguard_with(daemon, "reset hold --reason looked");
  INFO(reset.text);
  CHECK(reset.code == 0);
  CHECK(says(reset, "APPLIED: ldifs 0"));
  run = status_when(daemon, [](const auto&) { return true; });
  CHECK(phase_of(run) == "disarmed until its condition clears");
  CHECK(run["knobs"][0]["protecting"] == false);

  // An inhibition moves no knob.
  trainer.score(0.1);
  status_when(daemon, [](const auto& r) { return phase_of(r) == "armed"; });
  const Done inhibited =
      phaseguard_with(daemon, "inhibit --rule hold --for-steps 100000 --reason quiet");
  INFO(inhibited.text);
  CHECK(inhibited.code == 0);
  CHECK(says(inhibited, "DONE: it moves no knob"));
  run = status_when(daemon, [](const auto& r) { return r["rules"][0]["phase"] == "inhibited"; });
  CHECK(phase_of(run).find("inhibited until step ") == 0);
  CHECK(phaseguard_with(daemon, "allow hold").code == 0);

  // Who may train is no matter of knobs.
  const Done resume = phaseguard_with(daemon, "allow-resume --reason looked");
  INFO(resume.text);
  CHECK(resume.code == 0);
  CHECK(says(resume, "the next process that resumes this run is let in"));
  CHECK(phaseguard_with(daemon, "allow-resume").code != 0);  // without a reason

  // A knob that the policy does not name can be forced too, within what the trainer declares.
  const Done spare = phaseguard_with(daemon, "force spare --value 2");
  INFO(spare.text);
  CHECK(spare.code == 0);
  CHECK(says(spare, "APPLIED: spare 2, in force since step"));
  CHECK(says(phaseguard_with(daemon, "force spare --value 4"),
             "expected a value of spare from 0 to 3 (the limits that the trainer declares)"));
  const Done back = phaseguard_with(daemon, "release --reason calm");
  INFO(back.text);
  CHECK(back.code == 0);
  CHECK(says(back, "APPLIED: spare 0"));

  // Bad input names what there is.
  const Done unknown = phaseguard_with(daemon, "force kl --value 1");
  CHECK(unknown.code == 1);
  CHECK(says(unknown, "expected one of the run's knobs (ldifs, spare), found \"kl\""));
  const Done outside = phaseguard_with(daemon, "force ldifs --value 3");
  CHECK(outside.code == 1);
  CHECK(says(outside, "expected a value of ldifs from 0 to 1 (the policy's limits), found 3"));
  CHECK(phaseguard_with(daemon, "force ldifs --value nan").code == 2);
  const Done nothing = phaseguard_with(daemon, "release ldifs");
  CHECK(nothing.code == 1);
  CHECK(says(nothing, "nothing to release: ldifs is not forced"));
}

TEST_CASE("an lr_scale that protects downwards, through force, release and a killed daemon",
          "[ctl][e2e][fault]") {
  RealDaemon daemon(PHASEGUARD_DAEMON, policy_of("lr_scale", 1.0, 0.2));
  Trainer trainer(daemon, "lr_scale", 1.0, wire::Protects::kDown);
  auto run = status_when(daemon, [](const auto& r) { return phase_of(r) == "armed"; });
  CHECK(run["knobs"][0]["protects"] == "down");
  CHECK(run["knobs"][0]["protecting"] == false);

  const Done forced = phaseguard_with(daemon, "force lr_scale --value 0.5");
  INFO(forced.text);
  CHECK(forced.code == 0);
  CHECK(says(forced, "APPLIED: lr_scale 0.5"));
  // Upwards protects less: it needs a reason and an expiry.
  const Done lowered = phaseguard_with(daemon, "force lr_scale --value 0.9");
  CHECK(lowered.code == 0);  // below what the policy sets, 1: it still protects more than that
  CHECK(phaseguard_with(daemon, "release lr_scale --reason calm").code == 0);

  trainer.score(0.9);
  status_when(daemon, [](const auto& r) { return r["knobs"][0]["applied"] == 0.2; });
  const Done refused =
      phaseguard_with(daemon, "force lr_scale --value 0.9 --for-steps 10 --reason x");
  CHECK(refused.code == 1);
  CHECK(says(refused, "is latched and holds lr_scale at 0.2"));

  daemon.end(SIGKILL);
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  daemon.start();
  run = status_when(daemon, [](const auto& r) {
    return r["link"] == "active" && r["knobs"][0]["confirmed"] == true;
  });
  CHECK(run["knobs"][0]["applied"] == 0.2);
  CHECK(phase_of(run) == "latched");
}

TEST_CASE("a raise under a policy in shadow mode, through a killed daemon and a release",
          "[ctl][e2e][fault]") {
  RealDaemon daemon(PHASEGUARD_DAEMON, "mode = \"shadow\"\n" + policy_of("ldifs", 0.0, 0.8));
  const auto applied = [](const auto& r) { return r["knobs"][0]["applied"]; };
  {
    Trainer trainer(daemon, "ldifs", 0.0, {}, true);
    trainer.score(0.9);
    auto run = status_when(daemon, [](const auto& r) { return r["knobs"][0]["decided"] == 0.8; });
    CHECK(applied(run) == 0.0);
    CHECK(run["intervened_step"] == nullptr);

    const Done refused = phaseguard_with(daemon, "force spare --value 1");
    CHECK(refused.code == 1);
    CHECK(says(refused, "refused: not possible: "));
    CHECK(says(refused, "does not declare spare forcible"));
    // Less than the rule would set, more than what is in force: no reason, no expiry.
    const Done forced = phaseguard_with(daemon, "force ldifs --value 0.3");
    INFO(forced.text);
    CHECK(forced.code == 0);
    CHECK(says(forced, "APPLIED: ldifs 0.3"));
    CHECK(says(phaseguard_with(daemon, "status"), "(shadow, intervened at step "));

    daemon.end(SIGKILL);
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    daemon.start();
    run = status_when(daemon, [](const auto& r) {
      return r["link"] == "active" && r["knobs"][0]["sent"] == 0.3;
    });
    CHECK(applied(run) == 0.3);
    CHECK(run["intervened_step"].is_number());
    const Done released = phaseguard_with(daemon, "release ldifs");
    INFO(released.text);
    CHECK(released.code == 0);
    status_when(daemon, [&](const auto& r) { return applied(r) == 0.0; });
  }
  const std::string telemetry = daemon.options().endpoint;
  const std::string sockets = telemetry.substr(6, telemetry.rfind('/') - 6);
  const std::string runs = sockets.substr(0, sockets.rfind('/')) + "/runs";
  FILE* pipe =
      ::popen((std::string(PHASEGUARD_PROGRAM) + " verify " + runs + "/*.phaseguard").c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::array<char, 4096> text{};
  while (std::fread(text.data(), 1, text.size(), pipe) > 0) {
  }
  CHECK(WEXITSTATUS(::pclose(pipe)) == 0);
}
