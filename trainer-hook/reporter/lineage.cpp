#include "trainer-hook/reporter/lineage.h"

#include <cmath>

#include "monitor/run/protection.h"
#include "monitor/wire/codec.h"

namespace phaseguard::reporter {

namespace {

bool raises(const wire::KnobDecl& knob, const wire::Held& entry, double now) {
  const wire::Protects protects = run::protects_of(knob.protects);
  if (entry.knob != knob.name || !(entry.value >= knob.min && entry.value <= knob.max))
    return false;
  return protects == wire::Protects::kNone || run::protects_more(protects, entry.value, now);
}

wire::KnobSetting initial_of(const wire::KnobDecl& knob, const std::vector<wire::Held>& held) {
  wire::KnobSetting setting{knob.name, knob.initial, {}, wire::CauseKind::kInitial, 0, {}};
  for (const wire::Held& entry : held) {
    if (!raises(knob, entry, setting.value)) continue;
    const bool by_hand = entry.kind == wire::HeldKind::kOperator;
    setting.value = entry.value;
    setting.cause =
        wire::Cause(by_hand ? wire::CauseKind::kOperator : wire::CauseKind::kRule, entry.name);
    setting.site = entry.site;
  }
  return setting;
}

}  // namespace

std::string write_lineage(const Lineage& lineage, const RunId& run, Step step,
                          std::int64_t segment) {
  wire::Hello hello;
  hello.start_step = step;
  hello.record = lineage.record;
  hello.position = lineage.position;
  hello.rollbacks = lineage.rollbacks + segment;
  hello.held = lineage.held;
  wire::Message message;
  message.header.run = run;
  message.header.seq = Seq{1};
  message.header.step = step;
  message.body = std::move(hello);
  return wire::encode(message);
}

Result<void> resume_from(const std::string& bytes, wire::Hello& hello) {
  Result<wire::Message> read = wire::decode(bytes);
  if (!read) {
    return fail(Errc::kMalformed,
                "the lineage of the checkpoint cannot be read: " + read.error().message +
                    "; expected the bytes that lineage() gave when it was written");
  }
  auto* kept = std::get_if<wire::Hello>(&read->body);
  if (kept == nullptr) {
    return fail(Errc::kMalformed,
                "the lineage of the checkpoint is a " + std::string(wire::kind_of(read->body)) +
                    " message; expected the bytes that lineage() gave when it was written");
  }
  if (kept->start_step != hello.start_step) {
    return fail(Errc::kInvalidArgument,
                "hello: start_step is " + std::to_string(hello.start_step.value) +
                    ", and the lineage is of a checkpoint of step " +
                    std::to_string(kept->start_step.value) + "; give those of one checkpoint");
  }
  hello.record = std::move(kept->record);
  hello.position = kept->position;
  hello.rollbacks = kept->rollbacks;
  hello.held = std::move(kept->held);
  return {};
}

std::vector<wire::KnobSetting> initial_settings(const wire::Hello& hello) {
  std::vector<wire::KnobSetting> settings;
  settings.reserve(hello.knobs.size());
  for (const wire::KnobDecl& knob : hello.knobs) settings.push_back(initial_of(knob, hello.held));
  return settings;
}

}  // namespace phaseguard::reporter
