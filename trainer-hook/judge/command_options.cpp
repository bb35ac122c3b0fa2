#include "trainer-hook/judge/command_options.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "trainer-hook/judge/rubric.h"

namespace phaseguard::judge {

namespace {

Result<ApiKey> read_key(const EndpointWords& words) {
  if (!words.key_file.empty()) return ApiKey::from_file(words.key_file);
  if (!words.key_variable.empty()) return ApiKey::from_environment(words.key_variable);
  return ApiKey();
}

}  // namespace

Result<std::unique_ptr<EndpointSource>> open_endpoint(EndpointWords words) {
  auto address = parse_address(words.url, words.plain_http_host);
  if (!address) return tl::unexpected<Error>(address.error());
  auto key = read_key(words);
  if (!key) return tl::unexpected<Error>(key.error());
  words.options.address = std::move(*address);
  words.options.key = std::move(*key);
  return EndpointSource::open(std::move(words.options));
}

Result<void> check(const TableWords& words, const std::string& prefix) {
  const auto wrong = [](const std::string& what) { return fail(Errc::kInvalidArgument, what); };
  const bool endpoint = !words.endpoint.url.empty();
  if (endpoint && !words.scores.empty()) {
    return wrong(prefix + "scores and " + prefix + "endpoint exclude each other");
  }
  if (endpoint && words.endpoint.options.asking.model.empty()) {
    return wrong(prefix + "endpoint needs " + prefix + "model, the name of the judge's model");
  }
  if (endpoint && words.out.empty()) {
    return wrong(prefix + "endpoint needs " + prefix + "out, the file its scores are kept in");
  }
  if (!endpoint && !words.out.empty()) return wrong(prefix + "out needs " + prefix + "endpoint");
  return {};
}

Result<std::unique_ptr<TableSource>> open_table(
    const TableWords& words, const std::vector<TrainingSample>& samples,
    const std::function<void(const PrescoreProgress&)>& on_progress) {
  if (!words.scores.empty()) return TableSource::load(words.scores);
  auto source = open_endpoint(words.endpoint);
  if (!source) return tl::unexpected<Error>(source.error());
  PrescoreOptions options;
  options.out = words.out;
  options.judge = words.endpoint.options.asking.model;
  options.rubric = rubric_id();
  options.workers = words.workers;
  auto summary = prescore(**source, samples, options, on_progress);
  if (!summary) {
    return fail(summary.error().code, words.endpoint.url + ": " + summary.error().message);
  }
  if (summary->scored == 0) {
    return fail(Errc::kRefused, words.endpoint.url + ": the judge " + options.judge +
                                    " gave no score for any sample; " + summary->first_unscored);
  }
  return TableSource::load(words.out);
}

ProgressBar::ProgressBar() : terminal_(isatty(STDERR_FILENO) != 0) {}

ProgressBar::~ProgressBar() {
  if (shown_) std::fputc('\n', stderr);
}

void ProgressBar::show(const PrescoreProgress& progress) {
  using Clock = std::chrono::steady_clock;
  const auto now = Clock::now();
  const bool last = progress.done == progress.total;
  if (!terminal_ || (!last && now - drawn_ < std::chrono::milliseconds(100))) return;
  drawn_ = now;
  constexpr int kWidth = 30;
  const double share = static_cast<double>(progress.done) /
                       static_cast<double>(std::max<std::int64_t>(1, progress.total));
  const auto full = static_cast<std::size_t>(share * kWidth);
  const double spent = std::chrono::duration<double>(now - begun_).count();
  const double left = share > 0.0 ? spent * (1.0 - share) / share : 0.0;
  std::fprintf(stderr, "\r[%s%s] %lld of %lld, %lld unscored, %.0f s left \x1b[K",
               std::string(full, '#').c_str(), std::string(kWidth - full, '.').c_str(),
               static_cast<long long>(progress.done), static_cast<long long>(progress.total),
               static_cast<long long>(progress.unscored), left);
  shown_ = true;
}

}  // namespace phaseguard::judge
