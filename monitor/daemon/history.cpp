#include "monitor/daemon/history.h"

#include <algorithm>
#include <string>
#include <utility>

#include "monitor/store/reader.h"
#include "monitor/store/writer.h"
#include "monitor/wire/codec.h"
#include "monitor/wire/declaration.h"

namespace phaseguard::daemon {

namespace {

constexpr std::int64_t kPageEvents = 1000;

// Whether there is room for more.
bool add(const wire::Message& message, std::int64_t asked, std::size_t& bytes, wire::Reply& reply) {
  wire::Message shown = message;
  wire::leave_out_session(shown);
  std::string encoded = wire::encode(shown);
  const bool full = static_cast<std::int64_t>(reply.messages.size()) >= asked ||
                    bytes + encoded.size() > kPageBytes;
  if (full) {
    reply.more = true;
    return false;
  }
  bytes += encoded.size();
  reply.seq = message.header.seq;
  reply.messages.push_back(std::move(encoded));
  return true;
}

}  // namespace

wire::Reply read_history(const std::filesystem::path& runs_dir, const HistoryQuery& wanted) {
  wire::Reply reply;
  reply.id = wanted.query.id;
  reply.status = wire::ReplyStatus::kOk;
  reply.seq = Seq{wanted.query.from_seq.value - 1};
  const std::int64_t limit = wanted.query.limit;
  const std::int64_t asked = limit > 0 ? std::min(limit, kPageEvents) : kPageEvents;
  std::size_t bytes = 0;
  auto reader = store::Reader::open(store::run_file(runs_dir, wanted.run));
  Result<void> read = reader ? Result<void>{} : Result<void>(tl::unexpected(reader.error()));
  if (reader) {
    read = reader->each(wanted.query.from_seq, [&](const wire::Message& message) {
      return add(message, asked, bytes, reply);
    });
  }
  if (!read) {
    reply.status = wire::ReplyStatus::kError;
    reply.text = read.error().message;
  }
  return reply;
}

}  // namespace phaseguard::daemon
