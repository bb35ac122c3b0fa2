// The engine while a run's file cannot be written for long: what waits in memory is bounded, and
// nothing that a policy reads is lost.
#include <algorithm>

#include "tests/daemon/engine/engine_rig.h"

using namespace phaseguard;
using namespace phaseguard::daemon;

namespace {

EngineSettings tight(std::size_t thin_above, std::size_t most, std::size_t reserve) {
  EngineSettings settings = Rig::settings(kPolicy);
  settings.thin_above_bytes = thin_above;
  settings.most_waiting_bytes = most;
  settings.reserve_bytes = reserve;
  return settings;
}

void fail_disk(Rig& rig) { rig.engine.set_record_healthy(false, "the disk is full", {rig.run}); }

wire::Report telemetry() {
  wire::Report report;
  report.samples.push_back({"train/loss", 0.5, false, {0.1, 0.2}, wire::kNaN, wire::kNaN});
  return report;
}

std::size_t alerts_with(const wire::Status& status, const std::string& part) {
  return static_cast<std::size_t>(std::count_if(
      status.alerts.begin(), status.alerts.end(),
      [&](const wire::Alert& alert) { return alert.text.find(part) != std::string::npos; }));
}

}  // namespace

TEST_CASE("on a full disk what no policy reads is dropped first, and said", "[engine][fault]") {
  Rig rig(tight(0, 1 << 20, 0));
  rig.hello();
  fail_disk(rig);
  rig.tick();  // its control takes nothing
  rig.judge(0, 0.1);
  Effects effects = rig.deliver(Channel::kTelemetry, 1, rig.frame(telemetry(), 0));
  CHECK(effects.record.empty());  // nothing of that step is left to say
  REQUIRE(effects.log.size() == 1);
  CHECK(effects.log[0].text.find("no policy reads") != std::string::npos);
  // The step itself still counts, and what the policy reads beside it stays.
  wire::Report mixed = telemetry();
  mixed.samples.push_back({"judge/score", 0.9, false, {}, wire::kNaN, wire::kNaN});
  effects = rig.deliver(Channel::kTelemetry, 1, rig.frame(mixed, 5));
  REQUIRE(effects.record.size() == 1);
  CHECK(std::get<wire::Report>(effects.record[0].body).samples.size() == 1);
  effects = rig.deliver(Channel::kTelemetry, 1, rig.frame(telemetry(), 7));
  REQUIRE(effects.record.size() == 1);
  CHECK(std::get<wire::Report>(effects.record[0].body).samples.empty());
  CHECK(kinds(rig.judge(10, 0.9).record) == std::vector<std::string>{"batch", "decision"});
  CHECK(rig.engine.counters().samples_dropped == 3);
  CHECK(alerts_with(rig.status(), "3 samples that no policy reads") == 1);

  rig.engine.set_record_healthy(true);
  effects = rig.tick();
  REQUIRE(effects.log.size() == 1);
  CHECK(effects.log[0].text.find("3 samples") != std::string::npos);
  CHECK(rig.deliver(Channel::kTelemetry, 1, rig.frame(telemetry(), 11)).record.size() == 1);
  CHECK(rig.engine.counters().samples_dropped == 3);
}

TEST_CASE("what may wait for the disk is bounded; beyond, frames come again", "[engine][fault]") {
  Rig rig(tight(1 << 20, 4096, 1 << 20));
  rig.hello();
  rig.engine.set_record_healthy(true);
  fail_disk(rig);
  rig.judge(5, 0.9);
  Effects effects;
  std::int64_t step = 5;
  while (rig.engine.counters().frames_not_taken == 0 && step < 5000)
    effects = rig.judge(++step, 0.1);
  REQUIRE(rig.engine.counters().frames_not_taken == 1);
  const std::int64_t first_missed = rig.seq;
  CHECK(effects.record.empty());
  effects = rig.tick();
  REQUIRE(effects.log.size() == 1);
  CHECK(effects.log[0].text.find("frames are passed over (1 of 1 run)") != std::string::npos);
  CHECK(rig.engine.counters().waiting_bytes <= 4096);
  CHECK(alerts_with(rig.status(), "declared no guard of its own") == 1);

  // No later one is taken before it: neither folded nor acknowledged.
  rig.judge(step + 5, 0.9);
  effects = rig.judge(step + 10, 0.9, true);
  CHECK(effects.record.empty());
  CHECK(effects.send.empty());
  CHECK(rig.status().knobs[0].decided == 0.0);
  rig.pass(1.1);
  effects = rig.tick();
  REQUIRE(first<wire::Control>(effects.send));
  CHECK(first<wire::Control>(effects.send)->ack < Seq{first_missed});
  // A raise is taken, on the reserve.
  effects = rig.command(force("c1", 1.5));
  CHECK(first<wire::Reply>(effects.send)->status == "logged");
  CHECK(first<wire::Control>(effects.send)->knobs[0].value == 1.5);

  rig.engine.set_record_healthy(true);
  effects = rig.judge(step + 15, 0.9);
  CHECK(effects.record.empty());  // still after a hole
  const auto* reject = first<wire::Reject>(effects.send);
  REQUIRE(reject);
  CHECK(reject->code == "record");
  CHECK(reject->retry);
  const wire::Message heartbeat = rig.frame(wire::Heartbeat{"linked", 0, 0}, 0, 1);
  CHECK_FALSE(first<wire::Reject>(rig.deliver(Channel::kTelemetry, 1, heartbeat).send));
  rig.pass(1.1);  // told once a second
  CHECK(first<wire::Reject>(rig.deliver(Channel::kTelemetry, 1, heartbeat).send));
  effects = rig.deliver(Channel::kTelemetry, 1, rig.frame(declaration(), 0, 1));
  REQUIRE(first<wire::Welcome>(effects.send));
  CHECK(first<wire::Welcome>(effects.send)->ack == Seq{first_missed - 1});
  CHECK(first<wire::Welcome>(effects.send)->knobs[0].value == 1.5);
  rig.seq = first_missed - 1;
  rig.judge(step, 0.1);
  rig.judge(step + 5, 0.9);
  CHECK(kinds(rig.judge(step + 10, 0.9).record) == std::vector<std::string>{"batch", "decision"});
  CHECK(rig.status().knobs[0].decided == 2.0);
}

TEST_CASE("on a full disk the frames that are passed over are one line for all trainers",
          "[engine][fault]") {
  Rig rig(tight(1 << 20, 0, 1 << 20));
  std::set<RunId> runs;
  for (int i = 0; i < 20; ++i) {
    rig.run = *RunId::parse("r" + std::to_string(10 + i));
    runs.insert(rig.run);
    rig.hello(static_cast<PeerId>(i) + 1);
  }
  rig.engine.set_record_healthy(true);
  rig.engine.set_record_healthy(false, "the disk is full", runs);
  std::vector<std::string> lines;
  for (int second = 0; second < 60; ++second) {
    PeerId peer = 0;
    for (const RunId& run : runs) {
      rig.run = run;
      // Each says hello again and again, as a trainer does that is not answered.
      rig.deliver(Channel::kTelemetry, ++peer, rig.frame(declaration(), 0, 1));
      for (int i = 0; i < 2; ++i)
        rig.deliver(Channel::kTelemetry, peer, rig.frame(telemetry(), second, 2 + 2 * second + i));
    }
    for (const LogLine& line : rig.tick().log) {
      if (line.text.find("passed over") != std::string::npos) lines.push_back(line.text);
    }
    rig.pass(1.0);
  }
  REQUIRE(lines.size() == 6);
  CHECK(lines[0].find("frames are passed over (40 of 20 runs)") == 0);
  CHECK(lines[1].find("frames are passed over (400 of 20 runs)") == 0);
  CHECK(lines[1].find("r10, r11") != std::string::npos);
  CHECK(lines[1].find("r17 and 12 more") != std::string::npos);
}

TEST_CASE("on a full disk hellos and commands have their bounds too", "[engine][fault]") {
  Rig rig(tight(1 << 20, 0, 32768));
  rig.hello();
  fail_disk(rig);
  rig.command(force("c0", 0.5));  // what waits is over the first bound now
  // The same trainer again is welcomed, another attempt is told to come later.
  const wire::Message again = rig.frame(declaration(), 0, 1);
  CHECK(first<wire::Welcome>(rig.deliver(Channel::kTelemetry, 1, again).send));
  rig.deliver(Channel::kTelemetry, 1, rig.frame(wire::Goodbye{}, 1, 2));
  wire::Hello other = declaration();
  other.session = "s2";
  rig.pass(11);
  rig.tick();
  Effects effects = rig.hello(2, other, 2);
  const auto* reject = first<wire::Reject>(effects.send);
  REQUIRE(reject);
  CHECK(reject->code == "record");
  CHECK(reject->retry);

  std::string status = "logged";
  int taken = 0;
  for (; status == "logged" && taken < 100; ++taken)
    status =
        first<wire::Reply>(rig.command(force("d" + std::to_string(taken), 1 + taken * 0.01)).send)
            ->status.text();
  CHECK(status == "refused");
  CHECK(taken > 1);
  CHECK(rig.engine.counters().waiting_bytes < 32768 + 8192);
  rig.engine.set_record_healthy(true);
  CHECK(first<wire::Reply>(rig.command(force("e", 3.0)).send)->status == "logged");
}

TEST_CASE("a run whose file can be written is not held back by one that cannot",
          "[engine][fault]") {
  Rig rig(tight(0, 0, 0));
  rig.hello();
  rig.engine.set_record_healthy(false, "gone", {*RunId::parse("another")});
  CHECK(rig.judge(5, 0.9).record.size() == 1);
  CHECK(rig.deliver(Channel::kTelemetry, 1, rig.frame(telemetry(), 6)).record.size() == 1);
  CHECK(rig.engine.counters().frames_not_taken == 0);
}

TEST_CASE("names that were not declared are remembered up to a bound, and the rest is said",
          "[engine][hostile]") {
  Rig rig;
  rig.hello();
  std::ptrdiff_t logged = 0;
  for (int i = 0; i < 300; ++i) {
    wire::Report report = telemetry();
    report.samples[0].signal = "made/up" + std::to_string(i);
    const Effects effects = rig.deliver(Channel::kTelemetry, 1, rig.frame(report, i));
    logged += std::count_if(effects.log.begin(), effects.log.end(), [](const LogLine& line) {
      return line.text.find("left out") != std::string::npos;
    });
  }
  CHECK(rig.engine.counters().left_out == 300 - kMostUndeclared);
  CHECK(logged == 6);  // the first, and each time it has doubled
  CHECK(alerts_with(rig.status(), "44 values were left out") == 1);
  // A known one still comes, the declared ones always.
  wire::Report report = telemetry();
  report.samples[0].signal = "made/up0";
  Effects effects = rig.deliver(Channel::kTelemetry, 1, rig.frame(report, 300));
  CHECK(std::get<wire::Report>(effects.record[0].body).samples.size() == 1);
  effects = rig.judge(301, 0.1);
  CHECK(std::get<wire::Report>(effects.record[0].body).samples.size() == 1);
  wire::Applied applied;
  applied.knobs.push_back({"made_up", 2.0, 1, {}, {}});
  applied.knobs.push_back({"kl", 0.0, 0, {}, {}});
  effects = rig.deliver(Channel::kTelemetry, 1, rig.frame(applied, 302));
  CHECK(std::get<wire::Applied>(effects.record[0].body).knobs.size() == 1);

  // The same after a restart.
  Rig after;
  Effects restored;
  REQUIRE(after.engine.restore(rig.run, record_of(rig.record), restored, after.now));
  after.deliver(Channel::kTelemetry, 1, after.frame(declaration(), 0, 1));
  after.seq = rig.seq;
  report.samples[0].signal = "one/more";
  after.deliver(Channel::kTelemetry, 1, after.frame(report, 303));
  CHECK(after.engine.counters().left_out == 1);
}

TEST_CASE("a run has no more series than the daemon can hold", "[engine][hostile]") {
  Rig rig;
  wire::Hello hello = declaration();
  for (int i = 0; i < 90; ++i) hello.canary_ids.push_back("c" + std::to_string(i));
  for (int i = 0; i < 100; ++i) {
    wire::SignalDecl signal = test::judge_signal();
    signal.name = "canary/" + std::to_string(i);
    signal.items = wire::Items::kCanary;
    hello.signals.push_back(signal);
  }
  const Effects effects = rig.hello(1, hello);
  REQUIRE(first<wire::Reject>(effects.send));
  CHECK(first<wire::Reject>(effects.send)->code == "limit");
  CHECK(first<wire::Reject>(effects.send)->reason.find("8192 series") != std::string::npos);
  CHECK(effects.closed == std::vector<RunId>{rig.run});
  hello.signals.resize(50);
  CHECK(first<wire::Welcome>(rig.hello(1, hello).send));
}

TEST_CASE("refused hellos do not fill the log", "[engine][hostile]") {
  Rig rig;
  wire::Hello bad = declaration();
  bad.knobs.clear();
  std::size_t lines = 0;
  for (int i = 0; i < 100; ++i) {
    const Effects effects = rig.hello(1, bad);
    CHECK(first<wire::Reject>(effects.send));
    lines += effects.log.size();
  }
  CHECK(lines == 30);
  CHECK(rig.engine.counters().refused_hellos == 100);
  rig.pass(60.0);
  const Effects effects = rig.hello(1, bad);
  REQUIRE(effects.log.size() == 1);
  CHECK(effects.log[0].text.find("70 more since the last line") != std::string::npos);
}

TEST_CASE("a hello whose run cannot be opened is counted, logged and answered",
          "[engine][hostile]") {
  Rig rig;
  std::size_t lines = 0;
  for (int i = 0; i < 40; ++i) {
    Effects effects;
    rig.engine.refuse_open({1, rig.run, {}}, wire::RejectCode::kRecord, "it is damaged", rig.now,
                           effects);
    REQUIRE(first<wire::Reject>(effects.send));
    CHECK(first<wire::Reject>(effects.send)->code == "record");
    CHECK(first<wire::Reject>(effects.send)->retry);
    for (const LogLine& line : effects.log)
      lines += line.text.find("it is damaged") != std::string::npos ? 1 : 0;
  }
  CHECK(rig.engine.counters().refused_hellos == 40);
  CHECK(lines == 30);
}

TEST_CASE("of connections with damaged frames so many are remembered", "[engine][hostile]") {
  Rig rig;
  const auto damaged = [&](PeerId peer) {
    Effects effects;
    rig.engine.on_message(Channel::kTelemetry, peer, "no MessagePack", rig.now, effects);
    return !effects.send.empty();  // one that is cut off is not answered
  };
  for (int i = 0; i < 100; ++i) CHECK(damaged(1));
  CHECK_FALSE(damaged(1));
  for (PeerId peer = 2; peer <= 1024; ++peer) damaged(peer);
  CHECK_FALSE(damaged(1));
  damaged(1025);
  CHECK(damaged(1));  // forgotten: it has its hundred again
  CHECK(rig.engine.counters().malformed == 100 + 1 + 1023 + 1 + 1 + 1);
}

TEST_CASE("what is forgotten of causes is adopted again, and said", "[engine][fault]") {
  Rig rig;
  rig.hello();
  for (int i = 1; i <= 70; ++i) {  // a gap before each
    rig.deliver(Channel::kTelemetry, 1, rig.frame(telemetry(), i, 2 * i + 1));
  }
  rig.pass(2.1);
  rig.tick();  // given up
  for (int i = 1; i <= 4100; ++i) {
    rig.record.clear();
    rig.command(force("c" + std::to_string(i), 1.0 + i * 1e-4));
  }
  wire::Hello again = declaration();
  again.record = kIdentity;
  wire::Held held;
  held.kind = wire::HeldKind::kOperator;
  held.name = "ann";
  held.knob = "kl";
  held.value = 1.0;
  const auto outcome = [&] {
    again.held = {held};
    const Effects effects = rig.deliver(Channel::kTelemetry, 1, rig.frame(again, 0, 1));
    const auto* welcome = first<wire::Welcome>(effects.send);
    REQUIRE(welcome);
    CHECK(welcome->held[0].outcome.known());
    CHECK((welcome->held[0].outcome == wire::Adoption::kAdopted) == !effects.record.empty());
    return welcome->held[0].outcome;
  };
  held.command = "c4096";
  CHECK(outcome() == wire::Adoption::kRecorded);
  held.command = "c4097";
  CHECK(outcome() == wire::Adoption::kAdopted);
  held.command.clear();
  held.kind = wire::HeldKind::kTrip;
  held.attempt = 1;
  held.number = 141;
  CHECK(outcome() == wire::Adoption::kRecorded);
  held.number = 3;
  CHECK(outcome() == wire::Adoption::kAdopted);
}

TEST_CASE("what is forgotten of old attempts is adopted again, and said", "[engine][fault]") {
  Rig rig;
  wire::Hello next = declaration();
  const auto attempt = [&](std::int64_t number) {
    next.session = "s" + std::to_string(number);
    Effects effects = rig.hello(1, next, number);
    rig.deliver(Channel::kTelemetry, 1, rig.frame(wire::Goodbye{}, 0, 2, number));
    return effects;
  };
  for (std::int64_t number = 1; number <= 1100; ++number) {
    rig.record.clear();
    attempt(number);
  }
  wire::Held held;
  held.kind = wire::HeldKind::kTrip;
  held.name = "defend";
  held.knob = "kl";
  held.value = 2.0;
  held.number = 2;
  held.attempt = 1000;
  next.record = kIdentity;
  next.held = {held};
  Effects effects = attempt(1101);
  REQUIRE(first<wire::Welcome>(effects.send));
  CHECK(first<wire::Welcome>(effects.send)->held[0].outcome == wire::Adoption::kRecorded);
  next.held[0].attempt = 10;
  effects = attempt(1102);
  REQUIRE(first<wire::Welcome>(effects.send));
  CHECK(first<wire::Welcome>(effects.send)->held[0].outcome == wire::Adoption::kAdopted);
  const auto recorded = kinds(effects.record);
  CHECK(std::count(recorded.begin(), recorded.end(), "adopted") == 1);
  CHECK(std::any_of(effects.log.begin(), effects.log.end(), [](const LogLine& line) {
    return line.level == LogLine::Level::kWarning && line.text.find("adopted") != std::string::npos;
  }));
  CHECK(alerts_with(rig.status(), "adopted from the trainer") >= 1);
  CHECK(rig.status().knobs[0].decided == 2.0);
}

TEST_CASE("the list of runs comes in frames that every peer may read", "[engine]") {
  Rig rig;
  constexpr std::int64_t kRuns = 1024;
  for (std::int64_t i = 0; i < kRuns; ++i) {
    rig.run = *RunId::parse("run-with-a-long-name-" + std::to_string(1000 + i));
    rig.hello(static_cast<PeerId>(i + 1));
    rig.judge(0, 0.1, false, static_cast<PeerId>(i + 1));
    rig.record.clear();
  }
  std::vector<std::string> names;
  wire::Query query;
  query.what = wire::QueryWhat::kRuns;
  bool more = true;
  int frames = 0;
  for (; more && frames < 100; ++frames) {
    wire::Message asked = rig.frame(query, 0, 1, 0);
    asked.header.run = RunId();
    const Effects effects = rig.deliver(Channel::kOperator, 5000, asked);
    const auto* reply = first<wire::Reply>(effects.send);  // checks the frame's size
    REQUIRE(reply);
    for (const std::string& one : reply->messages) {
      const auto status = wire::decode(one, wire::kFeedLimits);
      REQUIRE(status);
      names.push_back(status->header.run.text());
    }
    more = reply->more;
    query.from_seq = Seq{reply->seq.value + 1};
  }
  CHECK(frames > 1);
  CHECK(names.size() == kRuns);
  CHECK(std::is_sorted(names.begin(), names.end()));
  CHECK(std::adjacent_find(names.begin(), names.end()) == names.end());
}

TEST_CASE("there are so many runs at most; one that has ended gives its place", "[engine]") {
  EngineSettings settings = Rig::settings(kPolicy);
  settings.max_runs = 2;
  Rig rig(settings);
  const auto hello_of = [&](const std::string& name, PeerId peer) {
    rig.run = *RunId::parse(name);
    return rig.hello(peer);
  };
  CHECK(first<wire::Welcome>(hello_of("a", 1).send));
  CHECK(first<wire::Welcome>(hello_of("b", 2).send));
  Effects effects = hello_of("c", 3);
  REQUIRE(first<wire::Reject>(effects.send));
  CHECK(first<wire::Reject>(effects.send)->code == "limit");
  CHECK(first<wire::Reject>(effects.send)->retry);
  rig.run = *RunId::parse("a");
  rig.deliver(Channel::kTelemetry, 1, rig.frame(wire::Goodbye{}, 1, 2));
  effects = hello_of("c", 3);
  CHECK(first<wire::Welcome>(effects.send));
  CHECK(effects.closed == std::vector<RunId>{*RunId::parse("a")});
  CHECK(rig.engine.statuses(rig.now).size() == 2);
}

TEST_CASE("what a long run leaves in memory does not grow, and no value is forgotten", "[engine]") {
  Rig rig;
  rig.hello();
  wire::Applied applied;
  for (int i = 0; i < 40'000; ++i) {
    applied.knobs = {{"kl", i % 2 == 0 ? 0.5 : 0.0, 0, {}, {}}};
    rig.record.clear();
    rig.deliver(Channel::kTelemetry, 1, rig.frame(applied, i));
  }
  CHECK(rig.status().knobs[0].applied == 0.0);
  CHECK(rig.status().knobs[0].applied_step == Step{39'999});
  wire::Hello second = declaration();
  second.session = "s2";
  rig.deliver(Channel::kTelemetry, 1, rig.frame(wire::Goodbye{}, 40'000));
  CHECK(first<wire::Welcome>(rig.hello(2, second, 2).send));
}

TEST_CASE("the newest refusals of hellos are in the answer to a query, one for each run",
          "[engine][fault]") {
  Rig rig;
  wire::Hello wrong = declaration();
  wrong.knobs[0].min = 5.0;
  for (int i = 0; i < 20; ++i) {
    rig.run = *RunId::parse("r" + std::to_string(10 + i));
    for (int times = 0; times <= i; ++times) rig.hello(1, wrong);
  }
  rig.pass(7.0);
  const auto told = [&](const RunId& run) {
    wire::Message query = rig.frame(wire::Query{"q", wire::QueryWhat::kStatus, Seq{}, 0}, 0, 1, 0);
    query.header.run = run;
    return first<wire::Reply>(rig.deliver(Channel::kOperator, 9, query).send)->text;
  };
  const std::string all = told(RunId{});
  CHECK(std::count(all.begin(), all.end(), '\n') == 7);
  CHECK(all.find("hello of r29 refused 20 times, last 7 s ago (malformed): hello: knob \"kl\"") ==
        0);
  CHECK(told(*RunId::parse("r28")).find("refused 19 times") != std::string::npos);
  CHECK(told(*RunId::parse("r28")).find("r29") == std::string::npos);
}
