#include <algorithm>
#include <chrono>
#include <stop_token>
#include <system_error>
#include <thread>
#include <utility>

#include "monitor/base/text.h"
#include "monitor/dashboard/source/mailbox.h"
#include "monitor/dashboard/source/source.h"
#include "monitor/store/reader.h"
#include "monitor/store/writer.h"

namespace phaseguard::dashboard {
namespace {

constexpr std::int64_t kFirstPage = 200;  // messages of one batch: something is seen at once
constexpr std::int64_t kPage = 2000;
constexpr auto kLookAgain = std::chrono::milliseconds(500);
constexpr auto kNap = std::chrono::milliseconds(20);

struct Open {
  store::Reader reader;
  Seq read;                                    // last one handed over
  Seq last;                                    // that it had when it was looked at
  bool is_only = true;                         // no other of the files is of a run of this name
  std::chrono::steady_clock::duration took{};  // to read what no view of it held
};

// Its messages are numbered from 1.
void count(const std::vector<Open>& files, SourceState& state) {
  state.read = state.recorded = 0;
  for (const Open& file : files) {
    state.read += file.read.value;
    state.recorded += std::max(file.read, file.last).value;
  }
}

class Files final : public Source {
 public:
  Files(std::vector<Open> files, SourceState state, Wake wake, std::optional<Keeping> keeping)
      : files_(std::move(files)),
        state_(std::move(state)),
        wake_(std::move(wake)),
        keeping_(std::move(keeping)) {
    mailbox_.put({state_, {}, {}, false});  // what it is, before anything has been read
    thread_ = std::jthread([this](const std::stop_token& stop) { receive(stop); });
  }
  std::vector<Batch> take() override { return mailbox_.take(); }
  void send(std::vector<wire::Message> /*commands*/) override {}
  void recall(const RunId& run) override { mailbox_.want(run); }
  void lend(std::shared_ptr<const run::RunState> state) override {
    mailbox_.lend(std::move(state));
  }

 private:
  void receive(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      const bool was_loading = state_.loading;
      bool any = false;
      if (const auto run = mailbox_.wanted()) recall_now(*run, stop);
      for (Open& file : files_) any = read_on(file, stop) || any;
      if (!any) state_.loading = false;
      if (!any && was_loading) hand_over({});
      if (!any) keep_what_took_long(stop);
      const auto idle = [&] { return !any && !stop.stop_requested() && !mailbox_.is_wanted(); };
      for (auto slept = kNap; idle() && slept < kLookAgain; slept += kNap) {
        std::this_thread::sleep_for(kNap);
      }
    }
  }

  // Hands over everything behind `file.read`; false when there was nothing.
  bool read_on(Open& file, const std::stop_token& stop) {
    bool any = false;
    auto begun = std::chrono::steady_clock::now();
    while (!stop.stop_requested()) {
      mailbox_.wait_for_room(stop);
      const std::int64_t most = file.read == Seq{0} ? kFirstPage : kPage;
      auto page = file.reader.page(Seq{file.read.value + 1}, most);
      if (!page) {
        state_.problem = page.error().message;
        return any;
      }
      if (page->empty()) return any;
      file.read = page->back().header.seq;
      any = true;
      count(files_, state_);
      const bool is_first = file.read <= Seq{kFirstPage};
      hand_over(std::move(*page));
      if (is_first && keeping_ && file.is_only) take_kept(file, stop);
      const auto now = std::chrono::steady_clock::now();
      if (state_.loading) file.took += now - begun;
      begun = now;
    }
    return any;
  }

  // The view of this record that an earlier opening kept, in place of what was handed over.
  void take_kept(Open& file, const std::stop_token& stop) {
    FoundView found = find_view(keeping_->folder, file.reader, keeping_->memory, between(stop));
    if (!found.problem.empty()) state_.kept = std::move(found.problem);
    if (!found.state || found.state->last_seq <= file.read) return;
    file.read = found.state->last_seq;
    count(files_, state_);
    state_.kept = "opened from the view that an earlier opening kept";
    Batch batch{state_, {}, {}, false};
    batch.whole = std::move(found.state);
    put(std::move(batch));
  }

  void keep_what_took_long(const std::stop_token& stop) {
    for (Open& file : files_) {
      if (!keeping_ || stop.stop_requested()) return;
      const double took_s = std::chrono::duration<double>(std::exchange(file.took, {})).count();
      if (file.is_only && took_s > keeping_->worth_it_s) keep(file, stop);
    }
  }

  // What the drawing thread has made of the record. It changes what it lends only by what is handed
  // over, which is nothing until this returns.
  void keep(const Open& file, const std::stop_token& stop) {
    const auto key = key_of(file.reader, file.read);
    if (!key) return;
    Batch batch{state_, {}, {}, false};
    batch.borrows = file.reader.run();
    put(std::move(batch));
    const auto state = mailbox_.borrow(stop);
    if (!state || state->last_seq != file.read) return;
    std::string said = keep_view(keeping_->folder, *key, *state, between(stop));
    if (said.empty()) said = "the view is kept for the next opening";
    state_.kept += (state_.kept.empty() ? "" : "; ") + said;
    hand_over({});
  }

  [[nodiscard]] Between between(const std::stop_token& stop) const {
    return [this, stop] {
      if (keeping_->ease) keeping_->ease();
      return !stop.stop_requested();
    };
  }

  // What was handed over of this run, again; what comes after it comes by itself.
  void recall_now(const RunId& run, const std::stop_token& stop) {
    for (const Open& file : files_) {
      if (file.reader.run() != run) continue;
      for (Seq next{1}; next <= file.read && !stop.stop_requested();) {
        mailbox_.wait_for_room(stop);
        const std::int64_t left = file.read.value - next.value + 1;
        auto page = file.reader.page(next, std::min(kPage, left));
        if (!page) state_.problem = page.error().message;
        if (!page || page->empty()) break;
        next = Seq{page->back().header.seq.value + 1};
        put({state_, {}, std::move(*page), false});
      }
    }
    put({state_, {}, {}, true});
  }

  void hand_over(std::vector<wire::Message> messages) {
    put({state_, std::move(messages), {}, false});
  }

  void put(Batch batch) {
    const bool news = mailbox_.put(std::move(batch));
    if (news && wake_) wake_();
  }

  std::vector<Open> files_;  // receiving thread only, like state_, once it runs
  SourceState state_;
  Wake wake_;
  std::optional<Keeping> keeping_;
  Mailbox mailbox_;
  std::jthread thread_;  // last: it ends before what it uses
};

Result<std::vector<std::filesystem::path>> run_files_in(const std::filesystem::path& directory) {
  std::error_code error;
  std::vector<std::filesystem::path> found;
  for (std::filesystem::directory_iterator it(directory, error), end; !error && it != end;
       it.increment(error)) {
    if (it->path().extension() == store::kExtension) found.push_back(it->path());
  }
  if (error) {
    return fail(Errc::kIo,
                "cannot list " + phaseguard::quoted(directory.string()) + ": " + error.message());
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace

Result<std::unique_ptr<Source>> open_files(const std::filesystem::path& path, Wake wake,
                                           std::optional<Keeping> keeping) {
  std::error_code error;
  SourceState state;
  state.place = full_name(path);
  std::vector<std::filesystem::path> paths{path};
  const bool directory = std::filesystem::is_directory(path, error);
  if (directory) {
    auto found = run_files_in(path);
    if (!found) return tl::unexpected(found.error());
    if (found->empty()) {
      return fail(Errc::kNotFound, "no run file (*" + std::string(store::kExtension) + ") in " +
                                       phaseguard::quoted(path.string()));
    }
    paths = std::move(*found);
  }
  std::vector<Open> files;
  for (const auto& file : paths) {
    auto reader = store::Reader::open(file);
    if (reader) {
      const auto last = reader->last_seq();
      files.push_back({std::move(*reader), Seq{0}, last ? *last : Seq{0}});
    } else if (!directory) {
      return tl::unexpected(reader.error());
    } else {
      state.problem = reader.error().message;
    }
  }
  for (Open& file : files) {
    file.is_only = std::count_if(files.begin(), files.end(), [&](const Open& other) {
                     return other.reader.run() == file.reader.run();
                   }) == 1;
  }
  if (files.empty()) return fail(Errc::kMalformed, state.problem);
  state.one_run = files.size() == 1;
  count(files, state);
  return std::make_unique<Files>(std::move(files), std::move(state), std::move(wake),
                                 std::move(keeping));
}

}  // namespace phaseguard::dashboard
