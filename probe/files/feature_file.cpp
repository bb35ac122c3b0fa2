#include "probe/files/feature_file.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "monitor/base/text.h"
#include "monitor/stats/random.h"
#include "probe/files/metadata.h"

namespace phaseguard::probe {

namespace {

constexpr const char* kSchema = "phaseguard-features/1";
const std::string kTraitPrefix = "labels/";
constexpr const char* kRemedy = "write the file again as docs/PROBE.md describes it";

tl::unexpected<Error> passed_on(const Error& error) { return tl::unexpected<Error>(error); }

std::string shape_text(const tensors::TensorRecord& record) {
  std::string text = std::string(name_of(record.dtype)) + " [";
  for (std::size_t i = 0; i < record.shape.size(); ++i) {
    text += (i > 0 ? ", " : "") + std::to_string(record.shape[i]);
  }
  return text + "]";
}

// One label a row, each `lowest`..1 and whole.
std::vector<std::int8_t> read_labels(Metadata& meta, const std::string& name,
                                     const tensors::TensorRecord& record, std::size_t rows,
                                     int lowest) {
  std::vector<std::int8_t> out;
  if (record.shape != std::vector<std::int64_t>{static_cast<std::int64_t>(rows)}) {
    meta.refuse("tensor " + phaseguard::quoted(name, 60) + " is " + shape_text(record) +
                ", expected one label for each of the " + std::to_string(rows) + " rows");
    return out;
  }
  const std::string place = "tensor " + phaseguard::quoted(name, 60);
  if (auto ok = tensors::check_taken(record, place); !ok) {
    meta.refuse(ok.error().message);
    return out;
  }
  for (double value : record.to_double()) {
    if (!(value >= lowest && value <= 1.0) || value != std::floor(value)) {
      meta.refuse(place + ": label " + std::to_string(out.size()) + " is " + number_text(value) +
                  ", expected " + (lowest < 0 ? "1, 0 or -1" : "0 or 1"));
      return {};
    }
    out.push_back(static_cast<std::int8_t>(value));
  }
  return out;
}

void append(Features& to, Span<const double> row) {
  to.values.insert(to.values.end(), row.begin(), row.end());
  to.cols = row.size();
  ++to.rows;
}

}  // namespace

tensors::TensorFile FeatureFile::to_file() const {
  tensors::TensorFile file;
  put_site(file, site);
  file.metadata["schema"] = kSchema;
  file.metadata["data"] = data;
  const auto rows = static_cast<std::int64_t>(x.rows), cols = static_cast<std::int64_t>(x.cols);
  file.tensors["features"] =
      tensors::TensorRecord::of(Span<const double>(x.values), {rows, cols}, tensors::Dtype::kF32);
  if (!labels.empty()) {
    const std::vector<std::int64_t> wide(labels.begin(), labels.end());
    file.tensors["labels"] = tensors::TensorRecord::of(Span<const std::int64_t>(wide), {rows});
  }
  for (const auto& [trait, values] : traits) {
    const std::vector<std::int64_t> wide(values.begin(), values.end());
    file.tensors[kTraitPrefix + trait] =
        tensors::TensorRecord::of(Span<const std::int64_t>(wide), {rows});
  }
  return file;
}

Result<FeatureFile> FeatureFile::from_file(const tensors::TensorFile& file,
                                           const std::string& source) {
  Metadata meta(file, source);
  meta.schema(kSchema);
  if (auto ok = meta.status(kRemedy); !ok) return passed_on(ok.error());
  const auto features = file.find("features", source);
  if (!features) return passed_on(features.error());
  const tensors::TensorRecord& record = **features;
  if (record.shape.size() != 2 || record.count() == 0 || !tensors::is_floating(record.dtype)) {
    return fail(Errc::kMalformed, source +
                                      ": expected features as a floating tensor [n, H] with "
                                      "at least one row, found " +
                                      shape_text(record));
  }
  FeatureFile out;
  out.site = meta.site_of_width(record.shape[1]);
  out.data = meta.text_or_empty("data");
  out.x = Features{static_cast<std::size_t>(record.shape[0]),
                   static_cast<std::size_t>(record.shape[1]), record.to_double()};
  for (const auto& [name, tensor] : file.tensors) {
    if (name == "labels") {
      const auto labels = read_labels(meta, name, tensor, out.x.rows, 0);
      out.labels.assign(labels.begin(), labels.end());
    } else if (name.rfind(kTraitPrefix, 0) == 0) {
      out.traits[name.substr(kTraitPrefix.size())] =
          read_labels(meta, name, tensor, out.x.rows, -1);
    }
  }
  if (auto ok = meta.status(kRemedy); !ok) return passed_on(ok.error());
  return out;
}

Result<FeatureFile> FeatureFile::load(const std::filesystem::path& file) {
  const auto content = tensors::load_safetensors(file);
  if (!content) return passed_on(content.error());
  return from_file(*content, file.string());
}

Result<void> FeatureFile::save(const std::filesystem::path& file) const {
  return tensors::save_safetensors(to_file(), file);
}

Result<TraitSides> sides_of(const FeatureFile& file, const std::string& trait) {
  const auto found = file.traits.find(trait);
  if (found == file.traits.end()) {
    std::string held;
    for (const auto& [name, values] : file.traits) held += (held.empty() ? "" : ", ") + name;
    return fail(Errc::kNotFound, "expected labels of the trait " + phaseguard::quoted(trait, 60) +
                                     ", the file holds: " + (held.empty() ? "none" : held));
  }
  TraitSides sides;
  for (std::size_t i = 0; i < file.x.rows; ++i) {
    if (found->second[i] < 0) continue;
    append(found->second[i] > 0 ? sides.with : sides.without, file.x.row(i));
  }
  if (sides.with.rows == 0 || sides.without.rows == 0) {
    return fail(Errc::kInvalidArgument, "trait " + phaseguard::quoted(trait, 60) +
                                            ": expected rows with and without it, found " +
                                            std::to_string(sides.with.rows) + " and " +
                                            std::to_string(sides.without.rows));
  }
  return sides;
}

Result<Split> split_rows(const FeatureFile& file, double held_share, std::uint64_t seed) {
  if (file.labels.empty()) {
    return fail(Errc::kInvalidArgument, "expected a tensor `labels` of 0 and 1, found none");
  }
  if (!(held_share > 0.0 && held_share < 1.0)) {
    return fail(Errc::kInvalidArgument,
                "the held-out share must lie between 0 and 1, found " + number_text(held_share));
  }
  stats::SplitMix64 random(seed);
  std::vector<std::uint8_t> held(file.x.rows, 0);
  for (std::uint8_t label : {0, 1}) {
    std::vector<std::size_t> rows;
    for (std::size_t i = 0; i < file.x.rows; ++i) {
      if (file.labels[i] == label) rows.push_back(i);
    }
    if (rows.size() < 2) {
      return fail(Errc::kInvalidArgument, "expected at least two rows of label " +
                                              std::to_string(label) + " to split, found " +
                                              std::to_string(rows.size()));
    }
    for (std::size_t i = rows.size(); i > 1; --i) std::swap(rows[i - 1], rows[random.below(i)]);
    const auto wanted = std::lround(held_share * static_cast<double>(rows.size()));
    const auto count =
        std::clamp<std::size_t>(static_cast<std::size_t>(wanted), 1, rows.size() - 1);
    for (std::size_t i = 0; i < count; ++i) held[rows[i]] = 1;
  }
  Split split;
  for (std::size_t i = 0; i < file.x.rows; ++i) {
    append(held[i] != 0 ? split.held_x : split.fit_x, file.x.row(i));
    (held[i] != 0 ? split.held_y : split.fit_y).push_back(file.labels[i]);
  }
  return split;
}

}  // namespace phaseguard::probe
