// The second pass: a frame whose sizes and shape scan() has found good is read straight into the
// structs, without an object tree between. Each container being read is one Frame on a fixed stack.
#include <array>
#include <bitset>
#include <exception>
#include <msgpack.hpp>
#include <optional>
#include <string>
#include <utility>

#include "monitor/base/check.h"
#include "monitor/base/text.h"
#include "monitor/wire/codec.h"
#include "monitor/wire/decode_target.h"
#include "monitor/wire/kinds.h"
#include "monitor/wire/parts.h"
#include "monitor/wire/scan.h"
#include "monitor/wire/strict.h"

namespace phaseguard::wire {

namespace {

class Reader : public msgpack::null_visitor {
 public:
  Reader(Message& message, Budget budget, bool is_strict)
      : next_{&message, ops_of<Message>()}, budget_(budget), is_strict_(is_strict) {}

  std::optional<Error> error;

  bool visit_nil() { return scalar(Token{}); }
  bool visit_boolean(bool b) {
    Token token{Token::Type::kBool};
    token.boolean = b;
    return scalar(token);
  }
  bool visit_positive_integer(std::uint64_t value) {
    const bool huge = value > static_cast<std::uint64_t>(INT64_MAX);
    Token token{huge ? Token::Type::kHugeInteger : Token::Type::kInteger};
    token.huge = value;
    token.integer = huge ? 0 : static_cast<std::int64_t>(value);
    return scalar(token);
  }
  bool visit_negative_integer(std::int64_t value) {
    Token token{Token::Type::kInteger};
    token.integer = value;
    return scalar(token);
  }
  bool visit_float32(float value) { return visit_float64(static_cast<double>(value)); }
  bool visit_float64(double value) {
    Token token{Token::Type::kFloat};
    token.real = value;
    return scalar(token);
  }
  bool visit_str(const char* data, std::uint32_t size) {
    const std::string_view text(size == 0 ? "" : data, size);
    if (at_key_) return key(text);
    Token token{Token::Type::kString};
    token.text = text;
    return scalar(token);
  }
  bool visit_bin(const char* data, std::uint32_t size) {
    Token token{Token::Type::kBinary};
    token.text = std::string_view(size == 0 ? "" : data, size);
    return scalar(token);
  }

  bool start_array(std::uint32_t n) {
    if (next_.ops != nullptr) {
      if (next_.ops->open_array == nullptr) return mismatch(next_.ops->expected, "an array");
      if (const char* expected = next_.ops->open_array(next_, n, budget_))
        return mismatch(expected, "an array of " + std::to_string(n));
    }
    return open(Frame::Type::kArray);
  }
  bool start_array_item() {
    Frame& frame = stack_[depth_ - 1];
    next_ = frame.self.ops == nullptr ? DecodeTarget{}
                                      : frame.self.ops->item(frame.self, frame.items++);
    return true;
  }
  bool end_array() { return close(); }

  bool start_map(std::uint32_t) {
    if (next_.ops != nullptr && next_.ops->field == nullptr)
      return mismatch(next_.ops->expected, "a map");
    return open(Frame::Type::kMap);
  }
  bool start_map_key() { return at_key_ = true; }
  bool end_map_key() {
    at_key_ = false;
    return true;
  }
  bool end_map() {
    Frame& frame = stack_[depth_ - 1];
    if (frame.self.ops != nullptr)
      if (const char* missing = frame.self.ops->missing(frame.self, frame.seen)) {
        frame.key = missing;
        return fail_with(Errc::kMalformed, where() + ": the mandatory key is missing");
      }
    return close();
  }

 private:
  struct Frame {
    enum class Type { kArray, kMap };
    Type type = Type::kMap;
    DecodeTarget self;
    std::uint32_t items = 0;           // array: begun so far
    std::string_view key;              // map: the present one
    std::bitset<kMaxMapEntries> seen;  // map: places in the field list
  };

  bool open(Frame::Type type) {
    PHASEGUARD_CHECK(depth_ < kMaxDepth);
    stack_[depth_] = Frame{};
    stack_[depth_].type = type;
    stack_[depth_].self = next_;
    ++depth_;
    return true;
  }
  bool close() {
    --depth_;
    return true;
  }

  bool key(std::string_view text) {
    Frame& frame = stack_[depth_ - 1];
    frame.key = text;
    next_ = DecodeTarget{};
    if (frame.self.ops == nullptr) return true;
    int index = -1;
    next_ = frame.self.ops->field(frame.self, text, index);
    if (index >= 0) frame.seen.set(static_cast<std::size_t>(index));
    if (is_strict_ && index < 0)
      return fail_with(Errc::kMalformed, where() + ": there is no such key");
    return true;
  }

  bool scalar(const Token& token) {
    if (next_.ops == nullptr) return true;
    const char* expected = next_.ops->scalar == nullptr ? next_.ops->expected
                                                        : next_.ops->scalar(next_, token, budget_);
    return expected == kGoodValue || mismatch(expected, describe(token));
  }

  bool mismatch(const char* expected, const std::string& found) {
    if (expected == kOverBudget)
      return fail_with(Errc::kLimit, where() + ": the message is too large once decoded (" + found +
                                         "); send it in parts");
    return fail_with(Errc::kMalformed,
                     where() + ": expected " + std::string(expected) + ", found " + found);
  }

  bool fail_with(Errc code, std::string message) {
    if (!error) error = Error{code, std::move(message)};
    return false;
  }

  // "samples[2].value": the path to the value being read.
  [[nodiscard]] std::string where() const {
    std::string path;
    for (std::size_t i = 0; i < depth_; ++i) {
      const Frame& frame = stack_[i];
      if (frame.type == Frame::Type::kArray) {
        path += "[" + std::to_string(frame.items == 0 ? 0 : frame.items - 1) + "]";
      } else if (!frame.key.empty()) {
        path += (path.empty() ? "" : ".") + std::string(frame.key.substr(0, 40));
      }
    }
    return path.empty() ? "message" : path;
  }

  DecodeTarget next_;
  Budget budget_;
  bool is_strict_;
  bool at_key_ = false;
  std::size_t depth_ = 0;
  std::array<Frame, kMaxDepth> stack_;
};

Error wrong_version(Version theirs) {
  const auto text = [](Version v) {
    return std::to_string(v.major) + "." + std::to_string(v.minor);
  };
  return Error{Errc::kUnsupported,
               "v: expected protocol version " + text(kProtocolVersion) + ", found " +
                   text(theirs) + "; run a trainer hook and a daemon of the same major version"};
}

std::optional<Error> check_run(const Message& message) {
  if (!message.header.run.empty() || !needs_run(message.body)) return std::nullopt;
  return Error{Errc::kMalformed, "run: expected the name of the run a " +
                                     std::string(kind_of(message.body)) +
                                     " message is about, found an empty string"};
}

std::optional<Error> check_part(const Message& message) {
  const auto* report = std::get_if<Report>(&message.body);
  if (report == nullptr) return std::nullopt;
  if (std::string fault = part_fault(*report); !fault.empty())
    return Error{Errc::kMalformed, std::move(fault)};
  return std::nullopt;
}

Result<Message> read(std::string_view bytes, std::string_view kind, const Limits& limits,
                     bool is_strict) {
  auto body = empty_body(kind);
  if (!body)
    return fail(Errc::kUnsupported, "kind: " + quoted(kind, 40) +
                                        " is none of protocol 1.1; the message is passed over");
  Message message{Header{}, *std::move(body)};
  Reader reader(message, Budget{(kDecodedFactor - 1) * limits.frame_bytes}, is_strict);
  std::size_t offset = 0;
  msgpack::parse(bytes.data(), bytes.size(), offset, reader);
  if (!reader.error) reader.error = check_run(message);
  if (!reader.error) reader.error = check_part(message);
  if (reader.error) return tl::unexpected<Error>(*std::move(reader.error));
  return message;
}

Result<Message> read_any(std::string_view bytes, const Limits& limits, bool is_strict) {
  Scan found = scan(bytes, limits);
  if (found.error) return tl::unexpected<Error>(*std::move(found.error));
  if (!found.version)
    return fail(Errc::kMalformed,
                "v: expected the protocol version as [major, minor], found none in the message");
  if (found.version->major != kProtocolVersion.major)
    return tl::unexpected<Error>(wrong_version(*found.version));
  if (!found.kind)
    return fail(Errc::kMalformed, "kind: the mandatory key is missing, or is not a string");
  try {
    return read(bytes, *found.kind, limits, is_strict);
  } catch (const std::exception& e) {
    return fail(Errc::kMalformed, std::string("message: ") + e.what());
  }
}

}  // namespace

Result<Message> decode(std::string_view bytes, const Limits& limits) {
  return read_any(bytes, limits, false);
}

Result<Message> decode_strictly(std::string_view bytes, const Limits& limits) {
  return read_any(bytes, limits, true);
}

Result<Version> peek_version(std::string_view bytes, const Limits& limits) {
  const Scan found = scan(bytes, limits);
  if (!found.version)
    return fail(Errc::kMalformed,
                "v: expected the protocol version as [major, minor], found none in the message");
  return *found.version;
}

std::string peek_kind(std::string_view bytes, const Limits& limits) {
  return std::string(scan(bytes, limits).kind.value_or(""));
}

Result<void> fits(std::string_view bytes, const Limits& limits) {
  Scan found = scan(bytes, limits);
  if (found.error) return tl::unexpected<Error>(*std::move(found.error));
  return {};
}

}  // namespace phaseguard::wire
