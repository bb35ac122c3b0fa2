#include "monitor/wire/scan.h"

#include <algorithm>
#include <array>
#include <exception>
#include <limits>
#include <msgpack.hpp>
#include <string>

#include "monitor/base/text.h"

namespace phaseguard::wire {

namespace {

std::string sizes(std::string_view what, std::size_t found, std::size_t limit,
                  std::string_view unit) {
  return std::string(what) + " of " + std::to_string(found) + " " + std::string(unit) +
         ", where protocol 1.0 allows " + std::to_string(limit);
}

// Called by msgpack::parse for each token in turn; false ends the pass.
class Scanner : public msgpack::null_visitor {
 public:
  Scanner(const Limits& limits, Scan& result) : limits_(limits), result_(result) {
    limits_.depth = std::min(limits_.depth, kMaxDepth);
    limits_.map_entries = std::min(limits_.map_entries, kMaxMapEntries);
  }

  bool visit_nil() { return scalar(); }
  bool visit_boolean(bool) { return scalar(); }
  bool visit_positive_integer(std::uint64_t value) {
    if (in_version()) note_version(value);
    return scalar();
  }
  bool visit_negative_integer(std::int64_t value) {
    if (in_version()) note_version(static_cast<std::uint64_t>(value));
    return scalar();
  }
  bool visit_float32(float) { return scalar(); }
  bool visit_float64(double) { return scalar(); }
  bool visit_str(const char* data, std::uint32_t size) {
    if (size > limits_.string_bytes)
      return over(sizes("a string", size, limits_.string_bytes, "bytes"));
    const std::string_view text(size == 0 ? "" : data, size);
    if (at_key_) return key(text);
    if (depth_ == 1 && top_key_ == "kind") result_.kind = text;
    return scalar();
  }
  bool visit_bin(const char*, std::uint32_t size) {
    if (size > limits_.binary_bytes)
      return over(sizes("a binary value", size, limits_.binary_bytes, "bytes"));
    return scalar();
  }
  bool visit_ext(const char*, std::uint32_t) {
    return malformed("expected no MessagePack ext type, found one");
  }

  bool start_array(std::uint32_t n) {
    if (depth_ == 0) return not_a_map("an array");
    if (n > limits_.array_items) return over(sizes("an array", n, limits_.array_items, "items"));
    return open();
  }
  bool start_array_item() { return true; }
  bool end_array() { return close(); }
  bool start_map(std::uint32_t n) {
    if (n > limits_.map_entries) return over(sizes("a map", n, limits_.map_entries, "entries"));
    return open();
  }
  bool start_map_key() { return at_key_ = true; }
  bool end_map_key() {
    at_key_ = false;
    return true;
  }
  bool end_map() { return close(); }

  void parse_error(std::size_t, std::size_t offset) {
    malformed("expected MessagePack, found the byte 0xc1 at offset " + std::to_string(offset));
  }
  void insufficient_bytes(std::size_t, std::size_t offset) {
    malformed("expected a whole message, found its end after " + std::to_string(offset) +
              " bytes: the frame is cut off");
  }

 private:
  bool fail_with(Errc code, std::string message) {
    if (!result_.error) result_.error = Error{code, std::move(message)};
    return false;
  }
  bool over(const std::string& what) { return fail_with(Errc::kLimit, "message: " + what); }
  bool malformed(const std::string& what) {
    return fail_with(Errc::kMalformed, "message: " + what);
  }
  bool not_a_map(const char* found) {
    return malformed(std::string("expected a map, found ") + found);
  }

  bool scalar() {
    if (depth_ == 0) return not_a_map("a single value");
    return !at_key_ || malformed("expected strings as keys of maps, found a key of another type");
  }

  bool key(std::string_view text) {
    Keys& keys = keys_[depth_ - 1];
    for (std::size_t i = 0; i < keys.n; ++i)
      if (std::string_view(keys.list[i].data, keys.list[i].size) == text)
        return malformed("the key " + quoted(text, 40) + " occurs twice");
    keys.list[keys.n++] = {text.data(), text.size()};
    if (depth_ == 1) top_key_ = text;
    return true;
  }

  bool open() {
    if (at_key_) return scalar();
    if (depth_ == limits_.depth)
      return over(sizes("a nesting", depth_ + 1, limits_.depth, "levels"));
    keys_[depth_++].n = 0;
    return true;
  }
  bool close() {
    --depth_;
    return true;
  }

  [[nodiscard]] bool in_version() const { return depth_ == 2 && top_key_ == "v"; }
  void note_version(std::uint64_t value) {
    if (value > std::numeric_limits<std::uint16_t>::max()) return;
    const int small = static_cast<int>(value);
    if (version_parts_++ == 0) {
      major_ = small;
    } else if (version_parts_ == 2) {
      result_.version = Version{major_, small};
    }
  }

  // Keys seen so far in the map at one depth. Only the first n are set: clearing all of them for
  // every message would cost more than reading it.
  struct Key {
    const char* data;
    std::size_t size;
  };
  struct Keys {
    std::size_t n;
    std::array<Key, kMaxMapEntries> list;
  };

  Limits limits_;
  Scan& result_;
  std::size_t depth_ = 0;
  bool at_key_ = false;
  std::string_view top_key_;
  int version_parts_ = 0;
  int major_ = 0;
  std::array<Keys, kMaxDepth> keys_;
};

}  // namespace

Scan scan(std::string_view bytes, const Limits& limits) {
  Scan result;
  if (bytes.size() > limits.frame_bytes) {
    result.error = Error{Errc::kLimit,
                         "message: " + sizes("a frame", bytes.size(), limits.frame_bytes, "bytes")};
    return result;
  }
  if (bytes.empty()) {
    result.error = Error{Errc::kMalformed, "message: expected a map, found an empty frame"};
    return result;
  }
  try {
    Scanner scanner(limits, result);
    std::size_t offset = 0;
    const bool whole = msgpack::parse(bytes.data(), bytes.size(), offset, scanner);
    if (!result.error && whole && offset != bytes.size())
      result.error = Error{Errc::kMalformed, "message: expected its end after " +
                                                 std::to_string(offset) + " bytes, found " +
                                                 std::to_string(bytes.size() - offset) + " more"};
    if (!result.error && !whole)
      result.error = Error{Errc::kMalformed, "message: expected MessagePack, found something else"};
  } catch (const std::exception& e) {
    result.error = Error{Errc::kMalformed, std::string("message: ") + e.what()};
  }
  return result;
}

}  // namespace phaseguard::wire
