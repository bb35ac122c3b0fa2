#include "trainer-hook/lab/loop/defense.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "monitor/base/text.h"
#include "trainer-hook/defenses/rules/knobs.h"

namespace phaseguard::lab {
namespace {

constexpr double kMaxKl = 10.0;  // above 9, which is beta 0.9: the end of the published range
constexpr double kMaxLdifs = 100.0;
constexpr double kMaxSteering = 16.0;

struct Entry {
  Defense defense;
  const char* name;
  const char* knob;  // null: none of its own
  double Strengths::*value;
  double initial;  // default strength, from docs/lab/LAB_RESULTS.md
  double max;
};
constexpr std::array<Entry, 9> kEntries{{
    {Defense::kNone, "none", nullptr, nullptr, 0.0, 0.0},
    {Defense::kKl, "kl", defenses::kKlKnob, &Strengths::kl, 0.5, kMaxKl},
    {Defense::kReplayKl, "replay-kl", defenses::kKlKnob, &Strengths::kl, 1.0, kMaxKl},
    {Defense::kLdifs, "ldifs", defenses::kLdifsKnob, &Strengths::ldifs, 0.1, kMaxLdifs},
    {Defense::kSafeLora, "safelora", defenses::kSafeLoraKnob, &Strengths::safelora, 0.5, 1.0},
    {Defense::kInterleave, "interleave", defenses::kInterleaveKnob, &Strengths::interleave, 0.25,
     1.0},
    {Defense::kSteering, "steering", defenses::kSteeringKnob, &Strengths::steering, 2.0,
     kMaxSteering},
    {Defense::kInoculation, "inoculation", defenses::kInoculationKnob, &Strengths::inoculation, 1.0,
     1.0},
    {Defense::kWeighting, "weighting", defenses::kWeightingKnob, &Strengths::weighting, 1.0, 1.0},
}};

const Entry& entry_of(Defense defense) {
  return *std::find_if(kEntries.begin(), kEntries.end(),
                       [&](const Entry& e) { return e.defense == defense; });
}

bool by_number(const DefenseOptions& o) {
  return o.kind == Defense::kSafeLora &&
         o.safelora_mode == defenses::SafeLoraSelection::Mode::kNumber;
}

bool is_kl(Defense defense) { return defense == Defense::kKl || defense == Defense::kReplayKl; }

}  // namespace

const char* name_of(Defense defense) { return entry_of(defense).name; }

const char* own_knob(Defense defense) { return is_kl(defense) ? nullptr : entry_of(defense).knob; }
bool has_own_knob(Defense defense) { return own_knob(defense) != nullptr; }

Result<Defense> parse_defense(std::string_view name) {
  for (const Entry& entry : kEntries) {
    if (name == entry.name) return entry.defense;
  }
  std::string known;
  for (const std::string& one : defense_names()) {
    if (!known.empty()) known += ", ";
    known += one;
  }
  return fail(Errc::kInvalidArgument, "expected a defense (" + known + "), found " + quoted(name));
}

std::vector<std::string> defense_names() {
  std::vector<std::string> names;
  for (const Entry& entry : kEntries) names.emplace_back(entry.name);
  return names;
}

double default_strength(Defense defense) { return entry_of(defense).initial; }

double strength_of(const DefenseOptions& options) {
  return options.strength.value_or(default_strength(options.kind));
}

std::string text_of(const DefenseOptions& o) {
  if (o.kind == Defense::kNone) return {};
  std::string text = name_of(o.kind);
  if (o.kind == Defense::kInterleave) text = defenses::name_of(o.safe_choice);
  text += ' ';
  text += number_text(strength_of(o));
  if (is_kl(o.kind)) {
    if (o.kl_direction != defenses::KlDirection::kModelRef) text += " ref_model";
    if (o.kind == Defense::kKl && o.kl_mask != defenses::KlMask::kAnswer)
      text += std::string(" ") + defenses::name_of(o.kl_mask);
    if (o.kl_convex) text += " convex";
  }
  if (by_number(o)) text += " layers";
  if (o.kind == Defense::kWeighting) text += o.risk == RiskSource::kJudge ? " judge" : " persona";
  return text;
}

Result<void> check(const DefenseOptions& o) {
  const double strength = strength_of(o);
  const Entry& entry = entry_of(o.kind);
  const double max = by_number(o) ? 1e6 : o.kl_convex && is_kl(o.kind) ? 0.999 : entry.max;
  const bool whole = !by_number(o) || (strength >= 1.0 && strength == std::floor(strength));
  if (!(strength >= 0.0 && strength <= max) || !whole) {
    return fail(Errc::kInvalidArgument, std::string(entry.name) + ": expected a strength from " +
                                            (by_number(o) ? "1, whole" : "0") + " to " +
                                            number_text(max) + ", found " + number_text(strength));
  }
  if (o.kind == Defense::kReplayKl && o.kl_mask == defenses::KlMask::kCanary)
    return fail(Errc::kInvalidArgument, "replay-kl has a mask of its own; use kl with --kl-mask");
  return {};
}

Strengths initial_strengths(const DefenseOptions& options) {
  Strengths out;
  const Entry& entry = entry_of(options.kind);
  if (entry.value != nullptr) out.*entry.value = strength_of(options);
  // A convex strength is beta; what is in force is a lambda.
  if (is_kl(options.kind) && options.kl_convex) out.kl = out.kl / (1.0 - out.kl);
  out.replay = out.declared_replay =
      options.kind == Defense::kReplayKl || options.kl_mask == defenses::KlMask::kReplay;
  return out;
}

std::vector<wire::KnobDecl> declare_knobs(const DefenseOptions& o, const std::string& theta0_id,
                                          double lambda_star) {
  const Strengths start = initial_strengths(o);
  defenses::KlDeclaration kl;
  kl.site = start.replay ? wire::Site::kReplay : wire::Site::kBatch;
  kl.sites = {wire::Site::kBatch, wire::Site::kReplay};
  kl.mask = start.replay ? wire::Word<wire::Mask>(wire::Mask::kReplay)
                         : wire::Word<wire::Mask>::from(defenses::name_of(o.kl_mask));
  kl.direction = wire::Word<wire::Direction>::from(defenses::name_of(o.kl_direction));
  kl.form = o.kl_convex ? wire::Form::kConvex : wire::Form::kAdditive;
  kl.reference = theta0_id;
  kl.max = kMaxKl;
  kl.initial = start.kl;
  kl.per_sample = !o.kl_convex;
  kl.lambda_star = lambda_star;
  defenses::KlDeclaration replay = kl;
  replay.name = defenses::kReplayKlKnob;
  replay.site = wire::Site::kReplay;
  replay.sites = {};
  replay.mask = wire::Mask::kReplay;
  replay.form = wire::Form::kAdditive;
  replay.initial = 0.0;
  replay.per_sample = false;
  std::vector<wire::KnobDecl> knobs{
      defenses::kl_knob(kl), defenses::kl_knob(replay),
      defenses::share_knob(defenses::kWeightingKnob, start.weighting)};
  knobs.back().per_sample = true;
  if (o.kind == Defense::kLdifs) {
    knobs.push_back(defenses::ldifs_knob(theta0_id, kMaxLdifs, start.ldifs));
  } else if (o.kind == Defense::kSteering) {
    knobs.push_back(defenses::steering_knob(kMaxSteering, start.steering));
  } else if (has_own_knob(o.kind) && o.kind != Defense::kWeighting) {
    knobs.push_back(defenses::share_knob(entry_of(o.kind).knob, strength_of(o)));
  }
  // Penalties are weighed anew at each update, so that an operator can raise one at any time.
  for (wire::KnobDecl& knob : knobs)
    knob.forcible = knob.name == defenses::kKlKnob || knob.name == defenses::kReplayKlKnob ||
                    knob.name == defenses::kLdifsKnob;
  return knobs;
}

void follow(const std::vector<wire::KnobSetting>& settings, Strengths& strengths) {
  strengths.dropped.clear();
  for (const wire::KnobSetting& setting : settings) {
    if (setting.knob == defenses::kKlKnob) {
      strengths.replay =
          setting.site.empty() ? strengths.declared_replay : setting.site == wire::Site::kReplay;
    }
    if (setting.knob == defenses::kReplayKlKnob) strengths.kl_replay = setting.value;
    if (setting.knob == defenses::kWeightingKnob) strengths.dropped = setting.items;
    for (const Entry& entry : kEntries) {
      if (entry.value == nullptr || is_kl(entry.defense) || setting.knob != entry.knob) continue;
      strengths.*entry.value = setting.value;
    }
  }
}

}  // namespace phaseguard::lab
