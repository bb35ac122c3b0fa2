#include "probe/layer_tap.h"

#include <algorithm>
#include <utility>

#include "monitor/base/text.h"

namespace phaseguard::probe {

namespace {

constexpr std::size_t kMaxListed = 64;

}  // namespace

void LayerTap::observe(const std::string& layer, const at::Tensor& states) {
  if (std::find(seen_.begin(), seen_.end(), layer) == seen_.end() && seen_.size() < kMaxListed) {
    seen_.push_back(layer);
  }
  if (layer != layer_) return;
  states_ = states.detach();
  ++times_;
}

Result<at::Tensor> LayerTap::take() {
  at::Tensor states = std::exchange(states_, at::Tensor());
  const int times = std::exchange(times_, 0);
  const std::vector<std::string> seen = std::exchange(seen_, {});
  if (times == 1) return states;
  if (times > 1) {
    return fail(Errc::kInvalidArgument, "layer " + phaseguard::quoted(layer_, 100) + ": passed " +
                                            std::to_string(times) +
                                            " times in one forward, expected once");
  }
  std::string list;
  for (const std::string& name : seen) list += (list.empty() ? "" : ", ") + name;
  const std::string near = nearest(layer_, seen);
  return fail(Errc::kNotFound, "layer " + phaseguard::quoted(layer_, 100) +
                                   ": the forward pass went through no such module (it went "
                                   "through: " +
                                   (list.empty() ? "none that is named" : list) + ")" +
                                   (near.empty() ? "" : "; did you mean \"" + near + "\"?"));
}

}  // namespace phaseguard::probe
