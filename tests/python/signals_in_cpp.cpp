// What the C++ functions say of the logits and hidden states that signals_test.py wrote: one number
// a line, for it to compare with its own.
//
// usage: signals_in_cpp NUMBERS.st DIRECTIONS.st
#include <ATen/ops/from_blob.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "canaries/js/margin.h"
#include "monitor/tensors/safetensors.h"
#include "probe/files/direction_set.h"
#include "probe/files/samples.h"
#include "probe/preflight/summary.h"
#include "probe/probe_tensor.h"
#include "trainer-hook/defenses/data/weighting.h"
#include "trainer-hook/defenses/penalty/kl.h"
#include "trainer-hook/defenses/penalty/weighted_loss.h"

using namespace phaseguard;

namespace {

template <class T>
T value_of(Result<T> result) {
  if (result) return std::move(*result);
  std::fprintf(stderr, "%s\n", result.error().message.c_str());
  std::exit(1);
}

at::Tensor tensor_of(const tensors::TensorFile& file, const std::string& name) {
  const tensors::TensorRecord& record = *value_of(file.find(name, "numbers"));
  static const std::map<tensors::Dtype, at::ScalarType> kTypes = {
      {tensors::Dtype::kF32, at::kFloat},
      {tensors::Dtype::kF64, at::kDouble},
      {tensors::Dtype::kBf16, at::kBFloat16},
      {tensors::Dtype::kI64, at::kLong}};
  return at::from_blob(const_cast<char*>(record.bytes.data()), record.shape,
                       at::TensorOptions(kTypes.at(record.dtype)))
      .clone();
}

using Answers = std::vector<std::vector<double>>;

Answers answers_of(const tensors::TensorFile& file, const std::string& logits) {
  return value_of(probe::answer_log_probs(tensor_of(file, logits), tensor_of(file, "tokens"),
                                          tensor_of(file, "answer")));
}

std::vector<double> sums_of(const Answers& answers) {
  std::vector<double> out;
  for (const auto& one : answers) {
    double sum = 0.0;
    for (double value : one) sum += value;
    out.push_back(sum);
  }
  return out;
}

void print(const char* name, double value) { std::printf("%s %.17g\n", name, value); }

std::vector<double> doubles_of(const tensors::TensorFile& file, const std::string& name) {
  const at::Tensor values = tensor_of(file, name);
  const auto* first = values.data_ptr<double>();
  return {first, first + values.numel()};
}

// The penalty of the batch by one lambda and by one a sample, and that of replayed answers.
void print_penalties(const tensors::TensorFile& file) {
  const at::Tensor a = tensor_of(file, "a"), b = tensor_of(file, "b");
  const at::Tensor mask = value_of(defenses::answer_mask(tensor_of(file, "labels")));
  const at::Tensor lambdas = tensor_of(file, "lambdas");
  const auto there = tensor_of(file, "replay/labels");
  for (const auto direction :
       {defenses::KlDirection::kModelRef, defenses::KlDirection::kRefModel}) {
    print("kl", value_of(defenses::kl_token_mean(a, b, mask, direction)).value.item<double>());
    print("kl_of_step",
          value_of(defenses::kl_token_mean(a, b, mask, direction, 100)).value.item<double>());
    print("kl_weighted",
          value_of(defenses::kl_weighted(a, b, mask, lambdas, direction)).value.item<double>());
    print("kl_replay",
          value_of(defenses::kl_token_mean(
                       tensor_of(file, "replay/model"), tensor_of(file, "replay/reference"),
                       value_of(defenses::mask_of(defenses::KlMask::kReplay, there)), direction))
              .value.item<double>());
  }
}

// Weights by risk, and what they leave of the task's loss.
void print_weighting(const tensors::TensorFile& file, const Answers& answers) {
  const auto risks = doubles_of(file, "risks");
  std::vector<double> nll;
  std::vector<std::int64_t> row;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    for (const double value : answers[i]) {
      nll.push_back(-value);
      row.push_back(static_cast<std::int64_t>(i));
    }
  }
  const auto losses =
      at::from_blob(nll.data(), {static_cast<std::int64_t>(nll.size())}, at::kDouble);
  const auto rows = at::from_blob(row.data(), {static_cast<std::int64_t>(row.size())}, at::kLong);
  for (const double strength : {0.0, 0.5, 1.0}) {
    for (const bool by_threshold : {false, true}) {
      defenses::RiskWeighting law;
      if (by_threshold) {
        law.drop_above = 0.5;
        law.unscored = defenses::Unscored::kKeep;
      }
      auto found = value_of(defenses::weigh(risks, strength, law));
      for (const double weight : found.weights) print("weight", weight);
      const auto weights = at::from_blob(
          found.weights.data(), {static_cast<std::int64_t>(found.weights.size())}, at::kDouble);
      print("weighted_loss",
            value_of(defenses::weighted_token_mean(losses, rows, weights, 100)).item<double>());
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const auto file = value_of(tensors::load_safetensors(argv[1]));
  const auto a = answers_of(file, "a"), b = answers_of(file, "b"), c = answers_of(file, "c"),
             d = answers_of(file, "d");
  for (const auto* answers : {&a, &b}) {
    for (const auto& one : *answers) {
      for (double value : one) print("log_prob", value);
    }
  }
  const auto margin =
      value_of(canaries::canary_margin({sums_of(a), sums_of(b), sums_of(c), sums_of(d)}));
  for (double value : margin.per_canary) print("margin", value);
  print("margin_mean", margin.mean);
  for (std::size_t i = 0; i < a.size(); ++i) {
    const auto one = value_of(probe::persona_llr(a[i], b[i]));
    print("llr", one.per_answer);
    print("llr_per_token", one.per_token);
    print("llr_flag", value_of(probe::score_answer("s", a[i], a[i], b[i], 0.01)).llr_flag);
    std::vector<double> misaligned = a[i], aligned = b[i];
    misaligned.insert(misaligned.end(), c[i].begin(), c[i].end());
    aligned.insert(aligned.end(), d[i].begin(), d[i].end());
    print("llr_of_two", value_of(probe::persona_llr(misaligned, aligned, a[i].size())).per_answer);
  }
  print_penalties(file);
  print_weighting(file, a);
  for (const double nll : doubles_of(file, "surprises"))
    print("lambda_star", preflight::critical_lambda(nll));
  const auto bytes = value_of(tensors::load_safetensors(argv[2]));
  const auto set = value_of(probe::DirectionSet::from_file(bytes, argv[2]));
  const auto drifts =
      value_of(set.drift(value_of(probe::features_of(tensor_of(file, "hidden/reference"))),
                         value_of(probe::features_of(tensor_of(file, "hidden/model")))));
  for (const auto& one : drifts) {
    print(one.trait.c_str(), one.drift.drift);
    print(one.trait.c_str(), one.drift.drift_in_sd.value());
  }
  return 0;
}
