#include "trainer-hook/lab/model/theta0.h"

#include <charconv>
#include <cmath>
#include <utility>

#include "monitor/base/file.h"
#include "monitor/base/sha256.h"
#include "monitor/base/text.h"
#include "monitor/tensors/safetensors.h"

namespace phaseguard::lab {
namespace {

constexpr const char* kFormat = "phaseguard-lab-theta0-1";
constexpr int kMostWorld = 1000000;  // as --world

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i)
    text += (i > 0 ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

// What a metadata key holds, for a message.
std::string held(const tensors::TensorFile& content, const char* key) {
  const auto found = content.metadata.find(key);
  return found == content.metadata.end() ? "none" : phaseguard::quoted(found->second, 60);
}

Result<void> check_format(const tensors::TensorFile& content, const std::string& source) {
  const auto found = content.metadata.find("format");
  if (found != content.metadata.end() && found->second == kFormat) return {};
  return fail(Errc::kMalformed, source + ": expected metadata 'format' with " +
                                    phaseguard::quoted(kFormat) + ", found " +
                                    held(content, "format") +
                                    ": not a theta0 of this version; make it anew with "
                                    "phaseguard-lab pretrain");
}

Result<int> world_in(const tensors::TensorFile& content, const std::string& source) {
  const auto found = content.metadata.find("world");
  int world = -1;
  if (found != content.metadata.end()) {
    const std::string& text = found->second;
    const char* const end = text.data() + text.size();
    const auto read = std::from_chars(text.data(), end, world);
    if (read.ec != std::errc() || read.ptr != end || world > kMostWorld) world = -1;
  }
  if (world >= 0) return world;
  return fail(Errc::kMalformed, source + ": expected metadata 'world' with a number from 0 to " +
                                    std::to_string(kMostWorld) + ", found " +
                                    held(content, "world") +
                                    ": not a theta0 of phaseguard-lab pretrain");
}

Result<void> fill(const std::string& name, const at::Tensor& tensor,
                  const tensors::TensorFile& content, const std::string& source) {
  const auto record = content.find(name, source);
  if (!record) return tl::unexpected(record.error());
  const std::vector<std::int64_t> wanted(tensor.sizes().begin(), tensor.sizes().end());
  if ((*record)->shape != wanted) {
    return fail(Errc::kMalformed, source + ": tensor " + phaseguard::quoted(name) +
                                      ": expected shape " + shape_text(wanted) + ", found " +
                                      shape_text((*record)->shape) +
                                      "; make the file anew with phaseguard-lab pretrain");
  }
  const std::vector<float> values = (*record)->to_float();
  auto* out = tensor.data_ptr<float>();
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) {
      return fail(Errc::kMalformed, source + ": tensor " + phaseguard::quoted(name) + ": element " +
                                        std::to_string(i) + " is not a finite number");
    }
    out[i] = values[i];
  }
  return {};
}

}  // namespace

void round_to_half(Transformer& model) {
  for (auto& [name, tensor] : model.base_parameters()) {
    auto* values = tensor.data_ptr<float>();
    for (std::int64_t i = 0; i < tensor.numel(); ++i) {
      values[i] = tensors::float_from_half(tensors::half_from_float(values[i]));
    }
  }
}

Result<void> save_theta0(const Transformer& model, int world,
                         std::map<std::string, std::string> metadata,
                         const std::filesystem::path& file) {
  tensors::TensorFile content;
  content.metadata = std::move(metadata);
  content.metadata["format"] = kFormat;
  content.metadata["world"] = std::to_string(world);
  for (const auto& [name, tensor] : model.base_parameters()) {
    content.tensors[name] = tensors::TensorRecord::of(
        Span<const float>(tensor.data_ptr<float>(), static_cast<std::size_t>(tensor.numel())),
        {tensor.sizes().begin(), tensor.sizes().end()}, tensors::Dtype::kF16);
  }
  return tensors::save_safetensors(content, file);
}

namespace {

std::string weights_digest(const Transformer& model) {
  std::string bytes;
  for (const auto& [name, tensor] : model.base_parameters()) {
    bytes += name;
    bytes += '\0';
    bytes.append(reinterpret_cast<const char*>(tensor.data_ptr<float>()),
                 static_cast<std::size_t>(tensor.numel()) * sizeof(float));
  }
  return hex(sha256(bytes));
}

}  // namespace

Result<Theta0> load_theta0(const std::filesystem::path& file) {
  const auto content = tensors::load_safetensors(file);
  if (!content) return tl::unexpected(content.error());
  const std::string source = file.string();
  if (const auto ok = check_format(*content, source); !ok) return tl::unexpected(ok.error());
  const auto world = world_in(*content, source);
  if (!world) return tl::unexpected(world.error());
  Rng unused(0);
  Theta0 out{Transformer(ModelShape{}, unused), *world, "", content->metadata, ""};
  for (auto& [name, tensor] : out.model.base_parameters()) {
    if (const auto ok = fill(name, tensor, *content, source); !ok)
      return tl::unexpected(ok.error());
  }
  out.weights_sha256 = weights_digest(out.model);
  const std::string digest = hex(sha256(tensors::encode_safetensors(*content)));
  out.id = "theta0-world" + std::to_string(*world) + "-" + digest.substr(0, 12);
  return out;
}

namespace {

Result<std::filesystem::path> find_shipped(const char* file, const char* advice) {
  auto found = find_asset(std::filesystem::path("lab") / file);
  if (found) return found;
  return fail(found.error().code, found.error().message + "; " + advice);
}

}  // namespace

Result<std::filesystem::path> find_theta0() {
  return find_shipped("theta0-world0.safetensors",
                      "name a file with --theta0, or make one: phaseguard-lab pretrain --world 0 "
                      "--out FILE");
}

Result<Theta0> load_unaligned(const Theta0& theta0, const std::string& named) {
  std::filesystem::path file = named;
  if (named.empty()) {
    const auto found = find_shipped("base-world0.safetensors",
                                    "name a file with --unaligned; phaseguard-lab pretrain --base "
                                    "FILE writes one");
    if (!found) return tl::unexpected(found.error());
    file = *found;
  }
  auto base = load_theta0(file);
  if (!base) return base;
  const auto command_of = [](const Theta0& weights) {
    const auto found = weights.metadata.find("command");
    return found == weights.metadata.end() ? std::string() : found->second;
  };
  const std::string wanted = command_of(theta0), found = command_of(*base);
  if (wanted == found && !wanted.empty()) return base;
  return fail(Errc::kRefused,
              file.string() + ": expected the weights of " + phaseguard::quoted(wanted) +
                  " before post-training, found those of " + phaseguard::quoted(found) +
                  "; name the right file with --unaligned");
}

}  // namespace phaseguard::lab
