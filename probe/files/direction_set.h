// Several trait directions of one model and layer in one file, and the drift along all of them at
// once. Immutable once made; any thread. No LibTorch. C++17-clean.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "monitor/base/result.h"
#include "probe/probe.h"

namespace phaseguard::probe {

struct TraitDrift {
  std::string trait;  // signal drift/<trait>
  Drift drift;
};

class DirectionSet {
 public:
  // Errors: no direction, one trait twice, directions of different sites.
  [[nodiscard]] static Result<DirectionSet> make(std::vector<TraitDirection> directions);

  // Along each direction, in order of the set (see Drift). reference, model: the same prompts in
  // the same order, theta0 and theta. A direction's drift that is not finite is BAD.
  [[nodiscard]] Result<std::vector<TraitDrift>> drift(const Features& reference,
                                                      const Features& model) const;
  // Cosine of directions i and j: how independent they are.
  [[nodiscard]] double cosine(std::size_t i, std::size_t j) const;

  [[nodiscard]] const std::vector<TraitDirection>& directions() const { return directions_; }
  [[nodiscard]] const Site& site() const { return directions_.front().site(); }

  [[nodiscard]] Result<void> save(const std::filesystem::path& file) const;
  // Refuses a file fitted for another site than `here`.
  [[nodiscard]] static Result<DirectionSet> load(const std::filesystem::path& file,
                                                 const Site& here);
  [[nodiscard]] tensors::TensorFile to_file() const;
  [[nodiscard]] static Result<DirectionSet> from_file(const tensors::TensorFile& file,
                                                      const std::string& source);

 private:
  explicit DirectionSet(std::vector<TraitDirection> directions)
      : directions_(std::move(directions)) {}
  std::vector<TraitDirection> directions_;  // not empty
};

}  // namespace phaseguard::probe
