#include <utility>

#include "monitor/base/text.h"
#include "probe/files/metadata.h"
#include "probe/probe.h"

namespace phaseguard::probe {

namespace {

constexpr const char* kSchema = "phaseguard-probe/1";

tl::unexpected<Error> passed_on(const Error& error) { return tl::unexpected<Error>(error); }

void put_held_out(std::map<std::string, std::string>& m, const HeldOut& held) {
  m["held_out_auroc"] = number_text(held.auroc);
  m["held_out_auroc_lower"] = number_text(held.auroc_lower);
  m["held_out_auroc_upper"] = number_text(held.auroc_upper);
  m["held_out_auprc"] = number_text(held.auprc);
  m["held_out_auprc_lower"] = number_text(held.auprc_lower);
  m["held_out_auprc_upper"] = number_text(held.auprc_upper);
  m["held_out_resamples"] = std::to_string(held.resamples);
  m["held_out_n_positive"] = std::to_string(held.n_positive);
  m["held_out_n_negative"] = std::to_string(held.n_negative);
  m["held_out_false_alarms"] = std::to_string(held.false_alarms);
  m["held_out_sha256"] = held.data_sha256;
}

HeldOut read_held_out(Metadata& meta) {
  HeldOut held;
  held.auroc = meta.number("held_out_auroc");
  held.auroc_lower = meta.number("held_out_auroc_lower");
  held.auroc_upper = meta.number("held_out_auroc_upper");
  held.auprc = meta.number("held_out_auprc");
  held.auprc_lower = meta.number("held_out_auprc_lower");
  held.auprc_upper = meta.number("held_out_auprc_upper");
  held.resamples = meta.count("held_out_resamples");
  held.n_positive = meta.count("held_out_n_positive");
  held.n_negative = meta.count("held_out_n_negative");
  held.false_alarms = meta.count("held_out_false_alarms");
  held.data_sha256 = meta.text("held_out_sha256");
  return held;
}

FitRecord read_record(Metadata& meta) {
  FitRecord record;
  record.l2 = meta.number("l2");
  record.gradient_max = meta.number("gradient_max");
  record.iterations = static_cast<int>(meta.count("newton_steps"));
  record.n_positive = meta.count("n_positive");
  record.n_negative = meta.count("n_negative");
  record.seed = meta.count("seed");
  record.date = meta.text("date");
  record.data_sha256 = meta.text("data_sha256");
  return record;
}

}  // namespace

tensors::TensorFile ActivationProbe::to_file() const {
  tensors::TensorFile file;
  put_site(file, site_);
  auto& m = file.metadata;
  m["schema"] = kSchema;
  m["bias"] = number_text(model_.bias);
  m["calibration"] = name_of(calibration_.method);
  m["calibration_slope"] = number_text(calibration_.slope);
  m["calibration_intercept"] = number_text(calibration_.intercept);
  m["threshold"] = number_text(threshold_);
  m["false_alarm_rate"] = number_text(false_alarm_rate_);
  m["l2"] = number_text(record_.l2);
  m["gradient_max"] = number_text(record_.gradient_max);
  m["newton_steps"] = std::to_string(record_.iterations);
  m["n_positive"] = std::to_string(record_.n_positive);
  m["n_negative"] = std::to_string(record_.n_negative);
  m["seed"] = std::to_string(record_.seed);
  m["date"] = record_.date;
  m["data_sha256"] = record_.data_sha256;
  put_held_out(m, held_out_);
  file.tensors["mean"] = column(model_.mean);
  file.tensors["sd"] = column(model_.sd);
  file.tensors["weights"] = column(model_.weights);
  return file;
}

Result<ActivationProbe> ActivationProbe::from_file(const tensors::TensorFile& file,
                                                   const std::string& source) {
  Metadata meta(file, source);
  meta.schema(kSchema);
  ActivationProbe probe;
  probe.site_ = meta.site();
  const auto width = static_cast<std::size_t>(probe.site_.width);
  probe.model_.mean = meta.vector("mean", width);
  probe.model_.sd = meta.vector("sd", width);
  probe.model_.weights = meta.vector("weights", width);
  probe.model_.bias = meta.number("bias");
  const auto method = parse_calibration(meta.text("calibration"));
  if (!method) meta.refuse(method.error().message);
  probe.calibration_.method = method.value_or(CalibrationMethod::kPlatt);
  probe.calibration_.slope = meta.number("calibration_slope");
  probe.calibration_.intercept = meta.number("calibration_intercept");
  probe.threshold_ = meta.number("threshold");
  probe.false_alarm_rate_ = meta.number("false_alarm_rate");
  probe.record_ = read_record(meta);
  probe.held_out_ = read_held_out(meta);
  for (double sd : probe.model_.sd) {
    if (sd < 0.0) meta.refuse("tensor \"sd\" holds a negative number");
  }
  if (auto ok = meta.status("fit and save it again"); !ok) return passed_on(ok.error());
  probe.folded_ = fold(probe.model_);
  return probe;
}

Result<void> ActivationProbe::save(const std::filesystem::path& file) const {
  return tensors::save_safetensors(to_file(), file);
}

Result<ActivationProbe> ActivationProbe::load(const std::filesystem::path& file, const Site& here) {
  const auto content = tensors::load_safetensors(file);
  if (!content) return passed_on(content.error());
  auto probe = from_file(*content, file.string());
  if (!probe) return passed_on(probe.error());
  if (auto ok = same_site(probe->site_, here, file.string()); !ok) return passed_on(ok.error());
  return probe;
}

}  // namespace phaseguard::probe
