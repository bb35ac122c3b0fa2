#include "trainer-hook/reporter/reporter.h"

#include <algorithm>
#include <exception>
#include <random>
#include <utility>

#include "monitor/base/process.h"
#include "monitor/base/text.h"
#include "monitor/link/endpoint.h"
#include "monitor/wire/codec.h"
#include "monitor/wire/declaration.h"
#include "trainer-hook/reporter/core.h"
#include "trainer-hook/reporter/lineage.h"

namespace phaseguard::reporter {

namespace {

const Latched kNothing;

std::string random_token() {
  std::random_device device;
  std::string token;
  for (int i = 0; i < 4; ++i) {
    static const char* digits = "0123456789abcdef";
    for (std::uint32_t bits = device(), k = 0; k < 8; ++k, bits >>= 4) token += digits[bits & 15];
  }
  return token;
}

Result<void> check(const Options& options, const wire::Hello& hello, bool has_key) {
  if (options.run.empty()) {
    return fail(Errc::kInvalidArgument,
                "reporter options: expected a run id, found none; set Options::run");
  }
  if (const std::string fault = wire::contradiction_in(hello); !fault.empty())
    return fail(Errc::kInvalidArgument, "hello: " + fault);
  wire::Message message;
  message.header.run = options.run;
  message.body = hello;
  if (const Result<void> fit = wire::fits(wire::encode(message)); !fit)
    return fail(fit.error().code, "hello: " + fit.error().message + "; declare fewer signals");
  if (options.attempt < 0) {
    return fail(Errc::kInvalidArgument,
                "reporter options: expected an attempt from 1, or 0 to be given one, found " +
                    std::to_string(options.attempt));
  }
  if (!options.endpoint.empty()) {
    const auto endpoint = link::parse_endpoint(options.endpoint);
    auto opens = endpoint ? link::check_connect(*endpoint, has_key)
                          : Result<void>(tl::unexpected<Error>(endpoint.error()));
    if (!opens) return opens;
  }
  const bool found =
      hello.knobs.empty() ||  // a run that only measures declares no knob
      std::any_of(hello.knobs.begin(), hello.knobs.end(),
                  [&](const wire::KnobDecl& knob) { return knob.name == options.knob; });
  if (!found) {
    return fail(Errc::kInvalidArgument,
                "reporter options: knob " + quoted(options.knob) +
                    " is not declared; add it to Hello::knobs or set Options::knob");
  }
  return {};
}

}  // namespace

Result<Reporter> Reporter::start(Options options, wire::Hello hello) noexcept {
  try {
    auto key = keys::find_client_key(options.key_file, keys::Role::kTrainer);
    if (!key) return tl::unexpected<Error>(key.error());
    if (Result<void> valid = check(options, hello, key->has_value()); !valid)
      return tl::unexpected<Error>(valid.error());
    if (!options.lineage.empty()) {
      if (Result<void> resumed = resume_from(options.lineage, hello); !resumed)
        return tl::unexpected<Error>(resumed.error());
    }
    if (hello.session.empty()) hello.session = random_token();
    if (hello.process.empty()) hello.process = own_process();
    Reporter reporter(
        std::make_shared<Core>(std::move(options), std::move(hello), std::move(*key)));
    if (Result<void> up = reporter.core_->launch(); !up) return tl::unexpected<Error>(up.error());
    if (Result<void> linked = reporter.core_->await_link(); !linked) {
      reporter.stop("error", 0.0);
      return tl::unexpected<Error>(linked.error());
    }
    return reporter;
  } catch (const std::exception& error) {
    return fail(Errc::kIo, std::string("the reporter could not start: ") + error.what());
  }
}

Reporter::Reporter() noexcept = default;
Reporter::Reporter(std::shared_ptr<Core> core) noexcept : core_(std::move(core)) {}
Reporter::Reporter(Reporter&&) noexcept = default;

Reporter& Reporter::operator=(Reporter&& other) noexcept {
  if (this != &other) {
    release();
    core_ = std::move(other.core_);
  }
  return *this;
}

Reporter::~Reporter() { release(); }

void Reporter::release() noexcept {
  if (!core_) return;
  if (live()) {
    stop("interrupted", 0.5);
    core_.reset();
    return;
  }
  // A forked child: the thread and the socket are the parent's, and none of their destructors may
  // run here.
  // What is built in this place is never destroyed.
  alignas(std::shared_ptr<Core>) static unsigned char kept[sizeof(std::shared_ptr<Core>)];
  new (kept) std::shared_ptr<Core>(std::move(core_));
}

Core* Reporter::live() const noexcept {
  return core_ && core_->born_in() == fork_generation() ? core_.get() : nullptr;
}

bool Reporter::step_values(Step step, const SignalValue* values, std::size_t count) noexcept {
  Core* core = live();
  return core && core->push_values(step, values, count);
}

bool Reporter::send(wire::Report report, Step step) noexcept {
  Core* core = live();
  if (!core) return false;
  report.wants_control = false;
  return core->push_report(std::move(report), step);
}

const Latched& Reporter::lambda() noexcept {
  if (Core* core = live()) return core->read();
  return core_ ? core_->held() : kNothing;
}

const Latched& Reporter::decide(wire::Report report, Step step, double max_wait_s) noexcept {
  Core* core = live();
  if (!core) return core_ ? core_->held() : kNothing;
  try {
    return core->decide(std::move(report), step, max_wait_s);
  } catch (const std::exception&) {
    return core->read();
  }
}

std::vector<wire::Request> Reporter::take_requests() noexcept {
  Core* core = live();
  return core ? core->take_requests() : std::vector<wire::Request>{};
}

std::string Reporter::lineage(Step step, std::int64_t segment) const noexcept {
  const Core* core = live();
  try {
    return core ? core->lineage(step, segment) : std::string{};
  } catch (const std::exception&) {
    return {};
  }
}

void Reporter::applied(Step step, std::int64_t segment,
                       std::vector<wire::RequestOutcome> outcomes) noexcept {
  Core* core = live();
  if (!core) return;
  try {
    core->push_applied(step, segment, std::move(outcomes));
  } catch (const std::exception&) {
    // Out of memory for a copy of a few names: the next call says the same again.
  }
}

void Reporter::stop(const std::string& reason, double max_flush_s) noexcept {
  Core* core = live();
  if (!core) return;
  try {
    core->stop(reason, max_flush_s);
  } catch (const std::exception&) {
    // Joining failed: the thread keeps its own reference to what it uses.
  }
}

LinkState Reporter::state() const noexcept {
  const Core* core = live();
  return core ? core->state() : LinkState::kOff;
}

Stats Reporter::stats() const noexcept {
  const Core* core = live();
  return core ? core->stats() : Stats{};
}

std::string Reporter::refusal() const noexcept {
  const Core* core = live();
  try {
    return core ? core->refusal() : std::string{};
  } catch (const std::exception&) {
    return {};
  }
}

}  // namespace phaseguard::reporter
