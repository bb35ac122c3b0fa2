#include "tests/conformance/compare.h"

#include <cmath>
#include <limits>

#include "monitor/base/text.h"

namespace phaseguard::conformance {

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

bool is_information(const std::string& key) {
  return key.rfind("wrong_", 0) == 0 || key == "full_before_rounding" || key == "lambda_star_exact";
}

bool is_number(const json& value) {
  return value.is_number() ||
         (value.is_string() && (value == "NaN" || value == "Infinity" || value == "-Infinity"));
}

bool same_number(const json& got, const json& want, const Tolerance& tolerance) {
  if (got.is_number_integer() && want.is_number_integer()) return got == want;
  const double a = number_of(got), b = number_of(want);
  if (std::isnan(b)) return std::isnan(a);
  if (std::isinf(b)) return a == b;
  return std::fabs(a - b) <= tolerance.abs + tolerance.rel * std::fabs(b);
}

class Comparison {
 public:
  explicit Comparison(Tolerance tolerance) : tolerance_(tolerance) {}

  void value(const std::string& place, const json& got, const json& want) {
    if (want.is_object()) {
      object(place, got, want);
    } else if (want.is_array()) {
      array(place, got, want);
    } else if (is_number(want) && is_number(got)) {
      if (!same_number(got, want, tolerance_)) differs(place, got, want);
    } else if (got != want) {
      differs(place, got, want);
    }
  }
  void refusal(const json& got, const json& want) {
    if (got.contains("error") && !want.contains("error")) {
      found_.push_back("refused, wanted an answer: " + short_text(got["error_message"]));
    }
    if (got.contains("quality") && got["quality"] == "BAD" && !want.contains("quality")) {
      found_.emplace_back("got a BAD value, wanted a number");
    }
  }
  std::vector<std::string> take() { return std::move(found_); }

 private:
  void object(const std::string& place, const json& got, const json& want) {
    if (!got.is_object()) return differs(place, got, want);
    for (const auto& [key, wanted] : want.items()) {
      if (is_information(key)) continue;
      const std::string inside = place.empty() ? key : place + "." + key;
      if (got.contains(key)) {
        value(inside, got[key], wanted);
      } else {
        found_.push_back(inside + ": got nothing, wanted " + short_text(wanted));
      }
    }
  }
  void array(const std::string& place, const json& got, const json& want) {
    if (!got.is_array() || got.size() != want.size()) return differs(place, got, want);
    for (std::size_t i = 0; i < want.size(); ++i) {
      value(place + "[" + std::to_string(i) + "]", got[i], want[i]);
    }
  }
  void differs(const std::string& place, const json& got, const json& want) {
    found_.push_back((place.empty() ? "" : place + ": ") + "got " + short_text(got) + ", wanted " +
                     short_text(want));
  }

  Tolerance tolerance_;
  std::vector<std::string> found_;
};

}  // namespace

std::vector<std::string> differences(const json& got, const json& want,
                                     const Tolerance& tolerance) {
  Comparison comparison(tolerance);
  comparison.value("", got, want);
  comparison.refusal(got, want);
  return comparison.take();
}

double number_of(const json& value) {
  if (value.is_string()) {
    if (value == "NaN") return kNaN;
    if (value == "Infinity") return kInfinity;
    if (value == "-Infinity") return -kInfinity;
  }
  if (value.is_boolean()) return value.get<bool>() ? 1.0 : 0.0;
  return value.get<double>();
}

std::string short_text(const json& value) {
  if (value.is_number_float()) return number_text(value.get<double>());
  std::string text = value.dump(-1, ' ', false, json::error_handler_t::replace);
  if (value.is_array() && text.size() > 60) {
    return "a list of " + std::to_string(value.size());
  }
  if (text.size() > 160) text = text.substr(0, 160) + "...";
  return text;
}

}  // namespace phaseguard::conformance
