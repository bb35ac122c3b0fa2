// What is kept of a RunState is all of it: put down at any place of a record and taken up again,
// the fold goes on as if nothing had been. Bytes that are not such an image do no harm.
#include "monitor/run/image/image.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "monitor/base/sha256.h"
#include "tests/run/story.h"
#include "tests/support/catch.h"
#include "tests/wire/samples.h"

using namespace phaseguard;
using namespace phaseguard::run;

namespace {

class TextSink final : public ByteSink {
 public:
  void put(const void* bytes, std::size_t n) override {
    text.append(static_cast<const char*>(bytes), n);
  }
  std::string text;
};

class TextSource final : public ByteSource {
 public:
  explicit TextSource(std::string_view text) : left(text) {}
  bool take(void* bytes, std::size_t n) override {
    if (n > left.size()) return false;
    if (n > 0) std::memcpy(bytes, left.data(), n);
    left.remove_prefix(n);
    return true;
  }
  std::string_view left;
};

std::string image_of(const RunState& state) {
  TextSink sink;
  put_image(state, sink);
  return sink.text;
}

// Every kind of message with every field set, steps that fall, ties, values that are bad.
std::vector<wire::Message> record() {
  test::Story story;
  story.add(0, test::hello());
  for (const auto& samples : {wire::samples(), wire::samples_of_1_1(), wire::samples_of_held(),
                              wire::samples_of_parts()}) {
    for (const wire::Message& sample : samples) {
      if (!std::holds_alternative<wire::Status>(sample.body)) {
        story.add(sample.header.step.value, sample.body, sample.header.attempt);
      }
    }
  }
  for (std::int64_t step = 0; step < 700; ++step) {
    const bool bad = step % 97 == 3;
    const double value = bad ? wire::kNaN : std::ldexp(static_cast<double>(step * 37 % 101), -7);
    wire::Sample js{"canary/js", value, step % 113 == 5, {0.1, value}};
    wire::Sample own{"own/signal", -value, false, {}};
    story.add(step < 400 ? step / 2 : step - 250,
              test::report(wire::Report::Origin::kCanary, {js, own}), 2);
    if (step % 200 == 150) story.add(step, test::hello(step), 3 + step / 200);
  }
  return story.messages;
}

RunState folded(const std::vector<wire::Message>& messages, std::size_t n) {
  RunState state;
  for (std::size_t i = 0; i < n; ++i) fold(state, messages[i]);
  return state;
}

RunState taken(const std::string& image, bool* is_whole = nullptr) {
  RunState state;
  state.run = *RunId::parse("story");
  TextSource source(image);
  const bool ok = take_image(source, state) && source.left.empty();
  if (is_whole != nullptr) *is_whole = ok;
  if (is_whole == nullptr) REQUIRE(ok);
  return state;
}

bool same(double a, double b) { return std::memcmp(&a, &b, sizeof a) == 0; }

bool same(const Extent& a, const Extent& b) {
  return same(a.lo, b.lo) && same(a.hi, b.hi) && a.good == b.good && a.gaps == b.gaps;
}

void check_same(const Series& a, const Series& b, std::mt19937& random) {
  REQUIRE(a.size() == b.size());
  bool all = a.gaps() == b.gaps() && a.first_step() == b.first_step() &&
             a.last_step() == b.last_step() && a.stretches().size() == b.stretches().size();
  for (std::size_t i = 0; i < a.size(); ++i) {
    all = all && a.step_at(i) == b.step_at(i) && same(a.t_at(i), b.t_at(i)) &&
          same(a.value_at(i), b.value_at(i)) && a.quality_at(i) == b.quality_at(i) &&
          same(a.x_near(i, By::kTime), b.x_near(i, By::kTime)) &&
          same(a.x_near(i, By::kStep), b.x_near(i, By::kStep));
  }
  for (std::size_t i = 0; all && i < a.stretches().size(); ++i) {
    all = a.stretches()[i].first == b.stretches()[i].first &&
          a.stretches()[i].last == b.stretches()[i].last;
  }
  for (int i = 0; all && i < 200; ++i) {
    const std::size_t first = random() % (a.size() + 1);
    const std::size_t last = first + random() % (a.size() + 1 - first);
    const Beyond x = a.beyond(first, last, -0.2, 0.3, 50);
    const Beyond y = b.beyond(first, last, -0.2, 0.3, 50);
    all = same(a.extent(first, last), b.extent(first, last)) && x.below == y.below &&
          x.above == y.above && x.all == y.all;
  }
  CHECK(all);
}

// As the dashboard would look at it and go on with it: no answer is asked for, but no harm done.
void look_at(RunState& state) {
  for (auto& [name, signal] : state.signals) {
    const Series& series = signal.series;
    for (const std::size_t gap : series.gaps()) (void)series.quality_at(gap);
    (void)series.extent(0, series.size());
    (void)series.beyond(0, series.size(), 0.0, 0.1, 100);
    for (const Stretch& stretch : series.stretches()) {
      (void)series.columns(stretch, 0.0, 500.0, 40);
    }
  }
  test::Story story;
  story.messages.resize(
      static_cast<std::size_t>(std::clamp<std::int64_t>(state.last_seq.value, 0, 5000)));
  fold(state,
       story.add(900, test::report(wire::Report::Origin::kStep, {{"canary/js", 0.1, false, {}}}),
                 9));
  fold(state, story.add(901, test::hello(901), 10));
}

}  // namespace

TEST_CASE("a fold goes on from an image as if nothing had been, at every place", "[image]") {
  const std::vector<wire::Message> messages = record();
  const std::string end = image_of(folded(messages, messages.size()));
  for (std::size_t n = 0; n <= messages.size(); n += n < 80 ? 1 : 41) {
    const RunState before = folded(messages, n);
    RunState state = taken(image_of(before));
    CHECK(image_of(state) == image_of(before));
    for (std::size_t i = n; i < messages.size(); ++i) fold(state, messages[i]);
    REQUIRE(image_of(state) == end);
  }
}

TEST_CASE("what plots ask is answered the same, point by point and range by range", "[image]") {
  std::mt19937 random(7);
  const std::vector<wire::Message> messages = record();
  const RunState a = folded(messages, messages.size());
  const RunState b = taken(image_of(a));
  REQUIRE(a.signals.size() == b.signals.size());
  REQUIRE(a.knobs.size() == b.knobs.size());
  REQUIRE(a.derived.size() == b.derived.size());
  for (const auto& [name, signal] : a.signals) {
    check_same(signal.series, b.signals.at(name).series, random);
  }
  for (const auto& [name, knob] : a.knobs) {
    check_same(knob.decided, b.knobs.at(name).decided, random);
    check_same(knob.applied, b.knobs.at(name).applied, random);
  }
}

TEST_CASE("series of every length come back, and grow on", "[image]") {
  std::mt19937 random(11);
  for (const std::size_t n : {0U, 1U, 4U, 15U, 16U, 64U, 65U, 255U, 256U, 257U, 1024U, 1025U, 4096U,
                              4097U, 65'536U, 70'001U}) {
    CAPTURE(n);
    const auto append = [](Series& series, std::size_t i) {
      const auto step = static_cast<std::int64_t>(i % 30'000 / 3);
      series.append(Step{step}, 1e9 + 0.37 * static_cast<double>(i),
                    std::sin(static_cast<double>(i)),
                    i % 311 == 7   ? Quality::kMissing
                    : i % 501 == 9 ? Quality::kBad
                                   : Quality::kGood);
    };
    Series a;
    for (std::size_t i = 0; i < n; ++i) append(a, i);
    TextSink sink;
    a.put(sink);
    TextSource source(sink.text);
    Series b;
    REQUIRE(b.take(source));
    CHECK(source.left.empty());
    check_same(a, b, random);
    for (std::size_t i = n; i < n + 2000; ++i) {
      append(a, i);
      append(b, i);
    }
    check_same(a, b, random);
  }
}

TEST_CASE("an image that is cut short is none", "[image]") {
  const std::vector<wire::Message> messages = record();
  const std::string image = image_of(folded(messages, messages.size()));
  for (std::size_t n = 0; n < image.size(); n += n < 2000 ? 1 : 997) {
    bool is_whole = true;
    (void)taken(image.substr(0, n), &is_whole);
    REQUIRE_FALSE(is_whole);
  }
}

TEST_CASE("bytes that are no image do no harm, and take no memory for what is not there",
          "[image]") {
  const std::vector<wire::Message> messages = record();
  const std::string image = image_of(folded(messages, messages.size()));
  std::mt19937 random(13);
  int accepted = 0;
  for (int round = 0; round < 1500; ++round) {
    std::string other = image;
    for (int i = 0; i < 1 + round % 4; ++i) {
      // The first bytes hold the counts and lengths of most lists.
      const std::size_t range =
          round % 2 == 0 ? std::min<std::size_t>(image.size(), 6000) : image.size();
      other[random() % range] = static_cast<char>(random());
    }
    bool is_whole = false;
    RunState state = taken(other, &is_whole);
    if (!is_whole) continue;
    ++accepted;
    look_at(state);
  }
  CHECK(accepted > 100);  // a number of a value may be any
  std::string lie(8, '\xff');
  Series series;
  TextSource source(lie + std::string(64, '\0'));
  CHECK_FALSE(series.take(source));
}

TEST_CASE("the fold makes of these messages what it made when images were last looked at",
          "[image]") {
  // If this fails, the fold or its fields have changed: raise kImageVersion, so that views that
  // were kept before are made anew, and put the new digest here.
  const std::vector<wire::Message> messages = record();
  CHECK(hex(sha256(image_of(folded(messages, messages.size())))) ==
        "08391ef4c2b1e0e35fd01bcffcafad23b06d5813165554a91233ed3da476baf1");
  CHECK(kImageVersion == 1);
}
