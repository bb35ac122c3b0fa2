// What a session holds, and how errors leave it. Internal to the C interface.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <deque>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include "monitor/base/result.h"
#include "trainer-hook/c/phaseguard.h"
#include "trainer-hook/reporter/reporter.h"

// NOLINTNEXTLINE(readability-identifier-naming): named in the C interface.
struct phaseguard_session {
  phaseguard::reporter::Reporter reporter;
  std::vector<std::string> signals;  // in declared order
  std::deque<phaseguard::wire::Request> requests;
  phaseguard::wire::Request request;  // handed out last: its strings live until the next call
  std::vector<phaseguard::wire::RequestOutcome> outcomes;
  phaseguard::reporter::Latched plan;
  std::string knob;  // whose value a plan has
  std::string plan_cause, plan_site;
  bool decided = false;  // `plan` is what phaseguard_decide got for the step to come
  double waited_s = 0.0;
  std::int64_t segment = 0;
  phaseguard::Step step;  // of the newest begin_step
};

namespace phaseguard::c {

// Kept for phaseguard_last_error() of this thread.
int failed(int status, const std::string& what) noexcept;
int failed(const Error& error) noexcept;

// Nothing of ours leaves a function of C as an exception.
template <class Work>
int guarded(Work&& work) noexcept {
  try {
    return std::forward<Work>(work)();
  } catch (const std::exception& error) {
    return failed(PHASEGUARD_FAILED, error.what());
  } catch (...) {
    return failed(PHASEGUARD_FAILED, "an error of PhaseGuard's own");
  }
}

// As much of `ours` as the caller's struct has room for.
template <class T>
int give(const T& ours, T* theirs) {
  if (theirs == nullptr || theirs->size < sizeof theirs->size) {
    return failed(PHASEGUARD_INVALID, "expected a struct with its size set, found none");
  }
  const std::size_t size = std::min(theirs->size, sizeof ours);
  const std::size_t kept = theirs->size;
  std::memcpy(theirs, &ours, size);
  theirs->size = kept;
  return PHASEGUARD_OK;
}

// The caller's struct with our defaults for what it does not have.
template <class T>
T taken(const T* theirs, T ours) {
  std::memcpy(&ours, theirs, std::min(theirs->size, sizeof ours));
  return ours;
}

}  // namespace phaseguard::c
