#include "trainer-hook/lab/loop/live_judge.h"

#include <utility>

#include "trainer-hook/judge/report.h"

namespace phaseguard::lab {

namespace {

Result<std::shared_ptr<judge::Source>> open_source(const JudgeWords& words) {
  if (!words.scores.empty() && !words.endpoint.url.empty()) {
    return fail(Errc::kInvalidArgument, "--judge-scores and --judge-endpoint exclude each other");
  }
  if (!words.scores.empty()) {
    auto table = judge::TableSource::load(words.scores);
    if (!table) return tl::unexpected<Error>(table.error());
    return std::shared_ptr<judge::Source>(std::move(*table));
  }
  auto endpoint = judge::open_endpoint(words.endpoint);
  if (!endpoint) return tl::unexpected<Error>(endpoint.error());
  return std::shared_ptr<judge::Source>(std::move(*endpoint));
}

}  // namespace

TrainingSample training_sample(const Example& example) {
  return {{{"user", text_of(example.prompt)}}, text_of(example.answer)};
}

Result<LiveJudge> LiveJudge::start(const JudgeWords& words) {
  auto source = open_source(words);
  if (!source) return tl::unexpected<Error>(source.error());
  const auto outage = judge::parse_outage(words.outage);
  if (!outage) return tl::unexpected<Error>(outage.error());
  judge::ServiceOptions options;
  options.workers = words.workers;
  options.outage = {*outage, words.hold_steps};
  auto service = judge::Service::start(std::move(*source), options);
  if (!service) return tl::unexpected<Error>(service.error());
  return LiveJudge(std::move(*service), words.wait_s);
}

std::vector<wire::Sample> LiveJudge::ask(Step step, std::int64_t segment, const TuneBatch& batch) {
  std::vector<TrainingSample> samples;
  for (const Example& example : batch.examples) samples.push_back(training_sample(example));
  segments_.push_back(segment);
  const auto id = static_cast<std::int64_t>(segments_.size());
  const std::int64_t ticket = service_.submit(step, id, std::move(samples));
  if (wait_s_ <= 0.0) return {};
  const auto result = service_.wait(ticket, wait_s_);
  return result ? count(*result) : std::vector<wire::Sample>();
}

std::vector<wire::Sample> LiveJudge::count(const judge::BatchResult& result) {
  ++reported_;
  bad_ += result.score.quality == Quality::kBad ? 1 : 0;
  held_ += result.score.held ? 1 : 0;
  last_risk_ = result.score.risk;
  return judge::to_samples(result.score);
}

void LiveJudge::report(hook::Hook& hook, std::int64_t segment) {
  while (const auto result = service_.take()) {
    if (segments_[static_cast<std::size_t>(result->batch - 1)] != segment) {
      ++undone_;
      continue;
    }
    hook.report_batch(result->step, count(*result), result->batch);
  }
}

std::string LiveJudge::text() const {
  const judge::ServiceStats stats = service_.stats();
  return "live judge: " + std::to_string(stats.batches) + " batches, " +
         std::to_string(stats.samples) + " samples asked, " + std::to_string(stats.unscored) +
         " of them unscored; " + std::to_string(reported_) + " batches reported, " +
         std::to_string(bad_) + " BAD, " + std::to_string(held_) + " held, " +
         std::to_string(undone_) + " of a segment rolled back, " + std::to_string(stats.dropped) +
         " not taken";
}

}  // namespace phaseguard::lab
