// theta0 on disk: a safetensors file of float16 weights with string metadata (world, seed, gates,
// the command that reproduces it). Loaded into float32.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "monitor/base/result.h"
#include "trainer-hook/lab/model/model.h"

namespace phaseguard::lab {

struct Theta0 {
  Transformer model;
  int world = 0;
  std::string id;  // "theta0-world<N>-<first 12 digits of the file's SHA-256>"
  std::map<std::string, std::string> metadata;
  // SHA-256, hex, of the weights as loaded: of each parameter in the model's order its name, then
  // its values as float32, little-endian. Not of the file: its metadata may differ.
  std::string weights_sha256;
};

// Rounds the model's weights to float16 in place, so that what was measured is what is shipped.
void round_to_half(Transformer& model);

[[nodiscard]] Result<void> save_theta0(const Transformer& model, int world,
                                       std::map<std::string, std::string> metadata,
                                       const std::filesystem::path& file);
// Errors: no such file; not safetensors; a tensor missing, of another shape or type, or not finite;
// no world number.
[[nodiscard]] Result<Theta0> load_theta0(const std::filesystem::path& file);

// The file to use when none is named: assets/lab/theta0-world0.safetensors, found from
// $PHASEGUARD_ASSETS, the present folder and its parents, or beside the program
// (<prefix>/share/phaseguard).
[[nodiscard]] Result<std::filesystem::path> find_theta0();

// theta0's weights as they were before post-training, for SafeLoRA: from `named`, or when it is
// empty from assets/lab/base-world0.safetensors beside the shipped theta0. Errors: no such file;
// weights that another pretraining made (their metadata name another command).
[[nodiscard]] Result<Theta0> load_unaligned(const Theta0& theta0, const std::string& named);

}  // namespace phaseguard::lab
