#include "monitor/wire/declaration.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "monitor/base/text.h"

namespace phaseguard::wire {

namespace {

constexpr std::int64_t kMostSteps = 1000000000000000;  // so that no sum of steps overflows

std::string range_fault(const std::string& what, double min, double max) {
  if (std::isnan(min) || std::isnan(max))
    return what + ": expected numbers as min and max, found NaN";
  if (min > max)
    return what + ": expected min at most max, found min " + number_text(min) + " and max " +
           number_text(max);
  return "";
}

std::string knob_fault(const KnobDecl& knob) {
  const std::string what = "knob " + quoted(knob.name, 64);
  if (!std::isfinite(knob.min) || !std::isfinite(knob.max))
    return what + ": expected a finite range, found " + number_text(knob.min) + " to " +
           number_text(knob.max);
  std::string fault = range_fault(what, knob.min, knob.max);
  if (!fault.empty()) return fault;
  if (!(knob.initial >= knob.min && knob.initial <= knob.max))
    return what + ": expected an initial value of " + number_text(knob.min) + " to " +
           number_text(knob.max) + ", found " + number_text(knob.initial);
  if (!std::isnan(knob.lambda_star) && !(knob.lambda_star > 0.0))
    return what + ": expected a lambda_star above 0, found " + number_text(knob.lambda_star);
  return "";
}

// Both or neither: a line drawn from one of them alone would be somewhere else.
std::string noise_fault(const std::string& what, const SignalDecl& signal) {
  const bool none = std::isnan(signal.noise_mean) && std::isnan(signal.noise_sd);
  if (none || (std::isfinite(signal.noise_mean) && signal.noise_sd >= 0.0)) return "";
  return what + ": expected noise_mean, a number, and noise_sd, 0 or above, found " +
         number_text(signal.noise_mean) + " and " + number_text(signal.noise_sd);
}

std::string count_fault(const char* key, std::int64_t value) {
  if (value >= 0 && value <= kMostSteps) return "";
  return std::string(key) + ": expected 0 to " + std::to_string(kMostSteps) + ", found " +
         std::to_string(value);
}

std::string signal_fault(const SignalDecl& signal) {
  const std::string what = "signal " + quoted(signal.name, 64);
  std::string fault = range_fault(what, signal.min, signal.max);
  if (fault.empty()) fault = count_fault((what + ": every_steps").c_str(), signal.every_steps);
  return fault.empty() ? noise_fault(what, signal) : fault;
}

template <class Declared, class Fault>
std::string first_fault(const std::vector<Declared>& all, const char* what, Fault fault_of) {
  std::set<std::string> names;
  for (const Declared& declared : all) {
    if (declared.name.empty())
      return std::string(what) + ": expected a name, found one that is empty";
    if (!names.insert(declared.name).second)
      return std::string(what) + " " + quoted(declared.name, 64) + ": expected once, found twice";
    if (std::string fault = fault_of(declared); !fault.empty()) return fault;
  }
  return "";
}

// Of float32 at `bound`; 0 at 0 and where there is no bound.
double four_ulp(double bound) {
  constexpr int kMantissaBits = 23;
  if (!std::isfinite(bound) || bound == 0.0) return 0.0;
  return std::ldexp(4.0, std::ilogb(bound) - kMantissaBits);
}

}  // namespace

void leave_out_session(Message& message) {
  if (auto* hello = std::get_if<Hello>(&message.body)) hello->session.clear();
}

bool has_law(const Hello& hello, Law law) {
  return std::any_of(hello.laws.begin(), hello.laws.end(),
                     [law](const Word<Law>& known) { return known == law; });
}

std::vector<Word<Law>> laws_for(const Version& version) {
  if (version.minor < 1) return {Law::kClock, Law::kEdges};
  return {Law::kJoins, Law::kClock, Law::kEdges, Law::kBatches};
}

void widen(const Hello& hello, double& min, double& max) {
  if (!has_law(hello, Law::kEdges)) return;
  min -= four_ulp(min);
  max += four_ulp(max);
}

SignalDecl with_edges(const Hello& hello, SignalDecl declared) {
  widen(hello, declared.min, declared.max);
  return declared;
}

std::string contradiction_in(const Hello& hello) {
  std::string fault = first_fault(hello.knobs, "knob", knob_fault);
  if (fault.empty()) fault = first_fault(hello.signals, "signal", signal_fault);
  if (fault.empty()) fault = count_fault("total_steps", hello.total_steps);
  if (fault.empty()) fault = count_fault("cadence_steps", hello.cadence_steps);
  if (fault.empty()) fault = count_fault("start_step", hello.start_step.value);
  return fault;
}

}  // namespace phaseguard::wire
