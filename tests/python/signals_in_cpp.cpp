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
#include "probe/probe_tensor.h"

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
