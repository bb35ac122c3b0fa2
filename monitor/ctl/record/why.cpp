// `phaseguard why RUN`: the rules of a recorded run at a moment of it, and what each quiet one
// lacks.
#include <cmath>
#include <cstdio>
#include <memory>

#include "monitor/base/printable.h"
#include "monitor/ctl/command.h"
#include "monitor/ctl/files.h"
#include "monitor/policy/engine/playback.h"
#include "monitor/policy/explain/why_not.h"
#include "monitor/run/rule_text.h"
#include "monitor/store/reader.h"

namespace phaseguard::ctl {

namespace {

struct WhyOptions {
  std::string file;
  std::int64_t step = -1;  // -1: the end of the record
};

// The last message before the trainer first went beyond this step; 0: there is none.
Result<Seq> last_before(const store::Reader& reader, std::int64_t step) {
  Seq last;
  auto read = reader.each(Seq{1}, [&](const wire::Message& message) {
    if (step >= 0 && message.header.step.value > step) return false;
    last = message.header.seq;
    return true;
  });
  if (!read) return tl::unexpected(read.error());
  return last;
}

struct Played {
  policy::Playback playback;
  wire::Header at;  // of the last message played
};

// The recorded policy over the record up to this message.
Result<Played> play_until(const store::Reader& reader, Seq last) {
  Played played;
  Result<void> running;
  auto read = reader.each(Seq{1}, [&](const wire::Message& message) {
    if (message.header.seq > last) return false;
    played.at = message.header;
    if (auto followed = played.playback.follow(message); !followed) {
      running = tl::unexpected(followed.error());
    }
    return running.has_value();
  });
  if (!read) return tl::unexpected(read.error());
  if (!running)
    return fail(running.error().code, reader.path().string() + ": " + running.error().message);
  if (played.playback.machine() == nullptr) {
    return fail(Errc::kNotFound,
                reader.path().string() + ": no policy was in force at that moment");
  }
  return played;
}

nlohmann::json missing_json(const std::vector<policy::Missing>& all) {
  nlohmann::json list = nlohmann::json::array();
  for (const policy::Missing& each : all) {
    list.push_back({{"term", each.what},
                    {"text", each.text},
                    {"of_line", std::isfinite(each.of_line) ? nlohmann::json(each.of_line)
                                                            : nlohmann::json(nullptr)}});
  }
  return list;
}

void print_rules(const RunId& run, const Played& played, bool as_json) {
  const policy::Machine& machine = *played.playback.machine();
  const auto rules = machine.rule_status();
  const auto detectors = machine.detector_evidence();
  nlohmann::json list = nlohmann::json::array();
  if (!as_json) {
    print_line(stdout, "run %s at step %lld of attempt %lld, policy %s", run.text().c_str(),
               static_cast<long long>(played.at.step.value),
               static_cast<long long>(played.at.attempt), machine.document().name.c_str());
  }
  for (const wire::RuleEvidence& rule : rules) {
    const auto missing =
        policy::why_not_yet(machine.document(), rule.rule, rules, detectors, played.at.step);
    const std::string state = run::rule_text(rule);
    list.push_back({{"rule", rule.rule}, {"state", state}, {"missing", missing_json(missing)}});
    if (as_json) continue;
    print_line(stdout, "%s: %s", rule.rule.c_str(), state.c_str());
    for (const policy::Missing& each : missing) {
      print_line(stdout, "  - %s", to_text(each).c_str());
    }
  }
  if (!as_json) return;
  print({{"run", run.text()},
         {"step", played.at.step.value},
         {"attempt", played.at.attempt},
         {"seq", played.at.seq.value},
         {"policy", machine.document().name},
         {"rules", list}});
}

int tell_why(const WhyOptions& options, bool as_json) {
  auto reader = store::Reader::open(options.file);
  if (!reader) return failed(reader.error());
  auto last = last_before(*reader, options.step);
  if (!last) return failed(last.error());
  auto played = play_until(*reader, *last);
  if (!played) return failed(played.error());
  print_rules(reader->run(), *played, as_json);
  return kDone;
}

}  // namespace

void add_why(CLI::App& app, Context& context) {
  auto options = std::make_shared<WhyOptions>();
  CLI::App* command =
      add_command(app, context, "why",
                  "Say of each rule of a recorded run whether it is in force at a step, and of "
                  "each quiet one what it lacks to fire.",
                  [options, &context] { return tell_why(*options, context.json); });
  command->add_option("RUN", options->file, "Run file (NAME.phaseguard)")->required();
  command
      ->add_option("--at-step", options->step,
                   "The last moment at which the trainer had not passed this step (default: the "
                   "end of the record)")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{1} << 62));
}

}  // namespace phaseguard::ctl
