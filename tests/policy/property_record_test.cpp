// Properties of runs beside one another, of a policy read again, and of what a run file holds.
#include <algorithm>
#include <string>
#include <vector>

#include "tests/policy/random_run.h"
#include "tests/store/place.h"
#include "tests/support/catch.h"
#include "tests/support/words.h"

namespace phaseguard::policy {
namespace {

// Falls by 1/8 a step, which adds up without rounding.
std::string slewed_hybrid() {
  std::string toml = asset("hybrid");
  const std::size_t at = toml.find("slew_per_step = ");
  return toml.replace(at, toml.find('\n', at) - at, "slew_per_step = 0.125");
}

TEST_CASE("independent runs in any order decide as each alone", "[policy][property]") {
  CHECK(rc::check("commute", [] {
    const std::string policies[] = {asset("hybrid"), slewed_hybrid()};
    const std::vector<Event> all[] = {*events(), *events()};
    Run alone[] = {Run(policies[0]), Run(policies[1])};
    Run beside[] = {Run(policies[0]), Run(policies[1])};
    std::vector<std::string> decided[2], wanted[2];
    for (int r = 0; r < 2; ++r) wanted[r] = play(alone[r], all[r], nothing);
    std::int64_t step[] = {0, 0};
    std::size_t next[] = {0, 0};
    while (next[0] < all[0].size() || next[1] < all[1].size()) {
      const bool both = next[0] < all[0].size() && next[1] < all[1].size();
      const int r = both ? *rc::gen::inRange(0, 2) : next[0] < all[0].size() ? 0 : 1;
      const auto decision = feed(beside[r], all[r][next[r]], next[r], step[r]);
      ++next[r];
      if (decision) decided[r].push_back(bytes_of(*decision));
    }
    for (int r = 0; r < 2; ++r) {
      RC_ASSERT(decided[r] == wanted[r]);
      RC_ASSERT(alone[r].machine.snapshot() == beside[r].machine.snapshot());
    }
  }));
}

TEST_CASE("the identical file read again at any event changes nothing", "[policy][property]") {
  CHECK(rc::check("reload", [] {
    const auto all = *events();
    Run kept(asset("hybrid"));
    Run reloaded(asset("hybrid"));
    const auto once = play(kept, all, nothing);
    const auto again = play(reloaded, all, [&](std::size_t i) {
      if (i % 3 != 0) return;
      const Document same = must_parse(asset("hybrid"));
      RC_ASSERT(same.digest == reloaded.machine.document().digest);
      Machine machine = *Machine::create(same, usual_hello());
      RC_ASSERT(machine.restore(reloaded.machine.snapshot()).has_value());
      reloaded.machine = std::move(machine);
    });
    RC_ASSERT(once == again);
    RC_ASSERT(kept.machine.snapshot() == reloaded.machine.snapshot());
  }));
}

TEST_CASE("samples of one report in any order decide the same", "[policy][property]") {
  CHECK(rc::check("order", [] {
    Run forward(asset("hybrid"));
    Run backward(asset("hybrid"));
    std::int64_t step = 0;
    for (const Event& e : *events()) {
      step += e.advance;
      Values values = values_of(e);
      const bool a = forward.at(step, values).has_value();
      std::reverse(values.begin(), values.end());
      const bool b = backward.at(step, values).has_value();
      RC_ASSERT(a == b);
      RC_ASSERT(forward.machine.snapshot() == backward.machine.snapshot());
    }
  }));
}

TEST_CASE("a knob with a slew limit never falls faster", "[policy][property]") {
  CHECK(rc::check("slew", [] {
    const auto all = *events();
    Run run(slewed_hybrid());
    std::int64_t step = 0;
    std::int64_t seen = 0;
    for (std::size_t i = 0; i < all.size(); ++i) {
      const double before = run.value();
      feed(run, all[i], i, step);
      const bool is_report = all[i].kind > 4;  // commands are taken at the step of the newest one
      const auto steps = static_cast<double>(is_report ? step - seen : 0);
      if (is_report || all[i].kind <= 1) seen = step;
      RC_ASSERT(before - run.value() <= 0.125 * steps);
    }
  }));
}

// Every recorded event through a new machine, which is taken apart and put together again before
// each `every`-th; gives the decisions.
std::vector<std::string> replayed(const store::Reader& reader, const Document& document,
                                  std::int64_t every, std::vector<std::string>& recorded) {
  std::vector<std::string> decided;
  std::optional<Machine> machine;
  const auto read = reader.each(Seq{1}, [&](const wire::Message& message) {
    if (const auto* decision = std::get_if<wire::Decision>(&message.body)) {
      recorded.push_back(bytes_of(*decision));
      return true;
    }
    if (!machine) {
      machine = *Machine::create(document, std::get<wire::Hello>(message.body));
    } else if (message.header.seq.value % every == 0) {
      Machine fresh = *Machine::create(document, usual_hello());
      RC_ASSERT(fresh.restore(machine->snapshot()).has_value());
      machine = std::move(fresh);
    }
    const auto decision = machine->on(message);
    if (decision) decided.push_back(bytes_of(*decision));
    return true;
  });
  RC_ASSERT(read.has_value());
  return decided;
}

TEST_CASE("replay of a run file decides what was decided live, at any cut", "[policy][property]") {
  const test::Place place;
  int files = 0;
  CHECK(rc::check("replay", [&] {
    const auto all = *events();
    const RunId id = *RunId::parse("run-" + std::to_string(++files));
    std::vector<wire::Message> record;
    Run live(asset("hybrid"));
    wire::Message hello;
    hello.header.seq = Seq{1};
    hello.header.attempt = 1;
    hello.body = usual_hello();
    record.push_back(hello);
    live.record = &record;
    const auto decided = play(live, all, nothing);
    for (wire::Message& message : record) message.header.run = id;
    {
      auto writer = test::open_writer(place.file(id.text()), id);
      for (const wire::Message& message : record) RC_ASSERT(writer.append(message).has_value());
    }
    const auto reader = test::open_reader(place.file(id.text()));
    const Document document = must_parse(asset("hybrid"));
    for (const std::int64_t every : {std::int64_t{1000000}, std::int64_t{7}, std::int64_t{1}}) {
      std::vector<std::string> recorded;
      const auto again = replayed(reader, document, every, recorded);
      RC_ASSERT(again == decided);
      RC_ASSERT(recorded == decided);
    }
  }));
}

}  // namespace
}  // namespace phaseguard::policy
