#include <charconv>
#include <cmath>
#include <utility>

#include "monitor/base/text.h"
#include "probe/probe.h"

namespace phaseguard::probe {

namespace {

constexpr const char* kProbeSchema = "phaseguard-probe/1";
constexpr const char* kTraitSchema = "phaseguard-trait/1";

tl::unexpected<Error> passed_on(const Error& error) { return tl::unexpected<Error>(error); }

void put(TensorFile& file, const Site& site) {
  file.metadata["model_id"] = site.model_id;
  file.metadata["weights_sha256"] = site.weights_sha256;
  file.metadata["tokenizer"] = site.tokenizer;
  file.metadata["layer"] = site.layer;
  file.metadata["position"] = site.position;
  file.metadata["scored"] = site.scored;
  file.metadata["width"] = std::to_string(site.width);
}

// Reads metadata by name and remembers the first thing that was missing or not a number.
class Metadata {
 public:
  Metadata(const TensorFile& file, std::string source) : file_(file), source_(std::move(source)) {}

  std::string text(const std::string& key) {
    const auto it = file_.metadata.find(key);
    if (it != file_.metadata.end()) return it->second;
    refuse(source_ + ": expected metadata " + phaseguard::quoted(key) + ", found none");
    return {};
  }
  double number(const std::string& key) {
    const std::string value = text(key);
    double out = 0.0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), out);
    if (error != std::errc() || end != value.data() + value.size() || !std::isfinite(out)) {
      refuse(source_ + ": metadata " + phaseguard::quoted(key) + " is " +
             phaseguard::quoted(value, 60) + ", expected a finite number");
    }
    return out;
  }
  std::uint64_t count(const std::string& key) {
    const std::string value = text(key);
    std::uint64_t out = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), out);
    if (error != std::errc() || end != value.data() + value.size()) {
      refuse(source_ + ": metadata " + phaseguard::quoted(key) + " is " +
             phaseguard::quoted(value, 60) + ", expected a whole number");
    }
    return out;
  }
  void schema(const char* wanted) {
    if (text("schema") != wanted) {
      refuse(source_ + ": expected schema " + phaseguard::quoted(wanted) + ", found " +
             phaseguard::quoted(text("schema"), 60));
    }
  }
  Site site() {
    Site site;
    site.model_id = text("model_id");
    site.weights_sha256 = text("weights_sha256");
    site.tokenizer = text("tokenizer");
    site.layer = text("layer");
    site.position = text("position");
    site.scored = text("scored");
    const std::uint64_t width = count("width");
    if (width == 0 || width > (1u << 20)) refuse(source_ + ": its width is not of this world");
    site.width = static_cast<std::int64_t>(width);
    return site;
  }
  // A vector of exactly `length` finite numbers.
  std::vector<double> vector(const std::string& name, std::size_t length) {
    const auto record = file_.find(name, source_);
    if (!record) {
      refuse(record.error().message);
      return {};
    }
    if ((*record)->shape != std::vector<std::int64_t>{static_cast<std::int64_t>(length)}) {
      refuse(source_ + ": tensor " + phaseguard::quoted(name) + " does not have the width " +
             std::to_string(length) + " that its metadata declare");
      return {};
    }
    std::vector<double> values = (*record)->to_double();
    for (double v : values) {
      if (!std::isfinite(v))
        refuse(source_ + ": tensor " + phaseguard::quoted(name) + " is not finite");
    }
    return values;
  }
  void refuse(std::string message) {
    if (message_.empty()) message_ = std::move(message);
  }
  [[nodiscard]] Status status() const {
    if (message_.empty()) return {};
    return fail(Errc::kMalformed, message_ + "; fit and save it again");
  }

 private:
  const TensorFile& file_;
  std::string source_;
  std::string message_;
};

TensorRecord column(const std::vector<double>& values) {
  return TensorRecord::of(Span<const double>(values), {static_cast<std::int64_t>(values.size())});
}

}  // namespace

TensorFile ActivationProbe::to_file() const {
  TensorFile file;
  put(file, site_);
  auto& m = file.metadata;
  m["schema"] = kProbeSchema;
  m["bias"] = number_text(model_.bias);
  m["platt_slope"] = number_text(calibration_.slope);
  m["platt_intercept"] = number_text(calibration_.intercept);
  m["threshold"] = number_text(threshold_);
  m["false_alarm_rate"] = number_text(false_alarm_rate_);
  m["l2"] = number_text(l2_);
  m["gradient_max"] = number_text(gradient_max_);
  m["n_positive"] = std::to_string(n_positive_);
  m["n_negative"] = std::to_string(n_negative_);
  m["held_out_auroc"] = number_text(held_out_.auroc);
  m["held_out_auroc_lower"] = number_text(held_out_.auroc_lower);
  m["held_out_auroc_upper"] = number_text(held_out_.auroc_upper);
  m["held_out_auprc"] = number_text(held_out_.auprc);
  m["held_out_n_positive"] = std::to_string(held_out_.n_positive);
  m["held_out_n_negative"] = std::to_string(held_out_.n_negative);
  m["seed"] = std::to_string(seed_);
  m["date"] = date_;
  m["data_sha256"] = data_sha256_;
  file.tensors["mean"] = column(model_.mean);
  file.tensors["sd"] = column(model_.sd);
  file.tensors["weights"] = column(model_.weights);
  return file;
}

Result<ActivationProbe> ActivationProbe::from_file(const TensorFile& file,
                                                   const std::string& source) {
  Metadata meta(file, source);
  meta.schema(kProbeSchema);
  ActivationProbe probe;
  probe.site_ = meta.site();
  const auto width = static_cast<std::size_t>(probe.site_.width);
  probe.model_.mean = meta.vector("mean", width);
  probe.model_.sd = meta.vector("sd", width);
  probe.model_.weights = meta.vector("weights", width);
  probe.model_.bias = meta.number("bias");
  probe.calibration_.slope = meta.number("platt_slope");
  probe.calibration_.intercept = meta.number("platt_intercept");
  probe.threshold_ = meta.number("threshold");
  probe.false_alarm_rate_ = meta.number("false_alarm_rate");
  probe.l2_ = meta.number("l2");
  probe.gradient_max_ = meta.number("gradient_max");
  probe.n_positive_ = meta.count("n_positive");
  probe.n_negative_ = meta.count("n_negative");
  probe.held_out_ = {meta.number("held_out_auroc"),       meta.number("held_out_auroc_lower"),
                     meta.number("held_out_auroc_upper"), meta.number("held_out_auprc"),
                     meta.count("held_out_n_positive"),   meta.count("held_out_n_negative")};
  probe.seed_ = meta.count("seed");
  probe.date_ = meta.text("date");
  probe.data_sha256_ = meta.text("data_sha256");
  for (double sd : probe.model_.sd) {
    if (sd < 0.0) meta.refuse(source + ": tensor \"sd\" holds a negative number");
  }
  if (auto ok = meta.status(); !ok) return passed_on(ok.error());
  return probe;
}

Status ActivationProbe::save(const std::filesystem::path& file) const {
  return save_safetensors(to_file(), file);
}

Result<ActivationProbe> ActivationProbe::load(const std::filesystem::path& file, const Site& here) {
  const auto content = load_safetensors(file);
  if (!content) return passed_on(content.error());
  auto probe = from_file(*content, file.string());
  if (!probe) return passed_on(probe.error());
  if (auto ok = same_site(probe->site_, here, file.string()); !ok) return passed_on(ok.error());
  return probe;
}

TensorFile TraitDirection::to_file() const {
  TensorFile file;
  put(file, site_);
  file.metadata["schema"] = kTraitSchema;
  file.metadata["trait"] = trait_;
  file.metadata["n_trait"] = std::to_string(n_trait_);
  file.metadata["n_other"] = std::to_string(n_other_);
  file.tensors["direction"] = column(direction_.raw);
  return file;
}

Result<TraitDirection> TraitDirection::from_file(const TensorFile& file,
                                                 const std::string& source) {
  Metadata meta(file, source);
  meta.schema(kTraitSchema);
  TraitDirection out;
  out.site_ = meta.site();
  out.trait_ = meta.text("trait");
  out.n_trait_ = meta.count("n_trait");
  out.n_other_ = meta.count("n_other");
  const auto width = static_cast<std::size_t>(out.site_.width);
  std::vector<double> raw = meta.vector("direction", width);
  if (auto ok = meta.status(); !ok) return passed_on(ok.error());
  const Features trait{1, width, std::move(raw)};
  const Features origin{1, width, std::vector<double>(width, 0.0)};
  auto direction = trait_direction(trait, origin);
  if (!direction) return passed_on(direction.error());
  if (direction->quality != Quality::kGood) {
    return fail(Errc::kMalformed, source + ": its direction is zero; fit and save it again");
  }
  out.direction_ = std::move(*direction);
  return out;
}

Status TraitDirection::save(const std::filesystem::path& file) const {
  return save_safetensors(to_file(), file);
}

Result<TraitDirection> TraitDirection::load(const std::filesystem::path& file, const Site& here) {
  const auto content = load_safetensors(file);
  if (!content) return passed_on(content.error());
  auto direction = from_file(*content, file.string());
  if (!direction) return passed_on(direction.error());
  if (auto ok = same_site(direction->site_, here, file.string()); !ok) return passed_on(ok.error());
  return direction;
}

}  // namespace phaseguard::probe
