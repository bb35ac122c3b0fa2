#include "probe/files/direction_set.h"

#include <set>
#include <utility>

#include "monitor/base/text.h"
#include "probe/files/metadata.h"

namespace phaseguard::probe {

namespace {

constexpr const char* kSchema = "phaseguard-directions/1";
const std::string kTensorPrefix = "direction/";

tl::unexpected<Error> passed_on(const Error& error) { return tl::unexpected<Error>(error); }

}  // namespace

Result<DirectionSet> DirectionSet::make(std::vector<TraitDirection> directions) {
  if (directions.empty()) {
    return fail(Errc::kInvalidArgument, "directions: expected at least one trait, found none");
  }
  std::set<std::string> names;
  for (const TraitDirection& one : directions) {
    if (!names.insert(one.trait()).second) {
      return fail(
          Errc::kInvalidArgument,
          "directions: the trait " + phaseguard::quoted(one.trait(), 60) + " is given twice");
    }
    if (auto ok = same_site(directions.front().site(), one.site(), one.trait()); !ok) {
      return passed_on(ok.error());
    }
  }
  return DirectionSet(std::move(directions));
}

Result<std::vector<TraitDrift>> DirectionSet::drift(const Features& reference,
                                                    const Features& model) const {
  std::vector<TraitDrift> out;
  for (const TraitDirection& one : directions_) {
    auto drift = one.drift(reference, model);
    if (!drift) return passed_on(drift.error());
    out.push_back({one.trait(), std::move(*drift)});
  }
  return out;
}

double DirectionSet::cosine(std::size_t i, std::size_t j) const {
  const auto& a = directions_[i].direction().unit;
  const auto& b = directions_[j].direction().unit;
  return summed_products(a.data(), b.data(), a.size());
}

tensors::TensorFile DirectionSet::to_file() const {
  tensors::TensorFile file;
  put_site(file, site());
  file.metadata["schema"] = kSchema;
  for (const TraitDirection& one : directions_) {
    file.metadata["n_trait/" + one.trait()] = std::to_string(one.n_trait());
    file.metadata["n_other/" + one.trait()] = std::to_string(one.n_other());
    file.tensors[kTensorPrefix + one.trait()] = column(one.direction().raw);
  }
  return file;
}

Result<DirectionSet> DirectionSet::from_file(const tensors::TensorFile& file,
                                             const std::string& source) {
  Metadata meta(file, source);
  meta.schema(kSchema);
  const Site site = meta.site();
  if (auto ok = meta.status("fit and save it again"); !ok) return passed_on(ok.error());
  std::vector<TraitDirection> directions;
  for (const auto& [name, record] : file.tensors) {
    if (name.rfind(kTensorPrefix, 0) != 0) continue;
    const std::string trait = name.substr(kTensorPrefix.size());
    std::vector<double> raw = meta.vector(name, static_cast<std::size_t>(site.width));
    const auto n_trait = meta.count("n_trait/" + trait), n_other = meta.count("n_other/" + trait);
    if (auto ok = meta.status("fit and save it again"); !ok) return passed_on(ok.error());
    auto one = TraitDirection::from_raw(std::move(raw), trait, site, n_trait, n_other);
    if (!one) return fail(Errc::kMalformed, source + ": " + one.error().message);
    directions.push_back(std::move(*one));
  }
  auto set = make(std::move(directions));
  if (!set) return fail(Errc::kMalformed, source + ": " + set.error().message);
  return set;
}

Result<void> DirectionSet::save(const std::filesystem::path& file) const {
  return tensors::save_safetensors(to_file(), file);
}

Result<DirectionSet> DirectionSet::load(const std::filesystem::path& file, const Site& here) {
  const auto content = tensors::load_safetensors(file);
  if (!content) return passed_on(content.error());
  auto set = from_file(*content, file.string());
  if (!set) return passed_on(set.error());
  if (auto ok = same_site(set->site(), here, file.string()); !ok) return passed_on(ok.error());
  return set;
}

}  // namespace phaseguard::probe
