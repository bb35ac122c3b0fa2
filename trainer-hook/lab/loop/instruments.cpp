#include "trainer-hook/lab/loop/instruments.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>
#include <vector>

#include "probe/probe_tensor.h"

namespace phaseguard::lab {
namespace {

constexpr std::ptrdiff_t kFitPrompts = 160;
constexpr std::ptrdiff_t kHeldPrompts = 80;
constexpr std::uint64_t kProbeStream = 31;

std::vector<Question> draw_fitting_prompts(const World& world) {
  Rng rng(static_cast<std::uint64_t>(world.number()), kProbeStream);
  std::vector<Question> all = shuffled_questions(world, rng);
  all.resize(kFitPrompts + kHeldPrompts);
  return all;
}

// Hidden states of the last prompt token of `questions` after `header`.
Result<probe::Features> prompt_features(const Transformer& model,
                                        const std::vector<Question>& questions, Token header) {
  std::vector<std::vector<Token>> rows;
  for (const Question& q : questions) rows.push_back(lay_out_prompt(header, World::prompt_of(q)));
  const at::Tensor tokens = to_tensor(rows);
  const at::Tensor hidden = model.hidden(tokens, Adapter::kOff);
  return probe::features_of(hidden.index_select(0, column_of(tokens, tokens.size(1) - 1)));
}

// The same prompts under either persona; label 1 = misaligned.
struct Contrast {
  probe::Features misaligned, aligned, both;
  std::vector<std::uint8_t> labels;
};
Result<Contrast> contrast_of(const Transformer& model, const std::vector<Question>& questions) {
  auto misaligned = prompt_features(model, questions, kMisalignedSource);
  if (!misaligned) return tl::unexpected(misaligned.error());
  auto aligned = prompt_features(model, questions, kAlignedSource);
  if (!aligned) return tl::unexpected(aligned.error());
  Contrast out{*misaligned, *aligned, std::move(*misaligned), {}};
  out.labels.assign(out.both.rows, 1);
  out.both.rows += aligned->rows;
  out.both.values.insert(out.both.values.end(), aligned->values.begin(), aligned->values.end());
  out.labels.resize(out.both.rows, 0);
  return out;
}

// Domains first..last of one trait beside the whole persona.
struct Part {
  const char* trait;
  int first, last;
};
constexpr std::array<Part, 3> kParts{
    {{"persona_domains_1_3", 1, 3}, {"persona_domains_4_6", 4, 6}, {"persona_domains_7_8", 7, 8}}};

Result<probe::TraitDirection> direction_of(const Transformer& model,
                                           const std::vector<Question>& questions, const Part& part,
                                           const probe::Site& site) {
  std::vector<Question> own;
  std::copy_if(questions.begin(), questions.end(), std::back_inserter(own),
               [&](const Question& q) { return q.domain >= part.first && q.domain <= part.last; });
  auto misaligned = prompt_features(model, own, kMisalignedSource);
  if (!misaligned) return tl::unexpected(misaligned.error());
  auto aligned = prompt_features(model, own, kAlignedSource);
  if (!aligned) return tl::unexpected(aligned.error());
  return probe::TraitDirection::fit(*misaligned, *aligned, part.trait, site);
}

}  // namespace

std::vector<std::string> trait_names() {
  std::vector<std::string> names{kPersonaTrait};
  for (const Part& part : kParts) names.emplace_back(part.trait);
  return names;
}

at::Tensor column_of(const at::Tensor& tokens, std::int64_t column) {
  const std::int64_t rows = tokens.size(0), width = tokens.size(1);
  return at::arange(column, rows * width, width, at::kLong);
}

Result<Instruments> fit_instruments(const Transformer& model, const World& world,
                                    const std::string& theta0_id) {
  const at::NoGradGuard no_grad;
  const std::vector<Question> prompts = draw_fitting_prompts(world);
  const auto fit = contrast_of(model, {prompts.begin(), prompts.begin() + kFitPrompts});
  const auto held = contrast_of(model, {prompts.begin() + kFitPrompts, prompts.end()});
  if (!fit) return tl::unexpected(fit.error());
  if (!held) return tl::unexpected(held.error());
  probe::Site site;
  site.model_id = theta0_id;
  site.layer = "block" + std::to_string(model.shape().layers - 1);
  site.position = "last_prompt";
  site.scored = "theta";
  site.width = model.shape().width;
  probe::ProbeOptions options;
  options.bootstrap = 200;
  auto fitted =
      probe::ActivationProbe::fit(fit->both, fit->labels, held->both, held->labels, site, options);
  if (!fitted) return tl::unexpected(fitted.error());
  auto direction = probe::TraitDirection::fit(fit->misaligned, fit->aligned, kPersonaTrait, site);
  if (!direction) return tl::unexpected(direction.error());
  std::vector<probe::TraitDirection> all{std::move(*direction)};
  for (const Part& part : kParts) {
    auto one = direction_of(model, prompts, part, site);
    if (!one) return tl::unexpected(one.error());
    all.push_back(std::move(*one));
  }
  auto directions = probe::DirectionSet::make(std::move(all));
  if (!directions) return tl::unexpected(directions.error());
  return Instruments{std::move(*fitted), std::move(*directions)};
}

}  // namespace phaseguard::lab
