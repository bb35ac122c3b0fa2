#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <random>
#include <stop_token>
#include <thread>

#include "monitor/dashboard/source/mailbox.h"
#include "monitor/dashboard/source/source.h"
#include "monitor/link/client.h"
#include "monitor/run/liveness.h"
#include "monitor/wire/codec.h"

namespace phaseguard::dashboard {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr auto kHandOver = milliseconds(40);
constexpr auto kAsk = milliseconds(1000);     // a question without an answer is asked again
constexpr auto kConnect = milliseconds(200);  // given to a connection before the next question
constexpr auto kRetryKey =
    milliseconds(5000);  // how often a daemon that refused the key is tried again
constexpr std::int64_t kPage = 2000;
constexpr std::size_t kMostHeld = 50000;  // messages of the feed kept while a history is fetched

// Where we stand with one run: everything up to `have` was handed over.
struct Progress {
  std::optional<wire::Message> status;  // newest one; waits for the record it sums up
  Seq have;
  Seq known;                                   // highest seq the daemon told us of
  std::map<std::int64_t, wire::Message> held;  // came by the feed ahead of a hole
};

class Live final : public Source {
 public:
  Live(link::DealerClient dealer, link::SubscriberClient feed, std::string place, Wake wake)
      : dealer_(std::move(dealer)), feed_(std::move(feed)), wake_(std::move(wake)) {
    state_.live = true;
    state_.place = std::move(place);
    mailbox_.put({state_, {}, {}, false});  // what it is, before anything has come
    thread_ = std::jthread([this](const std::stop_token& stop) { receive(stop); });
  }
  std::vector<Batch> take() override { return mailbox_.take(); }
  void send(std::vector<wire::Message> commands) override { mailbox_.order(std::move(commands)); }
  void recall(const RunId& run) override { mailbox_.want(run); }

 private:
  void receive(const std::stop_token& stop) {
    heard_ = started_ = Clock::now();
    while (!stop.stop_requested()) {
      feed_.wait(-1, 20);
      while (auto frame = feed_.receive(0)) on_feed(frame->bytes);
      while (auto frame = dealer_.receive(0)) on_reply(*frame);
      look_at_door();
      for (const wire::Message& command : mailbox_.orders())
        unsent_.push_back(wire::encode(command));
      send_commands();
      if (auto run = mailbox_.wanted()) {
        recall_ = std::move(run);
        recall_from_ = Seq{1};
      }
      ask();
      hand_over();
    }
    dealer_.close(100);
  }

  // A key that was refused may be granted yet; libzmq itself does not try it again.
  void look_at_door() {
    const auto now = Clock::now();
    if (now < next_look_) return;
    next_look_ = now + kRetryKey;
    const auto failure = dealer_.handshake_failure();
    if (!failure) return;
    state_.problem = failure->why;
    if (!failure->is_refused) return;
    dealer_.reopen();
    feed_.reopen();
  }

  void send_commands() {
    while (!unsent_.empty() && dealer_.send(unsent_.front())) unsent_.erase(unsent_.begin());
  }

  void on_feed(const std::string& bytes) {
    auto message = wire::decode(bytes, wire::kFeedLimits);
    if (!message) {
      note_unreadable(message.error());
      return;
    }
    heard_ = Clock::now();
    take_in(std::move(*message));
  }

  void take_in(wire::Message message) {
    Progress& progress = runs_[message.header.run];
    if (const auto* status = std::get_if<wire::Status>(&message.body)) {
      progress.known = std::max(progress.known, status->last_seq);
      progress.status = std::move(message);
      return;
    }
    const Seq seq = message.header.seq;
    if (seq <= progress.have) return;
    progress.known = std::max(progress.known, seq);
    if (seq.value > progress.have.value + 1) {  // a hole: keep it until the history fills it
      if (progress.held.size() < kMostHeld) progress.held.emplace(seq.value, std::move(message));
      return;
    }
    progress.have = seq;
    batch_.push_back(std::move(message));
    for (auto next = progress.held.begin();
         next != progress.held.end() && next->first <= progress.have.value + 1;
         next = progress.held.erase(next)) {
      if (next->first <= progress.have.value) continue;
      progress.have = Seq{next->first};
      batch_.push_back(std::move(next->second));
    }
  }

  void on_reply(const std::string& bytes) {
    auto message = wire::decode(bytes, wire::kFeedLimits);
    if (!message) {
      note_unreadable(message.error());
      return;
    }
    heard_ = Clock::now();
    answered_ = true;
    auto* reply = std::get_if<wire::Reply>(&message->body);
    if (reply == nullptr) return;
    if (reply->id != asked_) {  // the answer to a command
      batch_.push_back(std::move(*message));
      return;
    }
    asked_.clear();
    if (std::exchange(asked_recall_, false)) {
      on_recalled(*reply);
      return;
    }
    const bool was_list = asking_.empty();
    for (const std::string& one : reply->messages) {
      auto inner = wire::decode(one, wire::kFeedLimits);
      if (inner) {
        take_in(std::move(*inner));
      } else {
        note_unreadable(inner.error());
      }
    }
    if (was_list) {
      list_from_ = reply->more ? Seq{reply->seq.value + 1} : Seq{};
      if (!reply->more) listed_ = Clock::now();
    }
    if (!was_list && !reply->more) {
      // What the daemon's last page ends with is all there is, even when an empty one ends it.
      Progress& progress = runs_[asking_];
      progress.known = std::max(progress.have, reply->seq);
    }
  }

  // A page of the record that is wanted again. One of a run that is wanted no more says nothing.
  void on_recalled(const wire::Reply& reply) {
    if (!recall_ || asking_ != *recall_) return;
    for (const std::string& one : reply.messages) {
      auto inner = wire::decode(one, wire::kFeedLimits);
      if (!inner) {
        note_unreadable(inner.error());
        continue;
      }
      recall_from_ = std::max(recall_from_, Seq{inner->header.seq.value + 1});
      recalled_.push_back(std::move(*inner));
    }
    if (reply.more && !reply.messages.empty()) return;
    recall_.reset();
    recall_done_ = true;
  }

  // One question at a time: which runs are there, then what is wanted again, then what is missing
  // of each.
  void ask() {
    const auto now = Clock::now();
    if (now < not_before_ || (!asked_.empty() && now - asked_at_ < kAsk)) return;
    if (!asked_.empty()) {  // a daemon that hangs is not tried again by the socket itself
      asked_.clear();
      asked_recall_ = false;
      listed_ = {};
      not_before_ = now + kConnect;
      dealer_.reopen();
      return;
    }
    wire::Query query;
    RunId run;
    const bool list_due = !answered_ || now - listed_ > kAsk * 2;
    if (list_due) {
      query.what = wire::QueryWhat::kRuns;
      query.from_seq = list_from_;
    } else if (recall_) {
      run = *recall_;
      query.what = wire::QueryWhat::kEvents;
      query.from_seq = recall_from_;
      query.limit = kPage;
    } else {
      for (const auto& [id, progress] : runs_) {
        if (progress.have >= progress.known) continue;
        run = id;
        query.what = wire::QueryWhat::kEvents;
        query.from_seq = Seq{progress.have.value + 1};
        query.limit = kPage;
        break;
      }
      if (run.empty()) {
        complete_ = true;
        return;
      }
    }
    query.id = token_ + std::to_string(++questions_);
    wire::Message message;
    message.header.run = run;
    message.header.seq = Seq{questions_};
    const std::string id = query.id;
    message.body = std::move(query);
    if (!dealer_.send(wire::encode(message))) {  // nobody is connected yet
      not_before_ = now + kConnect;
      return;
    }
    asked_ = id;
    asked_recall_ = !list_due && recall_.has_value();
    asking_ = run;
    asked_at_ = now;
  }

  // A Status tells of the newest decision: folded before older ones it would be undone by them.
  void release_statuses() {
    for (auto& [run, progress] : runs_) {
      if (!progress.status || progress.have < progress.known) continue;
      batch_.push_back(std::move(*progress.status));
      progress.status.reset();
    }
  }

  void hand_over() {
    release_statuses();
    const auto now = Clock::now();
    const bool connected = answered_ && is_borne(now - heard_);
    const bool loading = !complete_ && is_borne(now - started_);
    const bool changed = connected != state_.connected || loading != state_.loading;
    if (batch_.empty() && recalled_.empty() && !recall_done_ && !changed) return;
    if (now - handed_over_ < kHandOver && batch_.size() < kMostHeld) return;
    handed_over_ = now;
    state_.connected = connected;
    state_.loading = loading;
    const bool news = mailbox_.put({state_, std::exchange(batch_, {}), std::exchange(recalled_, {}),
                                    std::exchange(recall_done_, false)});
    if (news && wake_) wake_();
  }

  // That the daemon says nothing: neither an answer nor a Status.
  static bool is_borne(Clock::duration silence) {
    const Nanos nanos{std::chrono::nanoseconds(silence).count()};
    return run::liveness(nanos, run::kDaemonPatience) == wire::LinkState::kActive;
  }

  void note_unreadable(const Error& error) {
    state_.problem = "a message of the daemon could not be read: " + error.message;
  }

  link::DealerClient dealer_;  // everything but mailbox_ belongs to the receiving thread
  link::SubscriberClient feed_;
  Wake wake_;
  SourceState state_;
  std::map<RunId, Progress> runs_;
  std::vector<wire::Message> batch_;
  std::vector<wire::Message> recalled_;
  bool recall_done_ = false;
  std::optional<RunId> recall_;  // whose record is wanted again ...
  Seq recall_from_;              // ... from here on
  bool asked_recall_ = false;    // the open question is about it
  std::vector<std::string> unsent_;
  const std::string token_ = "view-" + std::to_string(std::random_device{}()) + "-";
  std::int64_t questions_ = 0;
  std::string asked_;  // id of the open question; "": none
  RunId asking_;       // whose history; empty: the list of runs
  Seq list_from_;      // place in the list of runs to ask for next; 0: from the start
  Clock::time_point next_look_;
  Clock::time_point not_before_, asked_at_, heard_, listed_, handed_over_, started_;
  bool answered_ = false;
  bool complete_ = false;
  Mailbox mailbox_;
  std::jthread thread_;  // last: it ends before what it uses
};

}  // namespace

Result<std::unique_ptr<Source>> connect_live(const contexts::Daemon& daemon, Wake wake) {
  link::ClientOptions options;
  options.key = daemon.key;
  auto dealer = link::DealerClient::connect(daemon.asked().text(), options);
  if (!dealer) return tl::unexpected(dealer.error());
  options.high_water_frames = 20000;
  auto feed = link::SubscriberClient::connect(daemon.feed.text(), {""}, options);
  if (!feed) return tl::unexpected(feed.error());
  return std::make_unique<Live>(std::move(*dealer), std::move(*feed), place_of(daemon),
                                std::move(wake));
}

}  // namespace phaseguard::dashboard
