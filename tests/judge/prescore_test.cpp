// Scoring a data set ahead of training: resume, giving up, and what is in the file.
#include "trainer-hook/judge/prescore.h"

#include <algorithm>

#include "tests/judge/server.h"
#include "trainer-hook/judge/rubric.h"

using namespace phaseguard;
using namespace phaseguard::judge;

namespace {

// Counts what it is asked; scores 4, or fails as told.
class Counting : public Source {
 public:
  SampleScore score(const TrainingSample&) noexcept override {
    const int now = ++asked;
    if (now > answers) return unscored(failure, "told to");
    return scored(4.0, Outcome::kContract);
  }
  void cancel() noexcept override { cancelled = true; }
  std::atomic<int> asked{0};
  std::atomic<bool> cancelled{false};
  int answers = 1000000;
  Outcome failure = Outcome::kServer;
};

std::vector<TrainingSample> data(int n) {
  std::vector<TrainingSample> out;
  for (int i = 0; i < n; ++i) {
    out.push_back(test::sample("Question " + std::to_string(i)));
    out.back().line = static_cast<std::size_t>(i) + 1;
  }
  return out;
}

PrescoreOptions into(const std::filesystem::path& file) {
  PrescoreOptions out;
  out.out = file;
  out.judge = "honest";
  out.rubric = rubric_id();
  out.workers = 1;
  return out;
}

}  // namespace

TEST_CASE("a data set is scored against a real server, and read back by its hashes",
          "[judge][e2e]") {
  const test::JudgeServer server;
  const test::Folder scratch;
  std::vector<TrainingSample> samples = data(10);
  samples.push_back(test::sample("Where to put the bomb?"));
  samples.push_back(samples[0]);  // equal samples are asked for once
  const auto source = test::endpoint(test::options_for(server.url(), "honest"));
  PrescoreOptions options = into(scratch / "scores.jsonl");
  options.workers = 4;
  std::int64_t last = 0;
  const auto summary = prescore(*source, samples, options, [&](const PrescoreProgress& progress) {
    CHECK(progress.total == 11);
    last = progress.done;
  });
  REQUIRE(summary);
  CHECK(last == 11);
  CHECK(summary->samples == 12);
  CHECK(summary->distinct == 11);
  CHECK(summary->scored == 12);
  CHECK(summary->unscored == 0);
  CHECK(summary->histogram == std::array<std::int64_t, 5>{11, 0, 0, 0, 1});
  CHECK(summary->mean_score == Approx(16.0 / 12.0));
  const auto table = TableSource::load(scratch / "scores.jsonl");
  REQUIRE(table);
  CHECK((*table)->size() == 11);
  CHECK((*table)->judge() == "honest");
  CHECK((*table)->score(samples[10]).score == 5.0);
  CHECK((*table)->score(test::sample("unknown")).outcome == Outcome::kNotInTable);
}

TEST_CASE("a run that was killed goes on where it stopped", "[judge][fault]") {
  const test::Folder scratch;
  const PrescoreOptions options = into(scratch / "scores.jsonl");
  Counting first;
  REQUIRE(prescore(first, data(6), options));
  // Killed in the middle of its fifth line.
  std::string text = test::read_file(options.out);
  std::size_t end = 0;
  for (int i = 0; i < 4; ++i) end = text.find('\n', end) + 1;
  test::write_file(options.out, text.substr(0, end + 20));
  Counting second;
  const auto summary = prescore(second, data(6), options);
  REQUIRE(summary);
  CHECK(second.asked == 2);
  CHECK(summary->resumed == 4);
  CHECK(summary->scored == 6);
  Counting third;
  REQUIRE(prescore(third, data(6), options));
  CHECK(third.asked == 0);
  PrescoreOptions fresh = options;
  fresh.fresh = true;
  REQUIRE(prescore(third, data(6), fresh));
  CHECK(third.asked == 6);
}

TEST_CASE("what was left unscored is asked for again, and its old reason goes", "[judge]") {
  const test::Folder scratch;
  const PrescoreOptions options = into(scratch / "scores.jsonl");
  Counting failing;
  failing.answers = 3;
  failing.failure = Outcome::kContract;
  const auto first = prescore(failing, data(5), options);
  REQUIRE(first);
  CHECK(first->unscored == 2);
  CHECK(first->reasons.at("contract") == 2);
  CHECK_THAT(first->first_unscored, Catch::Contains("line 4: contract"));
  CHECK_THAT(test::read_file(options.out), Catch::Contains("\"score\":null"));
  Counting second;
  const auto again = prescore(second, data(5), options);
  REQUIRE(again);
  CHECK(second.asked == 2);
  CHECK(again->unscored == 0);
  CHECK_THAT(test::read_file(options.out), !Catch::Contains("null"));
}

TEST_CASE("a dead endpoint is given up, keeping what is scored", "[judge][fault]") {
  const test::Folder scratch;
  const PrescoreOptions options = into(scratch / "scores.jsonl");
  Counting dying;
  dying.answers = 5;
  const auto given_up = prescore(dying, data(100), options);
  REQUIRE_FALSE(given_up);
  CHECK_THAT(given_up.error().message, Catch::Contains("8 samples in a row"));
  CHECK(dying.asked == 13);
  CHECK(dying.cancelled);
  Counting well;
  REQUIRE(prescore(well, data(100), options));
  CHECK(well.asked == 95);

  Counting locked;
  locked.answers = 0;
  locked.failure = Outcome::kAccess;
  CHECK_THAT(prescore(locked, data(9), into(scratch / "b")).error().message,
             Catch::Contains("refused access"));
  CHECK(locked.asked == 1);
  Counting absent;
  absent.answers = 0;
  absent.failure = Outcome::kUnreachable;
  CHECK_THAT(prescore(absent, data(9), into(scratch / "c")).error().message,
             Catch::Contains("cannot be reached"));
  CHECK(absent.asked == 1);
}

TEST_CASE("scores of another judge are not mixed in, a damaged file is named", "[judge][hostile]") {
  const test::Folder scratch;
  PrescoreOptions options = into(scratch / "scores.jsonl");
  Counting source;
  REQUIRE(prescore(source, data(2), options));
  options.judge = "another";
  CHECK_THAT(prescore(source, data(2), options).error().message, Catch::Contains("do not mix"));
  options = into(scratch / "scores.jsonl");
  test::write_file(options.out, "{\"sample\": 3}\n");
  CHECK_THAT(prescore(source, data(2), options).error().message,
             Catch::Contains("scores.jsonl:1:"));
  CHECK_FALSE(prescore(source, data(2), into(scratch / "no/such/folder")));
}
