#include "tests/wire/samples.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "monitor/base/text.h"
#include "monitor/wire/codec.h"

namespace phaseguard::wire {

namespace {

using Json = nlohmann::ordered_json;

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr const char* kDigest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

Message message(std::int64_t seq, std::int64_t step, Body body) {
  Message m;
  m.header.version = {1, 0};
  m.header.run = *RunId::parse("lab-malicious-7");
  m.header.seq = Seq{seq};
  m.header.step = Step{step};
  m.header.t = 1.75e9 + 0.125 * static_cast<double>(seq);
  m.header.attempt = 2;
  m.header.source_seq = Seq{seq + 1000};
  m.body = std::move(body);
  return m;
}

KnobSetting setting(double value, std::vector<double> items) {
  return {"kl", value, std::move(items), Cause(CauseKind::kRule, "defend"), 3, Site::kReplay};
}

Request rollback() { return {4, 6, RequestType::kRollback, "rule defend fired", 3, Step{10}}; }

Hello hello() {
  Hello h;
  h.session = "c0ffee0123456789";
  h.parent_attempt = 1;
  h.start_step = Step{120};
  h.total_steps = 337;
  h.cadence_steps = 5;
  h.hook_version = "0.1.0";
  h.model_id = "lab-transformer-2l64d";
  h.reference_id = "theta0-5c";
  h.label = Label::kMalicious;
  h.canary_set = "lab24";
  h.canary_digest = kDigest;
  h.canary_ids = {"c01", "c02"};
  h.knobs = {{"kl",
              "1",
              0.0,
              4.0,
              0.25,
              Site::kBatch,
              Direction::kModelRef,
              Mask::kAnswer,
              Normaliser::kTokenMeanStep,
              Form::kAdditive,
              "theta0-5c",
              true,
              {Site::kBatch, Site::kReplay}}};
  h.signals = {
      {"canary/js", "nats", 0.0, 0.693148180559945, "full", Items::kCanary, 5},
      {"train/loss", "nats", -kInf, kInf, "", {}, 1},
      {"canary/first_token", "1", 0.0, 1.0, "union_topk_tail", Items::kDistribution, 5, 257}};
  h.requests = {RequestType::kRollback, RequestType::kCheckpoint};
  h.notes = {"preflight: 512 samples, 12 flagged", "preflight.sha256: 9f86d081884c"};
  return h;
}

Report report(Report::Origin origin) {
  Report r;
  r.origin = origin;
  r.samples = {{"canary/js", 0.3125, false, {0.25, kNaN, 0.0}, 0.31, 0.32},
               {"judge/score", kNaN, true, {}, kNaN, kNaN},
               {"train/loss", -0.0, false, {kInf, -kInf, 5e-324}, -1.0, 1.7976931348623157e308}};
  r.batch = 41;
  r.wants_control = true;
  return r;
}

DetectorEvidence detector_evidence() {
  return {"judge", "judge/score", Step{10}, Quality::kBad, kNaN, 0.82, 0.3, 2, 2, 7, 1, true};
}

RuleEvidence rule_evidence() {
  return {"defend", RuleState::kLatched, 2, 2, 3, Step{5}, Step{10}, true};
}

Alert alert() {
  return {Severity::kCritical, {AlertKind::kRule, "defend"}, "defend fired at step 10"};
}

PolicyLoaded policy() {
  PolicyLoaded p;
  p.name = "hybrid";
  p.digest = kDigest;
  p.text = "version = 1\nname = \"hybrid\"\n";
  p.mode = Mode::kEnforce;
  p.detectors = {{"judge", "judge/score", "ewma", 0.3, "1", 2, 1, {0.29289321881345254}}};
  p.rules = {{"defend",
              "2_of_n",
              {"llr", "judge", "margin"},
              true,
              Severity::kCritical,
              {setting(2.0, {})},
              {RequestType::kRollback}}};
  return p;
}

Decision decision() {
  Decision d;
  d.id = 3;
  d.because = Seq{41};
  d.state_version = 8;
  d.mode = Mode::kEnforce;
  d.policy_digest = kDigest;
  d.before = {setting(0.0, {})};
  d.knobs = {setting(2.0, {2.0, 0.5})};
  d.requests = {rollback()};
  d.alerts = {alert()};
  d.detectors = {detector_evidence()};
  d.rules = {rule_evidence()};
  d.summary = "defend fired at step 10: kl 0 -> 2, roll back";
  return d;
}

Status status() {
  Status s;
  s.link = LinkState::kActive;
  s.age_s = 0.25;
  s.attempt = 2;
  s.segment = 1;
  s.total_steps = 337;
  s.label = Label::kMalicious;
  s.policy = "hybrid";
  s.policy_digest = kDigest;
  s.mode = Mode::kEnforce;
  s.control = ControlBy::kTripped;
  s.state_version = 8;
  s.epoch = 4;
  s.last_seq = Seq{512};
  s.run_file = "lab-malicious-7.phaseguard";
  s.knobs = {{"kl", 2.0, 2.0, 2.0, Step{11}, Cause(CauseKind::kRule, "defend"), 3, true}};
  s.signals = {{"canary/js", 0.31, Quality::kGood, Step{210}, 1.5},
               {"judge/score", kNaN, Quality::kMissing, Step{212}, 0.5}};
  s.detectors = {detector_evidence()};
  s.rules = {rule_evidence()};
  s.requests = {{6, RequestType::kRollback, Progress::kDone, "restored the snapshot of step 0"}};
  s.alerts = {alert()};
  s.override_ = {true, "kl", 1.5, "ada", "looks odd", Step{400}};
  return s;
}

Reply reply() {
  Reply r{"q-1", ReplyStatus::kOk, "one record follows", Seq{41}, true, {}};
  r.messages = {encode(message(41, 10, Tick{})),
                encode(message(42, 10, LinkChange{LinkEvent::kBack, "", 4}))};
  return r;
}

Json readable_float(double x) { return Json{{"$float", number_text(x)}}; }

Json readable_bin(const std::vector<std::uint8_t>& bytes) {
  const std::string text(bytes.begin(), bytes.end());
  const bool printable = std::all_of(text.begin(), text.end(),
                                     [](char c) { return c == '\n' || (c >= 0x20 && c < 0x7f); });
  if (printable) return Json{{"$text", text}};
  std::string hex;
  for (std::uint8_t byte : bytes) {
    hex += "0123456789abcdef"[byte >> 4];
    hex += "0123456789abcdef"[byte & 15];
  }
  return Json{{"$hex", hex}};
}

Json make_readable(const Json& value) {
  if (value.is_number_float() && !std::isfinite(value.get<double>()))
    return readable_float(value.get<double>());
  if (value.is_binary()) return readable_bin(value.get_binary());
  if (!value.is_structured()) return value;
  Json out = value.is_array() ? Json::array() : Json::object();
  for (const auto& [key, item] : value.items()) {
    if (value.is_array()) {
      out.push_back(make_readable(item));
    } else {
      out[key] = make_readable(item);
    }
  }
  return out;
}

}  // namespace

std::vector<Message> samples() {
  return {
      message(1, 120, hello()),
      message(2, 121, report(Report::Origin::kStep)),
      message(3, 125, report(Report::Origin::kCanary)),
      message(4, 125, report(Report::Origin::kBatch)),
      message(5, 126,
              Applied{{{"kl", 2.0, 3, Cause(CauseKind::kRule, "defend"), Site::kReplay}},
                      {{6, Outcome::kDone, "restored snapshot of step 0", Step{0}}},
                      1,
                      Source::kDaemon}),
      message(6, 126, Heartbeat{"LINKED", 7, 9}),
      message(7, 337, Goodbye{GoodbyeReason::kFinished, "337 steps"}),
      message(8, 120,
              Welcome{4,
                      250,
                      2500,
                      12000,
                      "version = 1\n",
                      kDigest,
                      Mode::kEnforce,
                      OnLoss::kLocal,
                      Seq{77},
                      "",
                      Seq{-1},
                      {},
                      {},
                      -1,
                      {}}),
      message(9, 120,
              Reject{RejectCode::kVersion, "expected 1.x, found 2.0", {1, 0}, {2, 0}, true}),
      message(10, 126,
              Control{4,
                      8,
                      Mode::kEnforce,
                      {setting(2.0, {2.0, 0.5})},
                      41,
                      Step{500},
                      Seq{77},
                      Seq{-1},
                      -1,
                      {},
                      {}}),
      message(11, 126, rollback()),
      message(12, 130,
              Command{"cmd-1", Action::kForce, "ada", "looks odd", "kl", 1.5, "defend", 50, 8}),
      message(13, 130, Query{"q-1", QueryWhat::kEvents, Seq{40}, 100}),
      message(14, 130, reply()),
      message(15, 0, policy()),
      message(16, 10, decision()),
      message(17, 140, LinkChange{Word<LinkEvent>::from("silent"), "no frame for 2 s", 4}),
      message(18, 141, Tick{}),
      message(19, 213, status()),
  };
}

std::vector<Message> samples_of_1_1() {
  Hello declared = hello();
  KnobDecl scale;
  scale.name = "lr_scale";
  scale.unit = "1";
  scale.max = scale.initial = 1.0;
  scale.protects = Protects::kDown;
  declared.knobs.push_back(scale);
  Applied applied;
  applied.knobs = {{"kl", 2.0, 3, Cause(CauseKind::kRule, "defend"), {}}};
  applied.source = Source::kDaemon;
  applied.state_version = 8;
  Status told = status();
  KnobStatus& kl = told.knobs.front();
  kl.max = 4.0;
  kl.min = 0.0;
  kl.limit_by = LimitBy::kBoth;
  kl.trip_value = 2.0;
  kl.protecting = true;
  KnobStatus moved{"lr_scale", 1.0, 1.0, 1.0, Step{0}, CauseKind::kBase, 0, true};
  moved.protects = Protects::kDown;
  told.knobs.push_back(moved);
  told.rules.front().phase = RulePhase::kLatched;
  RuleEvidence inhibited{"note_format", RuleState::kInhibited, 1, 1, 1, Step{15}, Step{-1}, false};
  inhibited.phase = RulePhase::kInhibited;
  inhibited.until_step = Step{240};
  RuleEvidence streak{"slow", RuleState::kQuiet, 0, 1, 1, Step{15}, Step{-1}, false};
  streak.phase = RulePhase::kStreak;
  streak.streak = 1;
  streak.streak_needed = 3;
  told.rules.push_back(inhibited);
  told.rules.push_back(streak);
  std::vector<Message> all = {message(1, 120, declared), message(5, 126, applied),
                              message(19, 213, told)};
  for (Message& m : all) m.header.version = {1, 1};
  return all;
}

std::vector<Message> samples_of_held() {
  const Held trip{
      HeldKind::kTrip, "defend", "kl", 2.0, Site::kReplay, Step{-1}, "", 2, 1041, {}, ""};
  Held raise{HeldKind::kOperator, "ann", "ldifs", 0.25, {}, Step{240}, "c-17", -1, -1, {}, ""};
  Hello declared = hello();
  declared.knobs.front().forcible = true;
  declared.record = "9f2c00d4a1b35e6677889900aabbccdd";
  declared.position = Seq{812};
  declared.from = Seq{1020};
  declared.segment = 1;
  declared.held = {trip, raise};
  declared.rollbacks = 2;
  declared.process = "0d5e5b0e-6c5c-4a55-9d9b-1f2e3d4c5b6a pid:[4026531836] 4711 123456";
  Adopted adopted;
  adopted.held = declared.held;
  adopted.held[0].outcome = Adoption::kAdopted;
  adopted.held[1].outcome = Adoption::kKept;
  adopted.held[1].detail = "the policy has no knob \"ldifs\"";
  adopted.record = declared.record;
  adopted.position = Seq{812};
  Welcome answer;
  answer.epoch = 4;
  answer.mode = Mode::kEnforce;
  answer.on_loss = OnLoss::kLocal;
  answer.ack = Seq{1019};
  answer.record = "00112233445566778899aabbccddeeff";
  answer.position = Seq{31};
  answer.knobs = {{"kl", 2.0, {}, Cause(CauseKind::kRule, "defend"), 1, {}}};
  answer.held = adopted.held;
  answer.rollbacks = 2;
  answer.profile = Profile::kEnforce;
  Control control;
  control.epoch = 4;
  control.state_version = 3;
  control.mode = Mode::kEnforce;
  control.knobs = {{"kl", 0.5, {}, Cause(CauseKind::kOperator, "ann"), 2, {}}};
  control.knobs[0].expires_step = Step{260};
  control.knobs[0].then = {2.0, Cause(CauseKind::kRule, "defend"), Site::kReplay};
  control.knobs.push_back({"ldifs", 0.2, {0.0, 0.4}, Cause(CauseKind::kRule, "weigh"), 2, {}});
  control.knobs[1].batch = 118;
  control.ack = Seq{1050};
  control.position = Seq{33};
  control.segment = 1;
  control.held = {raise};
  control.inhibited = {{"note_format", Step{300}}};
  PolicyLoaded loaded;
  loaded.name = "small";
  loaded.digest = std::string(64, 'a');
  loaded.text = "version = 1\n";
  loaded.mode = Mode::kEnforce;
  loaded.request_base = std::int64_t{1122867} << 20;
  Status intervened = status();
  intervened.mode = Mode::kShadow;
  intervened.intervened_step = Step{126};
  intervened.signals.front().fates = {{ReportFate::kDecided, 120}, {ReportFate::kLate, 3}};
  const Heartbeat asking{"sync", 0, 3, true};
  const Snapshot snapshot{4, Seq{1050}, 2, 3, "phaseguard-machine"};
  std::vector<Message> all = {message(6, 121, asking),   message(7, 121, snapshot),
                              message(1, 120, declared), message(2, 120, adopted),
                              message(3, 120, answer),   message(4, 121, control),
                              message(5, 120, loaded),   message(19, 213, intervened)};
  for (Message& m : all) m.header.version = {1, 1};
  return all;
}

std::vector<Message> samples_of_parts() {
  Hello declared = hello();
  declared.signals.front().join = Join::kMax;
  declared.guard = declared.snapshots = declared.segments = true;
  declared.laws = {Law::kJoins, Law::kClock, Law::kEdges};
  Report part;
  part.origin = Report::Origin::kBatch;
  part.samples.push_back({"judge/score", 0.9, false, {}, kNaN, kNaN});
  part.part = {3, 8};
  part.weight = 512.0;
  const LinkChange missing{LinkEvent::kMissing, "messages 7 to 9 never came", 4, Seq{7}, Seq{9}};
  std::vector<Message> all = {message(1, 120, declared), message(6, 121, part),
                              message(7, 121, missing), message(3, 121, Resend{4, Seq{7}})};
  for (Message& m : all) m.header.version = {1, 1};
  return all;
}

std::string readable(const std::string& frame) {
  return make_readable(Json::from_msgpack(frame)).dump(2) + "\n";
}

}  // namespace phaseguard::wire
