#include "monitor/dashboard/source/mailbox.h"

#include <variant>

namespace phaseguard::dashboard {
namespace {

constexpr std::size_t kMessageWork = 3;    // beside its values
constexpr std::size_t kDecisionWork = 20;  // of anything that is no report, and may be large

// Moves messages from `at` on until their work fills the helping.
void fill(std::vector<wire::Message>& from, std::size_t& at, std::vector<wire::Message>& to,
          std::size_t& work) {
  for (; at < from.size() && work < kHelping; ++at) {
    work += work_of(from[at]);
    to.push_back(std::move(from[at]));
  }
}

}  // namespace

std::size_t work_of(const wire::Message& message) {
  const auto* report = std::get_if<wire::Report>(&message.body);
  if (report == nullptr) return kDecisionWork;
  std::size_t work = kMessageWork;
  for (const wire::Sample& sample : report->samples) work += 1 + sample.items.size();
  return work;
}

bool Mailbox::put(Batch batch) {
  std::vector<Batch> helpings;
  std::size_t message = 0;
  std::size_t recalled = 0;
  do {
    Batch part{batch.source, {}, {}, false};
    std::size_t work = 0;
    fill(batch.messages, message, part.messages, work);
    fill(batch.recalled, recalled, part.recalled, work);
    part.source.loading = true;
    helpings.push_back(std::move(part));
  } while (message < batch.messages.size() || recalled < batch.recalled.size());
  helpings.back().source.loading = batch.source.loading;
  helpings.front().whole = std::move(batch.whole);
  helpings.back().recall_done = batch.recall_done;
  helpings.back().borrows = std::move(batch.borrows);
  const std::lock_guard lock(mutex_);
  const bool was_empty = batches_.empty();
  for (Batch& part : helpings) batches_.push_back(std::move(part));
  return was_empty;
}

std::vector<Batch> Mailbox::take() {
  std::vector<Batch> out;
  {
    const std::lock_guard lock(mutex_);
    std::size_t messages = 0;
    while (!batches_.empty() && messages == 0) {
      messages = batches_.front().messages.size() + batches_.front().recalled.size();
      out.push_back(std::move(batches_.front()));
      batches_.pop_front();
    }
  }
  taken_.notify_one();
  return out;
}

}  // namespace phaseguard::dashboard
