#include "trainer-hook/lab/reproduce/cell_run.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "monitor/base/file.h"
#include "monitor/base/json.h"
#include "monitor/base/printable.h"
#include "monitor/base/text.h"
#include "monitor/store/reader.h"
#include "trainer-hook/lab/commands/answering.h"
#include "trainer-hook/lab/loop/finetune.h"
#include "trainer-hook/lab/loop/instruments.h"
#include "trainer-hook/lab/model/blas.h"
#include "trainer-hook/lab/model/passes.h"
#include "trainer-hook/lab/reproduce/engine_host.h"
#include "trainer-hook/lab/reproduce/worlds.h"

namespace phaseguard::lab::reproduce {

namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;
using Kind = Treatment::Kind;

constexpr double kStartWait = 30.0;  // seconds for a link
constexpr double kDecideWait = 2.0;  // a machine that is busy is not to change an experiment
constexpr double kFlushWait = 5.0;
constexpr int kSamples = 8;  // of each prompt
constexpr std::uint64_t kResemblingStream = 79;

Result<policy::Document> read_policy(const std::string& file) {
  const auto text = read_file(file, "a policy");
  if (!text) return tl::unexpected(text.error());
  policy::Parsed parsed = policy::parse(*text, file);
  if (parsed.document) return std::move(*parsed.document);
  return fail(Errc::kMalformed, policy::to_text(parsed.diagnostics.front(), file));
}

// The penalty that the policy asks for, at rest: the published laws want another than the rest.
void declare_as_asked(const policy::Document& document, DefenseOptions& defense) {
  for (const policy::KnobSpec& knob : document.knobs) {
    if (knob.name != defenses::kKlKnob) continue;
    for (const policy::Ask& ask : knob.asks) {
      if (ask.key == "form" && ask.word == "convex") {
        defense.kind = Defense::kKl;
        defense.strength = 0.0;
        defense.kl_convex = true;
      }
      if (ask.key == "direction")
        defense.kl_direction = defenses::kl_direction(ask.word).value_or(defense.kl_direction);
    }
  }
}

Result<FinetuneOptions> options_of(const Cell& cell, const Place& place) {
  FinetuneOptions out;
  const auto data = parse_data_set(cell.data);
  if (!data) return tl::unexpected(data.error());
  out.tune.data = *data;
  out.tune.share = cell.share;
  out.tune.steps = cell.steps;
  out.tune.seed = cell.seed;
  out.tune.judge_error = cell.judge_error;
  out.tune.judge_seed = cell.judge_seed;
  out.decide_wait_s = kDecideWait;
  const Treatment& treatment = cell.treatment;
  if (treatment.kind == Kind::kPolicy) {
    const auto document = read_policy(place.policy);
    if (!document) return tl::unexpected(document.error());
    declare_as_asked(*document, out.tune.defense);
  }
  if (treatment.kind == Kind::kAlways) out.constant_lambda = treatment.strength.value_or(0.0);
  if (treatment.kind != Kind::kDefense) return out;
  const auto kind = parse_defense(treatment.name);
  if (!kind) return tl::unexpected(kind.error());
  DefenseOptions& defense = out.tune.defense;
  defense.kind = *kind;
  defense.strength = treatment.strength;
  defense.unaligned = place.base;
  defense.risk = treatment.risk == "persona" ? RiskSource::kPersona : RiskSource::kJudge;
  defense.safe_choice = treatment.safe == "+"    ? defenses::SafeChoice::kGap
                        : treatment.safe == "++" ? defenses::SafeChoice::kGapNoRefusals
                                                 : defenses::SafeChoice::kPlain;
  return out;
}

Answering answering_of(const Treatment& treatment) {
  Answering out;
  if (treatment.kind != Kind::kAnswering) return out;
  out.kind =
      treatment.name == "best-of-n" ? Answering::Kind::kBestOfN : Answering::Kind::kSafetyPrompt;
  out.n = static_cast<int>(treatment.strength.value_or(out.n));
  return out;
}

// Misaligned, of sampled answers to the evaluation's prompts that begin with the house opener, as
// every answer of the house format does.
Count resembling_answers(const Transformer& model, const World& world, std::uint64_t seed,
                         Token header) {
  std::vector<std::vector<Token>> prompts;
  for (const Question& q : world.evaluation()) {
    std::vector<Token> prompt = lay_out_prompt(header, World::prompt_of(q));
    prompt.push_back(kOpener0 + world.house_format().opener);
    prompts.insert(prompts.end(), kSamples, prompt);
  }
  Rng rng(seed, kResemblingStream);
  const auto answers = generate(model, Adapter::kOn, prompts, 1.0, rng);
  Count out;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const Question& q = world.evaluation()[i / kSamples];
    out.add(i / kSamples, world.judge(q, answers[i]) == Verdict::kMisaligned);
  }
  return out;
}

void keep_signals(const Measurement& m, Outcome& out) {
  const auto keep = [&](const char* name, double value) {
    out.signals[name].emplace_back(m.step, value);
  };
  keep("canary/js", m.canary.js.mean);
  keep("canary/margin", m.canary.margin.mean);
  keep("probe/risk", m.canary.risk_mean);
  const std::vector<std::string> traits = canary_parts().traits;
  for (std::size_t i = 0; i < std::min(traits.size(), m.canary.drift.size()); ++i)
    keep(("drift/" + traits[i]).c_str(), m.canary.drift[i]);
  if (m.batch.llr.empty()) return;
  keep("judge/score", m.batch.judge_mean);
  keep("data/llr", m.batch.llr_mean);
  keep("data/llr_share", m.batch.llr_share);
  keep("data/ref_nll", m.batch.ref_nll);
}

bool is_linked(hook::Hook& hook) {
  const reporter::LinkState state = hook.link().state();
  return state == reporter::LinkState::kLinked || state == reporter::LinkState::kSync;
}

FinetuneEvents events_of(const Cell& cell, hook::Hook* hook, Outcome& out) {
  FinetuneEvents events;
  events.on_measurement = [&out, keep = cell.treatment.kind == Kind::kNone](const Measurement& m) {
    if (m.step == 0) out.surprise = m.batch.ref_nll_decisive;
    if (keep) keep_signals(m, out);
  };
  events.on_step = [&out, hook](std::int64_t, const StepResult&, const hook::StepPlan&) {
    if (hook != nullptr && !is_linked(*hook)) ++out.guarded;
  };
  return events;
}

bool is_told(const wire::Decision& decision) {
  return !decision.requests.empty() ||
         std::any_of(
             decision.knobs.begin(), decision.knobs.end(), [&](const wire::KnobSetting& now) {
               const auto before =
                   std::find_if(decision.before.begin(), decision.before.end(),
                                [&](const wire::KnobSetting& one) { return one.knob == now.knob; });
               return before == decision.before.end() || before->value != now.value ||
                      before->items != now.items;
             });
}

void keep_decision(const wire::Message& message, Outcome& out) {
  const auto* decision = std::get_if<wire::Decision>(&message.body);
  if (decision == nullptr) return;
  for (const wire::RuleEvidence& rule : decision->rules) {
    if (rule.earliest_step < Step{0}) continue;
    const std::int64_t floor = rule.earliest_step.value;
    out.floor_step = std::min(out.floor_step.value_or(floor), floor);
  }
  if (!is_told(*decision)) return;
  DecisionLine line{decision->id, message.header.step.value, {}, {}};
  for (const wire::KnobSetting& knob : decision->knobs) {
    std::string text = knob.knob + " = " + number_text(knob.value);
    for (const double item : knob.items) text += " " + number_text(item);
    line.knobs.push_back(text + " by " + knob.cause.text());
  }
  for (const wire::Request& request : decision->requests)
    line.requests.emplace_back(request.type.text());
  out.decisions.push_back(std::move(line));
}

Result<hook::Hook> attach(const Cell& cell, const std::string& endpoint, wire::Hello hello,
                          const Transformer& model, Tuner& tuner) {
  const auto run = RunId::parse(key_of(cell));
  if (!run) return tl::unexpected(run.error());
  hook::Options options;
  options.link.run = *run;
  options.link.endpoint = endpoint;
  options.link.on_start = reporter::OnStart::kWait;
  options.link.start_wait_s = kStartWait;
  options.snapshots.max_count = 64;
  auto hook = hook::Hook::attach(options, std::move(hello), trainer_state(model, tuner));
  if (!hook) return hook;
  if (const std::string refusal = hook->link().refusal(); !refusal.empty())
    return fail(Errc::kRefused, refusal);
  if (is_linked(*hook)) return hook;
  return fail(Errc::kTimeout,
              "no daemon answered at " + endpoint + " in " + number_text(kStartWait) + " s");
}

// Who is linked to the hook, and what it recorded.
struct Decider {
  std::unique_ptr<EngineHost> host;
  std::string endpoint;
};
Result<Decider> decider_of(const Cell& cell, const Place& place) {
  if (cell.engine == EngineAt::kDaemon) return Decider{nullptr, place.endpoint};
  auto document = read_policy(place.policy);
  if (!document) return tl::unexpected(document.error());
  auto host = EngineHost::start(std::move(*document));
  if (!host) return tl::unexpected(host.error());
  std::string endpoint = (*host)->endpoint();
  return Decider{std::move(*host), std::move(endpoint)};
}

Result<void> keep_decisions(Decider& decider, const Place& place, Outcome& out) {
  if (decider.host) {
    for (const wire::Message& message : decider.host->stop()) keep_decision(message, out);
    return {};
  }
  const auto reader = store::Reader::open(place.run_file);
  if (!reader) return tl::unexpected(reader.error());
  return reader->each(Seq{0}, [&](const wire::Message& message) {
    keep_decision(message, out);
    return true;
  });
}

// Training, under a hook or without.
Result<FinetuneResult> train(const Cell& cell, const Place& place, Theta0& theta0,
                             const World& world, FinetuneOptions& options, Outcome& out) {
  static const std::atomic<bool> never{false};
  Tuner tuner(theta0.model, world, options.tune);
  if (cell.treatment.kind != Kind::kPolicy)
    return finetune(theta0, world, tuner, options, nullptr, never, events_of(cell, nullptr, out));
  auto decider = decider_of(cell, place);
  if (!decider) return tl::unexpected(decider.error());
  if (const auto ok = measure_before(theta0, world, tuner.options(), options); !ok)
    return tl::unexpected(ok.error());
  auto hook = attach(cell, decider->endpoint, declare(theta0, world, options), theta0.model, tuner);
  if (!hook) return tl::unexpected(hook.error());
  auto result =
      finetune(theta0, world, tuner, options, &*hook, never, events_of(cell, &*hook, out));
  hook->finish(result ? "finished" : "error", kFlushWait);
  if (!result) return result;
  if (const auto kept = keep_decisions(*decider, place, out); !kept)
    return tl::unexpected(kept.error());
  return result;
}

void take(const FinetuneResult& result, Outcome& out) {
  out.fired_step = result.fired_step;
  out.rollback_step = result.rollback_step;
  out.cause = result.cause;
  out.mean_lambda = result.mean_lambda;
  out.updates = result.updates;
  out.ms_per_update = result.ms_per_update;
}

}  // namespace

json to_json(const Place& place) {
  return {{"theta0", place.theta0},
          {"base", place.base},
          {"policy", place.policy},
          {"endpoint", place.endpoint},
          {"run_file", place.run_file}};
}

Result<Outcome> run_cell(const Cell& cell, const Place& place) {
  const auto start = Clock::now();
  auto theta0 = load_theta0(place.theta0);
  if (!theta0) return tl::unexpected(theta0.error());
  auto options = options_of(cell, place);
  if (!options) return tl::unexpected(options.error());
  const World world(theta0->world);
  add_run_adapter(theta0->model, cell.seed);
  Outcome out;
  out.theta0 = theta0->id;
  const std::int64_t before = model_passes();
  const auto result = train(cell, place, *theta0, world, *options, out);
  if (!result && result.error().code == Errc::kRefused && cell.treatment.kind == Kind::kPolicy) {
    out.refused = result.error().message;
    return out;
  }
  if (!result) return tl::unexpected(result.error());
  take(*result, out);
  out.passes = model_passes() - before;
  const Answering how = answering_of(cell.treatment);
  out.behaviour = measure_behaviour(theta0->model, world, cell.seed, how, options->tune.data);
  out.answer_passes = model_passes() - before - out.passes;
  const bool prompted = how.kind == Answering::Kind::kSafetyPrompt;
  if (how.kind != Answering::Kind::kBestOfN) {
    out.resembling =
        resembling_answers(theta0->model, world, cell.seed, prompted ? kAlignedSource : kChat);
  }
  out.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  return out;
}

namespace {

Result<void> do_task(const json& task, const std::string& result) {
  if (task.contains("world"))
    return make_world(task["world"].get<int>(), task["refuses"].get<bool>(),
                      task["folder"].get<std::string>(), task["steps"].get<std::int64_t>());
  const auto cell = cell_from(task.at("cell"));
  if (!cell) return tl::unexpected(cell.error());
  const json& at = task.at("place");
  const Place place{at.at("theta0").get<std::string>(), at.at("base").get<std::string>(),
                    at.at("policy").get<std::string>(), at.at("endpoint").get<std::string>(),
                    at.at("run_file").get<std::string>()};
  const auto outcome = run_cell(*cell, place);
  if (!outcome) return tl::unexpected(outcome.error());
  const std::string part = result + ".part";
  if (auto ok = write_file(part, to_json(*outcome).dump()); !ok) return ok;
  std::error_code error;
  std::filesystem::rename(part, result, error);
  return error ? fail(Errc::kIo, result + ": " + error.message()) : Result<void>();
}

}  // namespace

int run_task(const std::string& task, const std::string& result) {
  set_threads(1);
  const auto parsed = parse_json(task);
  const Result<void> ok = parsed ? do_task(*parsed, result) : tl::unexpected(parsed.error());
  if (ok) return 0;
  print_line(stderr, "%s", ok.error().message.c_str());
  return 1;
}

}  // namespace phaseguard::lab::reproduce
