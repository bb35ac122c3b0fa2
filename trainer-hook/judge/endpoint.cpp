#include "trainer-hook/judge/endpoint.h"

#include <httplib.h>
#include <signal.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <exception>
#include <utility>

#include "monitor/base/text.h"
#include "monitor/stats/random.h"

namespace phaseguard::judge {

namespace {

using Clock = std::chrono::steady_clock;

constexpr double kMostSeconds = 3600.0;
constexpr int kMostRetries = 20;

Clock::duration duration_of(double seconds) {
  return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

// Retry-After in seconds; -1 for none and for its form as a date, which would need a clock both
// sides agree on.
double retry_after(const std::string& text) {
  int seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole && seconds >= 0 ? seconds : -1.0;
}

// Keeps SIGPIPE from the thread that holds one: the HTTP library writes to sockets that may be
// closed already, and a judge that hangs up must not end the trainer.
class NoSigpipe {
 public:
  NoSigpipe() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    sigset_t pending;
    sigpending(&pending);
    was_pending_ = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~NoSigpipe() {
    const timespec now{0, 0};
    while (!was_pending_ && sigtimedwait(&pipe_, nullptr, &now) == SIGPIPE) {
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  NoSigpipe(const NoSigpipe&) = delete;
  NoSigpipe& operator=(const NoSigpipe&) = delete;

 private:
  sigset_t pipe_{}, before_{};
  bool was_pending_ = false;
};

Reply::End end_of(httplib::Error error) {
  switch (error) {
    case httplib::Error::Connection:
    case httplib::Error::BindIPAddress:
    case httplib::Error::SSLConnection:
    case httplib::Error::SSLLoadingCerts:
    case httplib::Error::SSLServerVerification:
    case httplib::Error::ConnectionTimeout:
      return Reply::End::kNoConnection;
    default:
      return Reply::End::kBroken;
  }
}

bool within(double value, double least, double most) { return value >= least && value <= most; }

Result<void> check(const EndpointOptions& o) {
  const auto wrong = [](const std::string& what) {
    return fail(Errc::kInvalidArgument, "judge endpoint: expected " + what);
  };
  if (o.asking.model.empty()) return wrong("the name of a model");
  if (!within(o.asking.temperature, 0.0, 0.1)) {
    return wrong("a temperature of 0 to 0.1, found " + number_text(o.asking.temperature));
  }
  if (o.asking.max_tokens < 8 || o.asking.max_tokens > 1 << 20) {
    return wrong("a reply of at least 8 tokens");
  }
  if (!within(o.timeout_s, 0.01, kMostSeconds) ||
      !within(o.connect_timeout_s, 0.01, kMostSeconds)) {
    return wrong("timeouts of 0.01 to 3600 s");
  }
  if (o.retries < 0 || o.retries > kMostRetries) return wrong("0 to 20 retries");
  if (!within(o.backoff_s, 0.0, kMostSeconds) || !within(o.backoff_max_s, 0.0, kMostSeconds)) {
    return wrong("a back-off of 0 to 3600 s");
  }
  if (o.max_body_bytes < 256) return wrong("room for a reply of at least 256 bytes");
  return {};
}

}  // namespace

double backoff_wait(const EndpointOptions& options, const Digest& sample, int attempt) {
  const auto mixed = [](std::uint64_t x) { return stats::SplitMix64(x).next(); };
  std::uint64_t word = mixed(options.seed) ^ static_cast<std::uint64_t>(attempt);
  for (std::uint8_t byte : sample) word = mixed(word ^ byte);
  const double factor = 0.5 + 0.5 * static_cast<double>(word >> 11) * 0x1.0p-53;
  const double bound = options.backoff_s * std::ldexp(1.0, std::min(attempt - 1, 60));
  return std::min(bound, options.backoff_max_s) * factor;
}

// One kept-alive connection. post() is called by one thread at a time; end() by the watcher, during
// it.
class EndpointSource::Connection {
 public:
  explicit Connection(const EndpointOptions& options)
      : client_(options.address.origin()), path_(options.address.path) {
    const auto micros = [](double s) {
      return std::chrono::duration_cast<std::chrono::microseconds>(duration_of(s));
    };
    client_.set_keep_alive(true);
    client_.set_follow_location(false);
    client_.set_tcp_nodelay(true);
    client_.set_connection_timeout(micros(std::min(options.connect_timeout_s, options.timeout_s)));
    client_.set_read_timeout(micros(options.timeout_s));
    client_.set_write_timeout(micros(options.timeout_s));
    if (!options.key.empty()) client_.set_bearer_token_auth(options.key.reveal());
  }

  Reply post(const std::string& body, std::size_t max_body_bytes) {
    Reply out;
    bool too_large = false;
    httplib::Request request;
    request.method = "POST";
    request.path = path_;
    request.body = body;
    request.headers = {{"Content-Type", "application/json"},
                       {"Accept", "application/json"},
                       {"Accept-Encoding", "identity"}};
    request.content_receiver = [&](const char* data, std::size_t size, std::uint64_t,
                                   std::uint64_t) {
      too_large = out.body.size() + size > max_body_bytes;
      if (!too_large) out.body.append(data, size);
      return !too_large;
    };
    const NoSigpipe guard;
    const httplib::Result result = client_.send(request);
    if (too_large) {
      out.end = Reply::End::kTooLarge;
      out.detail =
          "expected a reply of at most " + std::to_string(max_body_bytes) + " bytes, found more";
    } else if (!result) {
      out.end = end_of(result.error());
      out.detail = (out.end == Reply::End::kNoConnection ? "no connection: " : "broke off: ") +
                   httplib::to_string(result.error());
    } else {
      out.end = Reply::End::kComplete;
      out.status = result->status;
      out.retry_after_s = retry_after(result->get_header_value("Retry-After"));
    }
    return out;
  }

  void end() { client_.stop(); }

 private:
  httplib::Client client_;
  std::string path_;
};

Result<std::unique_ptr<EndpointSource>> EndpointSource::open(EndpointOptions options) {
  if (auto ok = check(options); !ok) return tl::unexpected<Error>(ok.error());
  auto out = std::unique_ptr<EndpointSource>(new EndpointSource(std::move(options)));
  if (!out->options_.cache.empty()) {
    auto cache = Cache::open(out->options_.cache);
    if (!cache) return tl::unexpected<Error>(cache.error());
    out->cache_ = std::make_unique<Cache>(std::move(*cache));
  }
  return out;
}

EndpointSource::EndpointSource(EndpointOptions options)
    : options_(std::move(options)), not_before_(Clock::now()), watcher_([this] { watch(); }) {}

EndpointSource::~EndpointSource() {
  EndpointSource::cancel();
  watcher_.join();
}

void EndpointSource::cancel() noexcept {
  const std::lock_guard<std::mutex> lock(mutex_);
  cancelled_ = true;
  woken_.notify_all();  // the watcher ends what is under way
}

EndpointStats EndpointSource::stats() const noexcept {
  EndpointStats out;
  out.requests = requests_;
  out.retries = retries_;
  if (cache_) {
    out.cache_hits = cache_->hits();
    out.cache_errors = cache_->errors();
  }
  return out;
}

SampleScore EndpointSource::score(const TrainingSample& sample) noexcept {
  try {
    return ask(sample);
  } catch (const std::exception& error) {
    return unscored(Outcome::kUnreachable, options_.key.redact(error.what()));
  }
}

SampleScore EndpointSource::ask(const TrainingSample& sample) {
  const Digest key = cache_key(options_.asking, sample);
  if (cache_) {
    if (const auto content = cache_->find(key)) {
      SampleScore known = read_content(*content);
      known.cached = true;
      if (known.scored()) return known;
    }
  }
  const std::string body = request_body(options_.asking, sample);
  const Digest hash = sample_hash(sample);
  Reading reading;
  int requests = 0;
  double wait_s = 0.0;
  do {
    if (!pause(wait_s)) {
      reading.score = unscored(Outcome::kNotReturned, "cancelled");
      break;
    }
    ++requests_;
    if (requests > 0) ++retries_;
    const Reply reply = exchange(body);
    ++requests;
    reading = read_reply(reply);
    wait_s = std::max(backoff_wait(options_, hash, requests),
                      std::min(reply.retry_after_s, options_.backoff_max_s));
    if (reply.status == 429 && reply.retry_after_s > 0.0) {
      const std::lock_guard<std::mutex> lock(mutex_);
      not_before_ = std::max(not_before_, Clock::now() + duration_of(wait_s));
    }
  } while (reading.again && requests <= options_.retries);
  reading.score.requests = requests;
  reading.score.why = options_.key.redact(reading.score.why);
  if (cache_ && reading.score.scored()) cache_->store(key, options_.asking.model, reading.content);
  return reading.score;
}

bool EndpointSource::pause(double seconds) {
  std::unique_lock<std::mutex> lock(mutex_);
  const Clock::time_point until = std::max(not_before_, Clock::now() + duration_of(seconds));
  woken_.wait_until(lock, until, [&] { return cancelled_; });
  return !cancelled_;
}

Reply EndpointSource::exchange(const std::string& body) {
  std::unique_ptr<Connection> connection;
  const Clock::time_point until = Clock::now() + duration_of(options_.timeout_s);
  std::multimap<Clock::time_point, Connection*>::iterator entry;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (cancelled_) return {Reply::End::kBroken, "cancelled", 0, "", -1.0};
    if (idle_.empty()) {
      connection = std::make_unique<Connection>(options_);
    } else {
      connection = std::move(idle_.back());
      idle_.pop_back();
    }
    entry = due_.emplace(until, connection.get());
    woken_.notify_all();
  }
  Reply reply = connection->post(body, options_.max_body_bytes);
  const std::lock_guard<std::mutex> lock(mutex_);
  due_.erase(entry);
  if (reply.end == Reply::End::kComplete) {
    idle_.push_back(std::move(connection));
  } else if (reply.end != Reply::End::kTooLarge && Clock::now() >= until) {
    reply.end = Reply::End::kTimeout;
    reply.detail = "no whole answer within " + number_text(options_.timeout_s) + " s";
  }
  return reply;
}

void EndpointSource::watch() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (!cancelled_ || !due_.empty()) {
    if (due_.empty()) {
      woken_.wait(lock);
      continue;
    }
    bool ended = false;
    for (const auto& [until, connection] : due_) {
      if (!cancelled_ && until > Clock::now()) break;
      connection->end();
      ended = true;
    }
    // Again soon: ending a connection that is only just being made has no effect.
    if (ended) {
      woken_.wait_for(lock, std::chrono::milliseconds(20));
    } else {
      const Clock::time_point next = due_.begin()->first;  // its entry may go while we wait
      woken_.wait_until(lock, next);
    }
  }
}

}  // namespace phaseguard::judge
