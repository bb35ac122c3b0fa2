#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <memory>

#include "monitor/base/base64.h"
#include "monitor/base/text.h"
#include "monitor/wire/json_declaration.h"
#include "trainer-hook/c/state.h"

using phaseguard::Errc;
using phaseguard::Step;
using phaseguard::c::failed;
using phaseguard::c::give;
using phaseguard::c::guarded;
using phaseguard::c::taken;
namespace reporter = phaseguard::reporter;
namespace wire = phaseguard::wire;

namespace {

thread_local std::string t_error;

constexpr double kNaN = wire::kNaN;

int status_of(Errc code) {
  switch (code) {
    case Errc::kTimeout:
    case Errc::kNotFound:
      return PHASEGUARD_UNREACHABLE;
    case Errc::kRefused:
    case Errc::kConflict:
      return PHASEGUARD_REFUSED;
    case Errc::kIo:
      return PHASEGUARD_FAILED;
    default:
      return PHASEGUARD_INVALID;
  }
}

int no_session() { return failed(PHASEGUARD_INVALID, "expected a session, found NULL"); }

std::string text_or_empty(const char* text) { return text == nullptr ? "" : text; }

phaseguard::Result<wire::Report> report_of(const phaseguard_report& given) {
  wire::Report report;
  if (given.of < PHASEGUARD_OF_STEP || given.of > PHASEGUARD_OF_BATCH) {
    return phaseguard::fail(Errc::kInvalidArgument,
                            "report.of: expected 0 to 2, found " + std::to_string(given.of));
  }
  report.origin = static_cast<wire::Report::Origin>(given.of);
  report.batch = given.batch;
  report.weight = given.weight;
  if (given.part > 0) report.part = {given.part, given.parts};
  const auto* bytes = reinterpret_cast<const char*>(given.samples);
  for (std::size_t i = 0; i < given.sample_count; ++i) {
    phaseguard_sample none{sizeof none, nullptr, kNaN, 0, nullptr, 0, kNaN, kNaN};
    const auto* at = reinterpret_cast<const phaseguard_sample*>(bytes);
    if (at == nullptr || at->size < sizeof at->size) {
      return phaseguard::fail(Errc::kInvalidArgument, "report.samples[" + std::to_string(i) +
                                                          "]: expected its size, found 0");
    }
    const phaseguard_sample sample = taken(at, none);
    bytes += at->size;
    if (sample.signal == nullptr) {
      return phaseguard::fail(Errc::kInvalidArgument, "report.samples[" + std::to_string(i) +
                                                          "].signal: expected a name, found NULL");
    }
    wire::Sample one;
    one.signal = sample.signal;
    one.value = sample.value;
    one.missing = sample.missing != 0;
    if (sample.items != nullptr) one.items.assign(sample.items, sample.items + sample.item_count);
    one.lower = sample.lower;
    one.upper = sample.upper;
    report.samples.push_back(std::move(one));
  }
  return report;
}

phaseguard::Result<wire::Report> checked(const phaseguard_session* session,
                                         const phaseguard_report* report) {
  if (session == nullptr || report == nullptr || report->size < sizeof report->size) {
    return phaseguard::fail(Errc::kInvalidArgument,
                            "expected a session and a report with its size set, found NULL");
  }
  return report_of(
      taken(report, {sizeof *report, nullptr, 0, PHASEGUARD_OF_STEP, 0, 0, 0, 0, kNaN}));
}

reporter::Options options_of(const phaseguard_options& given, const wire::Hello& hello) {
  reporter::Options options;
  options.attempt = given.attempt;
  options.endpoint = text_or_empty(given.endpoint);
  options.key_file = text_or_empty(given.key_file);
  if (given.knob != nullptr) {
    options.knob = given.knob;
  } else if (!hello.knobs.empty()) {
    options.knob = hello.knobs.front().name;
  }
  options.on_start = static_cast<reporter::OnStart>(given.on_start);
  options.profile =
      given.profile == PHASEGUARD_ENFORCE ? wire::Profile::kEnforce : wire::Profile::kWatch;
  options.start_wait_s = given.start_wait_s;
  options.journal_bytes = static_cast<std::size_t>(given.journal_bytes);
  return options;
}

int start(const phaseguard_options& given, std::string_view declaration,
          phaseguard_session** session) {
  auto run = phaseguard::RunId::parse(text_or_empty(given.run));
  if (!run) return failed(PHASEGUARD_INVALID, "options.run: " + run.error().message);
  if (given.on_start < PHASEGUARD_PROCEED || given.on_start > PHASEGUARD_REQUIRE) {
    return failed(PHASEGUARD_INVALID,
                  "options.on_start: expected 0 to 2, found " + std::to_string(given.on_start));
  }
  auto hello = wire::parse_declaration(declaration, *run);
  if (!hello) return failed(PHASEGUARD_INVALID, hello.error().message);
  hello->segments = true;  // phaseguard_outcome counts them
  auto lineage = phaseguard::from_base64(text_or_empty(given.lineage));
  if (!lineage) {
    return failed(PHASEGUARD_INVALID, "options.lineage: " + lineage.error().message +
                                          "; give what phaseguard_lineage gave, unchanged");
  }
  reporter::Options options = options_of(given, *hello);
  options.run = *run;
  options.lineage = std::move(*lineage);
  auto made = std::make_unique<phaseguard_session>();
  for (const wire::SignalDecl& signal : hello->signals) made->signals.push_back(signal.name);
  made->knob = options.knob;
  auto link = reporter::Reporter::start(std::move(options), std::move(*hello));
  if (!link) return failed(link.error());
  made->reporter = std::move(*link);
  *session = made.release();
  return PHASEGUARD_OK;
}

// Copies `text` as far as there is room.
int give_text(const std::string& text, char* to, std::size_t room, std::size_t* needed) {
  if (needed != nullptr) *needed = text.size() + 1;
  if (to == nullptr || room == 0) return PHASEGUARD_OK;
  const std::size_t size = std::min(text.size(), room - 1);
  std::memcpy(to, text.data(), size);
  to[size] = '\0';
  return PHASEGUARD_OK;
}

int type_of(const wire::Word<wire::RequestType>& type) {
  const auto known = type.known();
  return known ? static_cast<int>(*known) : PHASEGUARD_OTHER_REQUEST;
}

phaseguard_plan plan_of(phaseguard_session& session, std::int64_t step) {
  const reporter::Latched& latched = session.plan;
  session.plan_cause = latched.cause.text();
  session.plan_site.clear();
  for (const wire::KnobSetting& knob : latched.knobs) {
    if (knob.knob == session.knob) session.plan_site = knob.site.text();
  }
  phaseguard_plan plan{};
  plan.step = step;
  plan.value = latched.value;
  plan.items = latched.items.empty() ? nullptr : latched.items.data();
  plan.item_count = latched.items.size();
  plan.site = session.plan_site.c_str();
  plan.cause = session.plan_cause.c_str();
  plan.decision = latched.decision;
  plan.state_version = latched.state_version;
  plan.segment = session.segment;
  plan.source = static_cast<std::int32_t>(latched.source);
  plan.link = static_cast<std::int32_t>(session.reporter.state());
  plan.shadow = latched.shadow ? 1 : 0;
  plan.answered = latched.answered ? 1 : 0;
  plan.waited_s = session.waited_s;
  plan.knob_count = latched.knobs.size();
  return plan;
}

}  // namespace

namespace phaseguard::c {

int failed(int status, const std::string& what) noexcept {
  try {
    t_error = what;
  } catch (...) {
    t_error.clear();
  }
  return status;
}

int failed(const Error& error) noexcept { return failed(status_of(error.code), error.message); }

}  // namespace phaseguard::c

uint32_t phaseguard_abi(void) { return PHASEGUARD_ABI; }
const char* phaseguard_version(void) { return PHASEGUARD_VERSION; }
const char* phaseguard_last_error(void) { return t_error.c_str(); }

void phaseguard_options_init(phaseguard_options* options, size_t size) {
  if (options == nullptr) return;
  const reporter::Options defaults;
  const phaseguard_options ours{sizeof ours,
                                nullptr,
                                0,
                                nullptr,
                                nullptr,
                                nullptr,
                                PHASEGUARD_PROCEED,
                                PHASEGUARD_WATCH,
                                defaults.start_wait_s,
                                defaults.journal_bytes,
                                nullptr};
  options->size = size;
  (void)give(ours, options);
}

int phaseguard_start(const phaseguard_options* options, const char* declaration,
                     phaseguard_session** session) {
  if (session == nullptr) return failed(PHASEGUARD_INVALID, "expected a place for the session");
  *session = nullptr;
  if (options == nullptr || options->size < sizeof options->size || declaration == nullptr) {
    return failed(PHASEGUARD_INVALID, "expected options with their size and a declaration");
  }
  return guarded([&]() -> int {
    phaseguard_options all;
    phaseguard_options_init(&all, sizeof all);
    return start(taken(options, all), declaration, session);
  });
}

int phaseguard_signal(const phaseguard_session* session, const char* name) {
  if (session == nullptr || name == nullptr) return no_session();
  return guarded([&]() -> int {
    const auto& all = session->signals;
    const auto found = std::find(all.begin(), all.end(), name);
    if (found != all.end()) return static_cast<int>(found - all.begin());
    const std::string near = phaseguard::nearest(name, all);
    return failed(PHASEGUARD_INVALID, "signal " + phaseguard::quoted(name, 60) +
                                          " was not declared" +
                                          (near.empty() ? "" : "; did you mean \"" + near + "\"?"));
  });
}

int phaseguard_values(phaseguard_session* session, int64_t step, const int32_t* signals,
                      const double* values, size_t count) {
  if (session == nullptr || (count > 0 && (signals == nullptr || values == nullptr)))
    return no_session();
  reporter::SignalValue batch[reporter::kMaxStepValues];
  bool kept = true;
  for (std::size_t done = 0; done < count;) {
    const std::size_t n = std::min(count - done, reporter::kMaxStepValues);
    for (std::size_t i = 0; i < n; ++i) batch[i] = {signals[done + i], values[done + i]};
    kept = session->reporter.step_values(Step{step}, batch, n) && kept;
    done += n;
  }
  return kept ? PHASEGUARD_OK : PHASEGUARD_DROPPED;
}

int phaseguard_send(phaseguard_session* session, int64_t step, const phaseguard_report* report) {
  return guarded([&]() -> int {
    auto ours = checked(session, report);
    if (!ours) return failed(ours.error());
    return session->reporter.send(std::move(*ours), Step{step}) ? PHASEGUARD_OK
                                                                : PHASEGUARD_DROPPED;
  });
}

int phaseguard_decide(phaseguard_session* session, int64_t step, const phaseguard_report* report,
                      double max_wait_s) {
  return guarded([&]() -> int {
    auto ours = checked(session, report);
    if (!ours) return failed(ours.error());
    const auto begun = std::chrono::steady_clock::now();
    session->plan = session->reporter.decide(std::move(*ours), Step{step}, max_wait_s);
    session->decided = true;
    session->waited_s =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
    return PHASEGUARD_OK;
  });
}

int phaseguard_next_request(phaseguard_session* session, phaseguard_request* request) {
  if (session == nullptr) return no_session();
  return guarded([&]() -> int {
    if (session->requests.empty()) {
      for (wire::Request& one : session->reporter.take_requests())
        session->requests.push_back(std::move(one));
    }
    if (session->requests.empty()) return PHASEGUARD_NONE;
    session->request = std::move(session->requests.front());
    session->requests.pop_front();
    const wire::Request& one = session->request;
    const phaseguard_request ours{sizeof ours,       one.id, one.before_step.value, one.decision,
                                  type_of(one.type), 0,      one.reason.c_str()};
    return give(ours, request);
  });
}

int phaseguard_outcome(phaseguard_session* session, int64_t id, int32_t outcome, const char* detail,
                       int64_t restored_step) {
  if (session == nullptr) return no_session();
  if (outcome < PHASEGUARD_DONE || outcome > PHASEGUARD_REFUSED_REQUEST) {
    return failed(PHASEGUARD_INVALID, "outcome: expected 0 to 2, found " + std::to_string(outcome));
  }
  return guarded([&]() -> int {
    const bool rolled_back = outcome == PHASEGUARD_DONE && restored_step >= 0;
    session->outcomes.push_back({id, static_cast<wire::Outcome>(outcome), text_or_empty(detail),
                                 Step{rolled_back ? restored_step : -1}});
    if (rolled_back) ++session->segment;
    return PHASEGUARD_OK;
  });
}

int phaseguard_begin_step(phaseguard_session* session, int64_t step, phaseguard_plan* plan) {
  if (session == nullptr) return no_session();
  return guarded([&]() -> int {
    if (!session->decided) session->plan = session->reporter.lambda();
    if (!session->decided) session->waited_s = 0.0;
    session->decided = false;
    session->step = Step{step};
    session->reporter.applied(Step{step}, session->segment, std::exchange(session->outcomes, {}));
    return give(plan_of(*session, step), plan);
  });
}

int phaseguard_plan_knob(const phaseguard_session* session, size_t place, phaseguard_knob* knob) {
  if (session == nullptr) return no_session();
  return guarded([&]() -> int {
    const auto& knobs = session->plan.knobs;
    if (place >= knobs.size()) {
      return failed(PHASEGUARD_INVALID, "knob " + std::to_string(place) + ": expected less than " +
                                            std::to_string(knobs.size()));
    }
    const wire::KnobSetting& one = knobs[place];
    const phaseguard_knob ours{sizeof ours,
                               one.knob.c_str(),
                               one.value,
                               one.items.empty() ? nullptr : one.items.data(),
                               one.items.size(),
                               one.site.text().c_str(),
                               one.cause.text().c_str(),
                               one.decision};
    return give(ours, knob);
  });
}

int phaseguard_lineage(const phaseguard_session* session, int64_t step, char* text, size_t room,
                       size_t* needed) {
  if (session == nullptr) return no_session();
  return guarded([&]() -> int {
    const std::string bytes = session->reporter.lineage(Step{step}, session->segment);
    return give_text(phaseguard::base64(bytes), text, room, needed);  // the bytes hold zeros
  });
}

int phaseguard_link(const phaseguard_session* session) {
  return session == nullptr ? PHASEGUARD_LINK_OFF : static_cast<int>(session->reporter.state());
}

const char* phaseguard_link_name(int link) {
  if (link < PHASEGUARD_LINK_OFF || link > PHASEGUARD_LINK_REFUSED) return "unknown";
  return reporter::name_of(static_cast<reporter::LinkState>(link));
}

int phaseguard_refusal(const phaseguard_session* session, char* text, size_t room, size_t* needed) {
  if (session == nullptr) return no_session();
  return guarded(
      [&]() -> int { return give_text(session->reporter.refusal(), text, room, needed); });
}

int phaseguard_get_stats(const phaseguard_session* session, phaseguard_stats* stats) {
  if (session == nullptr) return no_session();
  return guarded([&]() -> int {
    const reporter::Stats s = session->reporter.stats();
    const phaseguard_stats ours{
        sizeof ours,    s.reports,         s.dropped_ring + s.dropped_journal + s.oversize,
        s.acknowledged, s.journaled,       s.controls,
        s.losses,       s.guard_decisions, s.errors};
    return give(ours, stats);
  });
}

void phaseguard_stop(phaseguard_session* session, const char* reason, double max_flush_s) {
  if (session == nullptr) return;
  const std::unique_ptr<phaseguard_session> owned(session);
  (void)guarded([&]() -> int {
    // Of a stop there is no later step that could say so.
    if (!owned->outcomes.empty())
      owned->reporter.applied(owned->step, owned->segment, std::exchange(owned->outcomes, {}));
    owned->reporter.stop(reason == nullptr ? "finished" : reason, max_flush_s);
    return PHASEGUARD_OK;
  });
}
