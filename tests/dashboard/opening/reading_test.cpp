// A long record comes in helpings, the first of them soon, and the window says how far it is.
#include <cmath>
#include <stop_token>

#include "monitor/dashboard/model/describe.h"
#include "monitor/dashboard/source/mailbox.h"
#include "monitor/dashboard/source/source.h"
#include "monitor/store/writer.h"
#include "tests/dashboard/headless.h"
#include "tests/support/catch.h"
#include "tests/support/folder.h"

using namespace phaseguard;
using namespace phaseguard::dashboard;

namespace {

constexpr std::int64_t kSteps = 9000;

wire::Message report(std::int64_t step, std::size_t values = 1) {
  wire::Message m;
  m.header.run = *RunId::parse("long");
  m.header.attempt = 1;
  m.header.seq = Seq{step + 1};
  m.header.step = Step{step};
  m.header.t = 1.76e9 + static_cast<double>(step);
  wire::Report body;
  for (std::size_t i = 0; i < values; ++i) {
    wire::Sample sample;
    sample.signal = "train/" + std::to_string(i);
    sample.value = std::sin(static_cast<double>(step));
    body.samples.push_back(sample);
  }
  m.body = body;
  return m;
}

std::filesystem::path long_run(const test::Folder& folder) {
  const std::filesystem::path path = folder / "long.phaseguard";
  auto writer = store::Writer::create_or_open(path, *RunId::parse("long"), Now{1.0, Nanos{1}});
  REQUIRE(writer);
  for (std::int64_t step = 0; step < kSteps; ++step) REQUIRE(writer->append(report(step)));
  return path;
}

// One helping, as soon as there is one.
std::vector<Batch> next_of(Source& source) {
  std::vector<Batch> batches;
  while (batches.empty()) batches = source.take();
  return batches;
}

std::size_t work_of(const Batch& batch) {
  std::size_t work = 0;
  for (const wire::Message& message : batch.messages) work += dashboard::work_of(message);
  for (const wire::Message& message : batch.recalled) work += dashboard::work_of(message);
  return work;
}

}  // namespace

TEST_CASE("a file is read in helpings, and the bar grows until all is there", "[gui][opening]") {
  const test::Folder folder;
  auto source = open_files(long_run(folder), {});
  REQUIRE(source);
  Model model("ann", "s");
  View view;
  test::Headless gui;
  std::vector<float> widths;
  std::vector<std::string> texts;
  while (model.source().loading) {
    for (const Batch& batch : next_of(**source)) {
      CHECK(work_of(batch) <= kHelping + 10);
      model.apply(batch, Now{});
    }
    const std::string text = reading_text(model.source());
    if (!texts.empty() && texts.back() == text) continue;
    texts.push_back(text);
    gui.frame(model, view);
    const auto bar = view.controls.find("reading");
    CHECK((bar != view.controls.end()) == model.source().loading);
    if (bar != view.controls.end()) widths.push_back(bar->second.hi.x - bar->second.lo.x);
  }
  REQUIRE(texts.size() >= 5);
  // Seen when nothing has come yet, which is a matter of time.
  if (texts.front() == "reading 0 %: 0 of 9000 messages") texts.erase(texts.begin());
  CHECK(texts.front() == "reading 2 %: 200 of 9000 messages");  // a small part first
  CHECK(texts.back().empty());
  for (std::size_t i = 1; i < widths.size(); ++i) CHECK(widths[i] > widths[i - 1]);
  CHECK(widths.back() <= 1600.0F);
  const run::RunState* state = model.shown();
  REQUIRE(state != nullptr);
  CHECK(state->last_seq == Seq{kSteps});
  CHECK(state->skipped == 0);
  CHECK(state->duplicates == 0);
}

TEST_CASE("a record is read again in helpings too", "[opening]") {
  const test::Folder folder;
  auto source = open_files(long_run(folder), {});
  REQUIRE(source);
  bool loading = true;
  while (loading) loading = next_of(**source).back().source.loading;
  (*source)->recall(*RunId::parse("long"));
  std::int64_t next = 1;
  for (bool done = false; !done;) {
    for (const Batch& batch : next_of(**source)) {
      CHECK(work_of(batch) <= kHelping + 10);
      for (const wire::Message& message : batch.recalled)
        REQUIRE(message.header.seq == Seq{next++});
      done = batch.recall_done;
    }
  }
  CHECK(next == kSteps + 1);
}

TEST_CASE("a mailbox cuts what is put into it, keeps its order, and ends as it was told",
          "[opening]") {
  Mailbox mailbox;
  Batch batch;
  batch.source.loading = false;
  batch.recall_done = true;
  for (std::int64_t i = 0; i < 500; ++i) batch.messages.push_back(report(i, 20));
  for (std::int64_t i = 0; i < 500; ++i) batch.recalled.push_back(report(i, 20));
  CHECK(mailbox.put(batch));
  CHECK_FALSE(mailbox.put({}));  // somebody has been woken for what is there
  std::int64_t messages = 0;
  std::int64_t recalled = 0;
  std::size_t taken = 0;
  while (messages + recalled < 1000) {
    const auto parts = mailbox.take();
    REQUIRE(parts.size() == 1);
    ++taken;
    for (const auto& m : parts[0].messages) CHECK(m.header.seq == Seq{++messages});
    for (const auto& m : parts[0].recalled) CHECK(m.header.seq == Seq{++recalled});
    const bool last = messages + recalled == 1000;
    CHECK(parts[0].source.loading != last);
    CHECK(parts[0].recall_done == last);
    CHECK(work_of(parts[0]) <= kHelping + 30);
  }
  CHECK(taken > 20);
  CHECK(mailbox.take().size() == 1);
  CHECK(mailbox.take().empty());
  CHECK(mailbox.put({}));
}

TEST_CASE("who reads waits for room, and ends when it is told to", "[opening]") {
  Mailbox mailbox;
  std::stop_source stop;
  mailbox.wait_for_room(stop.get_token());  // there is
  for (int i = 0; i < 20; ++i) (void)mailbox.put({{}, {report(i)}, {}, false});
  stop.request_stop();
  mailbox.wait_for_room(stop.get_token());  // there is none, and nobody waits
  CHECK(mailbox.take().size() == 1);
}
