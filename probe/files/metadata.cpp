#include "probe/files/metadata.h"

#include <charconv>
#include <cmath>
#include <system_error>

#include "monitor/base/text.h"

namespace phaseguard::probe {

namespace {

constexpr std::uint64_t kMaxWidth = 1u << 20;

}  // namespace

void put_site(tensors::TensorFile& file, const Site& site) {
  file.metadata["model_id"] = site.model_id;
  file.metadata["weights_sha256"] = site.weights_sha256;
  file.metadata["tokenizer"] = site.tokenizer;
  file.metadata["layer"] = site.layer;
  file.metadata["position"] = site.position;
  file.metadata["scored"] = site.scored;
  file.metadata["width"] = std::to_string(site.width);
}

tensors::TensorRecord column(const std::vector<double>& values) {
  return tensors::TensorRecord::of(Span<const double>(values),
                                   {static_cast<std::int64_t>(values.size())});
}

std::string Metadata::text(const std::string& key) {
  const auto it = file_.metadata.find(key);
  if (it != file_.metadata.end()) return it->second;
  refuse("expected metadata " + phaseguard::quoted(key) + ", found none");
  return {};
}

std::string Metadata::text_or_empty(const std::string& key) const {
  const auto it = file_.metadata.find(key);
  return it != file_.metadata.end() ? it->second : std::string();
}

double Metadata::number(const std::string& key) {
  const std::string value = text(key);
  double out = 0.0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), out);
  if (error != std::errc() || end != value.data() + value.size() || !std::isfinite(out)) {
    refuse("metadata " + phaseguard::quoted(key) + " is " + phaseguard::quoted(value, 60) +
           ", expected a finite number");
  }
  return out;
}

std::uint64_t Metadata::count(const std::string& key) {
  const std::string value = text(key);
  std::uint64_t out = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), out);
  if (error != std::errc() || end != value.data() + value.size()) {
    refuse("metadata " + phaseguard::quoted(key) + " is " + phaseguard::quoted(value, 60) +
           ", expected a whole number");
  }
  return out;
}

void Metadata::schema(const char* wanted) {
  const std::string found = text("schema");
  if (found != wanted) {
    refuse("expected schema " + phaseguard::quoted(wanted) + ", found " +
           phaseguard::quoted(found, 60));
  }
}

Site Metadata::site_of_width(std::int64_t width) {
  Site site;
  site.model_id = text("model_id");
  site.weights_sha256 = text_or_empty("weights_sha256");
  site.tokenizer = text_or_empty("tokenizer");
  site.layer = text("layer");
  site.position = text("position");
  site.scored = text("scored");
  site.width = width;
  if (site.position != "last_prompt" && site.position != "mean_prompt" &&
      site.position != "mean_answer") {
    refuse("position is " + phaseguard::quoted(site.position, 40) +
           ", expected last_prompt, mean_prompt or mean_answer");
  }
  if (site.scored != "theta0" && site.scored != "theta") {
    refuse("scored is " + phaseguard::quoted(site.scored, 40) +
           ", expected theta0 (the reference's states) or theta (the trained model's)");
  }
  return site;
}

Site Metadata::site() {
  const std::uint64_t width = count("width");
  if (width == 0 || width > kMaxWidth) {
    refuse("its width is " + std::to_string(width) + ", expected 1 to " +
           std::to_string(kMaxWidth));
    return {};
  }
  return site_of_width(static_cast<std::int64_t>(width));
}

std::vector<double> Metadata::vector(const std::string& name, std::size_t length) {
  const auto record = file_.find(name, source_);
  if (!record) {
    if (message_.empty()) message_ = record.error().message;
    return {};
  }
  if ((*record)->shape != std::vector<std::int64_t>{static_cast<std::int64_t>(length)}) {
    refuse("tensor " + phaseguard::quoted(name) + " does not have the width " +
           std::to_string(length) + " that its metadata declare");
    return {};
  }
  std::vector<double> values = (*record)->to_double();
  for (double v : values) {
    if (!std::isfinite(v)) refuse("tensor " + phaseguard::quoted(name) + " is not finite");
  }
  return values;
}

void Metadata::refuse(const std::string& message) {
  if (message_.empty()) message_ = source_ + ": " + message;
}

Result<void> Metadata::status(const char* remedy) const {
  if (message_.empty()) return {};
  return fail(Errc::kMalformed, message_ + "; " + remedy);
}

}  // namespace phaseguard::probe
