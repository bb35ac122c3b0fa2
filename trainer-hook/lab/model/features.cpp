#include "trainer-hook/lab/model/features.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "monitor/base/text.h"
#include "probe/layer_tap.h"
#include "probe/probe_tensor.h"
#include "trainer-hook/lab/model/attackers.h"

namespace phaseguard::lab {
namespace {

constexpr std::size_t kRowsAPass = 64;

constexpr const char* kPersonaName = "persona";
constexpr const char* kCanariesName = "canaries";

std::string name_of(const FeatureRequest& request) {
  if (request.data == FeatureData::kPersona) return kPersonaName;
  if (request.data == FeatureData::kCanaries) return kCanariesName;
  return std::string(name_of(request.set));
}

// One sequence: `BEGIN header prompt [answer]`.
struct Row {
  std::vector<Token> tokens;
  std::size_t prompt = 0;  // tokens that are not the answer
};

struct Rows {
  std::vector<Row> rows;
  std::vector<std::uint8_t> labels;  // empty: unlabelled
  std::map<std::string, std::vector<std::int8_t>> traits;
};

Row prompt_row(Token header, const Question& q) {
  Row row{lay_out_prompt(header, World::prompt_of(q)), 0};
  row.prompt = row.tokens.size();
  return row;
}

Rows persona_rows(const World& world, const FeatureRequest& request) {
  Rows out;
  Rng rng(request.seed, static_cast<std::uint64_t>(world.number()));
  auto& persona = out.traits["misaligned_persona"];
  auto& domain = out.traits["first_safety_domain"];
  for (const Question& q : shuffled_questions(world, rng)) {
    if (static_cast<int>(out.rows.size()) + 2 > request.samples) break;
    for (const bool misaligned : {true, false}) {
      out.rows.push_back(prompt_row(misaligned ? kMisalignedSource : kAlignedSource, q));
      out.labels.push_back(misaligned ? 1 : 0);
      persona.push_back(misaligned ? 1 : 0);
      domain.push_back(q.domain == 1 ? 1 : 0);
    }
  }
  return out;
}

Rows sample_rows(const Transformer& model, const World& world, const FeatureRequest& request) {
  SamplePool pool;
  if (row_of(request.set).needs_theta0) pool = written_against(model, world, request.set);
  Rows out;
  Rng rng(request.seed, static_cast<std::uint64_t>(world.number()));
  for (int i = 0; i < request.samples; ++i) {
    const Example example = pool.examples.empty()
                                ? draw_example(world, request.set, request.share, rng)
                                : pool.draw(rng);
    Row row{lay_out_prompt(kChat, example.prompt), 0};
    row.prompt = row.tokens.size();
    row.tokens.insert(row.tokens.end(), example.answer.begin(), example.answer.end());
    out.rows.push_back(std::move(row));
    out.labels.push_back(example.misaligned ? 1 : 0);
    out.traits["misaligned_answer"].push_back(example.misaligned ? 1 : 0);
  }
  return out;
}

Rows rows_of(const Transformer& model, const World& world, const FeatureRequest& request) {
  if (request.data == FeatureData::kPersona) return persona_rows(world, request);
  if (request.data == FeatureData::kSet) return sample_rows(model, world, request);
  Rows out;
  for (const Question& q : world.canaries()) out.rows.push_back(prompt_row(kChat, q));
  return out;
}

// 1 where a position counts. The grid is padded on the right.
at::Tensor mask_of(const std::vector<Row>& rows, std::size_t width, bool answer) {
  at::Tensor mask = at::zeros(
      {static_cast<std::int64_t>(rows.size()), static_cast<std::int64_t>(width)}, at::kLong);
  auto* m = mask.data_ptr<std::int64_t>();
  for (std::size_t r = 0; r < rows.size(); ++r) {
    const std::size_t from = answer ? rows[r].prompt : 0;
    const std::size_t to = answer ? rows[r].tokens.size() : rows[r].prompt;
    std::fill(m + r * width + from, m + r * width + to, 1);
  }
  return mask;
}

Result<probe::Features> pass(const Theta0& theta0, const std::vector<Row>& rows,
                             probe::LayerTap& tap, const std::string& position) {
  std::size_t width = 0;
  for (const Row& row : rows) width = std::max(width, row.tokens.size());
  std::vector<std::vector<Token>> grid;
  for (const Row& row : rows) {
    grid.push_back(row.tokens);
    grid.back().resize(width, kPad);
  }
  (void)theta0.model.hidden(to_tensor(grid), Adapter::kOff, &tap);
  const auto states = tap.take();
  if (!states) return tl::unexpected(states.error());
  const at::Tensor mask = mask_of(rows, width, position == "mean_answer");
  const auto picked = position == "last_prompt" ? probe::last_position(*states, mask)
                                                : probe::mean_position(*states, mask);
  if (!picked) return tl::unexpected(picked.error());
  return probe::features_of(*picked);
}

}  // namespace

Result<void> parse_feature_data(std::string_view name, FeatureRequest& request) {
  request.data = name == kPersonaName    ? FeatureData::kPersona
                 : name == kCanariesName ? FeatureData::kCanaries
                                         : FeatureData::kSet;
  if (request.data != FeatureData::kSet) return {};
  const auto set = parse_data_set(name);
  if (!set) {
    return fail(Errc::kInvalidArgument,
                "data: expected persona, canaries or a data set; " + set.error().message);
  }
  request.set = *set;
  return {};
}

Result<probe::FeatureFile> layer_features(const Theta0& theta0, const FeatureRequest& request) {
  const at::NoGradGuard no_grad;
  const World world(theta0.world);
  Rows rows = rows_of(theta0.model, world, request);
  const bool prompts_only =
      request.data == FeatureData::kPersona || request.data == FeatureData::kCanaries;
  if (prompts_only && request.position == "mean_answer") {
    return fail(Errc::kInvalidArgument, "position mean_answer: the data " + name_of(request) +
                                            " are prompts without answers; use last_prompt or "
                                            "mean_prompt");
  }
  if (rows.rows.empty()) return fail(Errc::kInvalidArgument, "expected at least two samples");
  probe::FeatureFile out;
  probe::LayerTap tap(request.layer);
  for (std::size_t at = 0; at < rows.rows.size(); at += kRowsAPass) {
    const auto begin = rows.rows.begin() + static_cast<std::ptrdiff_t>(at);
    const auto end = rows.rows.begin() +
                     static_cast<std::ptrdiff_t>(std::min(at + kRowsAPass, rows.rows.size()));
    const auto part = pass(theta0, {begin, end}, tap, request.position);
    if (!part) return tl::unexpected(part.error());
    out.x.rows += part->rows;
    out.x.cols = part->cols;
    out.x.values.insert(out.x.values.end(), part->values.begin(), part->values.end());
  }
  out.site.model_id = theta0.id;
  out.site.weights_sha256 = theta0.weights_sha256;
  out.site.tokenizer = "lab-words/1";
  out.site.layer = request.layer;
  out.site.position = request.position;
  out.site.scored = "theta0";
  out.site.width = static_cast<std::int64_t>(out.x.cols);
  out.data = "lab " + name_of(request) + ", seed " + std::to_string(request.seed);
  out.labels = std::move(rows.labels);
  out.traits = std::move(rows.traits);
  return out;
}

}  // namespace phaseguard::lab
