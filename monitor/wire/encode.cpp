#include <bit>
#include <cmath>
#include <msgpack.hpp>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "monitor/wire/codec.h"
#include "monitor/wire/fields.h"

namespace phaseguard::wire {

namespace {

struct StringStream {
  std::string bytes;
  void write(const char* data, std::size_t size) { bytes.append(data, size); }
};

bool is_set(bool value) { return value; }
bool is_set(std::int64_t value) { return value >= 0; }
bool is_set(double value) { return !std::isnan(value); }
bool is_set(Step step) { return step.value >= 0; }
bool is_set(Seq seq) { return seq.value >= 0; }
bool is_set(const std::string& text) { return !text.empty(); }
bool is_set(const Then& then) { return !std::isnan(then.value); }
template <class T>
bool is_set(const std::vector<T>& list) {
  return !list.empty();
}
template <class E>
bool is_set(const Word<E>& word) {
  return !word.empty();
}
// Types of fields that are always written have no is_set().
template <class T>
bool is_left_out(const T& field, Presence presence) {
  if constexpr (requires { is_set(field); }) return presence.when_set && !is_set(field);
  return false;
}

struct CountFields {
  std::uint32_t n = 0;
  template <class T>
  void operator()(std::string_view, T& field, Presence presence) {
    if (!is_left_out(field, presence)) ++n;
  }
  template <class T>
  void binary(std::string_view, T&, Presence) {
    ++n;
  }
};

class Writer {
 public:
  explicit Writer(StringStream& out) : out_(out), packer_(out) {}

  template <class T>
  void operator()(std::string_view key, T& field, Presence presence) {
    if (is_left_out(field, presence)) return;
    put(key);
    put(field);
  }

  template <class T>
  void binary(std::string_view key, T& field, Presence) {
    put(key);
    put_binary(field);
  }

  void put(std::string_view text) {
    packer_.pack_str(static_cast<std::uint32_t>(text.size()));
    packer_.pack_str_body(text.data(), static_cast<std::uint32_t>(text.size()));
  }
  void put(const std::string& text) { put(std::string_view(text)); }
  void put(const KindField& kind) { put(kind.text); }
  void put(const RunId& run) { put(run.text()); }
  void put(Quality quality) { put(std::string_view(name_of(quality))); }
  template <class E>
  void put(const Word<E>& word) {
    put(std::string_view(word.text()));
  }
  template <class E>
  void put(const NamedWord<E>& word) {
    put(std::string_view(word.text()));
  }
  void put(bool b) { b ? packer_.pack_true() : packer_.pack_false(); }
  void put(std::int64_t i) { packer_.pack_int64(i); }
  template <class Tag>
  void put(Strong<Tag> x) {
    packer_.pack_int64(x.value);
  }

  // Not packer::pack_double: it writes whole numbers as integers and so loses the sign of -0.0.
  void put(double x) {
    const auto bits = std::bit_cast<std::uint64_t>(x);
    char buffer[9] = {static_cast<char>(0xcb)};
    for (int i = 0; i < 8; ++i) buffer[1 + i] = static_cast<char>(bits >> (56 - 8 * i));
    out_.write(buffer, sizeof buffer);
  }

  void put(const Version& version) {
    packer_.pack_array(2);
    packer_.pack_int64(version.major);
    packer_.pack_int64(version.minor);
  }

  template <class T>
  void put(const std::vector<T>& list) {
    packer_.pack_array(static_cast<std::uint32_t>(list.size()));
    for (const T& item : list) put(item);
  }

  template <class T>
  requires requires(CountFields& c, const T& x) { fields(c, x); }
  void put(const T& record) {
    CountFields count;
    fields(count, record);
    packer_.pack_map(count.n);
    fields(*this, record);
  }

  void put_binary(const std::string& bytes) {
    packer_.pack_bin(static_cast<std::uint32_t>(bytes.size()));
    packer_.pack_bin_body(bytes.data(), static_cast<std::uint32_t>(bytes.size()));
  }
  void put_binary(const std::vector<std::string>& list) {
    packer_.pack_array(static_cast<std::uint32_t>(list.size()));
    for (const std::string& bytes : list) put_binary(bytes);
  }

 private:
  StringStream& out_;
  msgpack::packer<StringStream> packer_;
};

}  // namespace

std::string encode(const Message& message) {
  StringStream out;
  out.bytes.reserve(256);
  Writer(out).put(message);
  return std::move(out.bytes);
}

std::string topic_of(const Message& message) {
  return message.header.run.text() + "/" + std::string(kind_of(message.body));
}

}  // namespace phaseguard::wire
