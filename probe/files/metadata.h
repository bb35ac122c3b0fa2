// Reading and writing the metadata of our safetensors files. Internal to the probe room. No
// LibTorch.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "monitor/base/result.h"
#include "monitor/tensors/safetensors.h"
#include "probe/probe.h"

namespace phaseguard::probe {

void put_site(tensors::TensorFile& file, const Site& site);
[[nodiscard]] tensors::TensorRecord column(const std::vector<double>& values);  // [n] F64

// Reads metadata by name and remembers the first thing that was missing or not as expected.
class Metadata {
 public:
  // Both must outlive the reader.
  Metadata(const tensors::TensorFile& file, const std::string& source)
      : file_(file), source_(source) {}

  std::string text(const std::string& key);
  [[nodiscard]] std::string text_or_empty(const std::string& key) const;
  double number(const std::string& key);  // finite
  std::uint64_t count(const std::string& key);
  void schema(const char* wanted);
  Site site();                                                              // width included
  Site site_of_width(std::int64_t width);                                   // width from a tensor
  std::vector<double> vector(const std::string& name, std::size_t length);  // finite
  void refuse(const std::string& message);  // `message` without the file's name
  [[nodiscard]] Result<void> status(const char* remedy) const;

 private:
  const tensors::TensorFile& file_;
  const std::string& source_;
  std::string message_;
};

}  // namespace phaseguard::probe
