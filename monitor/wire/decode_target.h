// How each type of field takes a decoded value: a DecodeTarget is an address and the operations for
// its type, made from the lists in fields.h. Internal to the codec (decode.cpp is its one user).
#pragma once

#include <bitset>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "monitor/base/check.h"
#include "monitor/base/text.h"
#include "monitor/wire/fields.h"
#include "monitor/wire/scan.h"

namespace phaseguard::wire {

// One value that is no container.
struct Token {
  enum class Type { kNil, kBool, kInteger, kHugeInteger, kFloat, kString, kBinary };
  explicit Token(Type t = Type::kNil) : type(t) {}
  Type type;
  bool boolean = false;
  std::int64_t integer = 0;
  std::uint64_t huge = 0;  // kHugeInteger: above the int64 range
  double real = 0.0;
  std::string_view text;
};

inline std::string describe(const Token& token) {
  switch (token.type) {
    case Token::Type::kNil:
      return "nil";
    case Token::Type::kBool:
      return token.boolean ? "true" : "false";
    case Token::Type::kInteger:
      return "the integer " + std::to_string(token.integer);
    case Token::Type::kHugeInteger:
      return "the integer " + std::to_string(token.huge);
    case Token::Type::kFloat:
      return "the float " + number_text(token.real);
    case Token::Type::kString:
      return "the string " + quoted(token.text, 40);
    case Token::Type::kBinary:
      return std::to_string(token.text.size()) + " binary bytes";
  }
  return "something else";
}

// What a decoded message may still allocate. A short frame can name thousands of records whose
// structs are far larger than their bytes; this keeps the sum within a multiple of the frame limit.
struct Budget {
  std::size_t left = 0;
  bool take(std::size_t bytes) {
    if (bytes > left) return false;
    left -= bytes;
    return true;
  }
};

struct DecodeTarget;

// What can happen to a field of one type. Each gives kGoodValue or what was expected; the caller
// says where and what was found. nullptr: that kind of value is never right here.
struct Ops {
  const char* expected;
  const char* (*scalar)(const DecodeTarget&, const Token&, Budget&) = nullptr;
  const char* (*open_array)(const DecodeTarget&, std::uint32_t n, Budget&) = nullptr;
  DecodeTarget (*item)(const DecodeTarget&, std::uint32_t i) = nullptr;
  DecodeTarget (*field)(const DecodeTarget&, std::string_view key, int& index) = nullptr;
  const char* (*missing)(const DecodeTarget&, const std::bitset<kMaxMapEntries>& seen) = nullptr;
};

struct DecodeTarget {
  void* target = nullptr;
  const Ops* ops = nullptr;  // nullptr: skip whatever comes
  std::int64_t least = 0;    // integers
};

inline constexpr const char* kGoodValue = nullptr;
inline constexpr const char* kOverBudget = "less memory";

template <class T>
T& at(const DecodeTarget& target) {
  return *static_cast<T*>(target.target);
}

// ---- scalars ----

inline const char* read_bool(const DecodeTarget& target, const Token& token, Budget&) {
  if (token.type != Token::Type::kBool) return "a boolean";
  at<bool>(target) = token.boolean;
  return kGoodValue;
}

inline const char* read_integer(const DecodeTarget& target, const Token& token, Budget&) {
  if (token.type == Token::Type::kHugeInteger) return "an integer below 2^63";
  if (token.type != Token::Type::kInteger) return "an integer";
  if (token.integer < target.least)
    return target.least == 0 ? "an integer >= 0" : "an integer >= -1";
  at<std::int64_t>(target) = token.integer;
  return kGoodValue;
}

template <class S>
const char* read_strong(const DecodeTarget& target, const Token& token, Budget& budget) {
  return read_integer(DecodeTarget{&at<S>(target).value, target.ops, target.least}, token, budget);
}

inline const char* read_version_part(const DecodeTarget& target, const Token& token, Budget&) {
  if (token.type != Token::Type::kInteger || token.integer < 0 || token.integer > 65535)
    return "an integer in 0..65535";
  at<int>(target) = static_cast<int>(token.integer);
  return kGoodValue;
}

inline const char* read_double(const DecodeTarget& target, const Token& token, Budget&) {
  switch (token.type) {
    case Token::Type::kFloat:
      at<double>(target) = token.real;
      return kGoodValue;
    case Token::Type::kInteger:
      at<double>(target) = static_cast<double>(token.integer);
      return kGoodValue;
    case Token::Type::kHugeInteger:
      at<double>(target) = static_cast<double>(token.huge);
      return kGoodValue;
    case Token::Type::kNil:
    case Token::Type::kBool:
    case Token::Type::kString:
    case Token::Type::kBinary:
      break;
  }
  return "a number";
}

inline const char* store_text(const DecodeTarget& target, std::string_view text, Budget& budget) {
  if (text.size() > 15 && !budget.take(text.size() + 1)) return kOverBudget;
  at<std::string>(target).assign(text);
  return kGoodValue;
}

inline const char* read_string(const DecodeTarget& target, const Token& token, Budget& budget) {
  if (token.type != Token::Type::kString) return "a string";
  return store_text(target, token.text, budget);
}

// Also takes a MessagePack str, which is what a short text naturally is in most languages.
inline const char* read_binary(const DecodeTarget& target, const Token& token, Budget& budget) {
  if (token.type != Token::Type::kBinary && token.type != Token::Type::kString)
    return "binary bytes";
  return store_text(target, token.text, budget);
}

// A word that this version does not know is kept as it came.
template <class W>
const char* read_word(const DecodeTarget& target, const Token& token, Budget& budget) {
  std::string text;
  const DecodeTarget as_text{&text, nullptr};
  const char* wrong = read_string(as_text, token, budget);
  if (wrong == kGoodValue) at<W>(target) = W::from(std::move(text));
  return wrong;
}

inline const char* read_quality(const DecodeTarget& target, const Token& token, Budget&) {
  if (token.type == Token::Type::kString)
    for (Quality quality : {Quality::kGood, Quality::kBad, Quality::kMissing})
      if (token.text == name_of(quality)) {
        at<Quality>(target) = quality;
        return kGoodValue;
      }
  return R"("good", "bad" or "missing")";
}

inline const char* read_run(const DecodeTarget& target, const Token& token, Budget&) {
  if (token.type != Token::Type::kString) return "a string";
  if (token.text.empty()) return kGoodValue;
  auto run = RunId::parse(token.text);
  if (!run) return "a run's name of 1 to 64 of A-Z a-z 0-9 . _ -";
  at<RunId>(target) = *std::move(run);
  return kGoodValue;
}

// ---- types to operations ----

enum class As { kText, kBinary };

template <class T, As as>
struct OpsOf;

template <class T, As as = As::kText>
constexpr const Ops* ops_of() {
  return &OpsOf<T, as>::kOps;
}

template <As as>
struct OpsOf<bool, as> {
  static constexpr Ops kOps{"a boolean", read_bool};
};
template <As as>
struct OpsOf<std::int64_t, as> {
  static constexpr Ops kOps{"an integer", read_integer};
};
template <As as>
struct OpsOf<int, as> {
  static constexpr Ops kOps{"an integer", read_version_part};
};
template <As as>
struct OpsOf<double, as> {
  static constexpr Ops kOps{"a number", read_double};
};
template <>
struct OpsOf<std::string, As::kText> {
  static constexpr Ops kOps{"a string", read_string};
};
template <>
struct OpsOf<std::string, As::kBinary> {
  static constexpr Ops kOps{"binary bytes", read_binary};
};
template <class E, As as>
struct OpsOf<Word<E>, as> {
  static constexpr Ops kOps{"a string", read_word<Word<E>>};
};
template <class E, As as>
struct OpsOf<NamedWord<E>, as> {
  static constexpr Ops kOps{"a string", read_word<NamedWord<E>>};
};
template <As as>
struct OpsOf<Quality, as> {
  static constexpr Ops kOps{"a string", read_quality};
};
template <As as>
struct OpsOf<RunId, as> {
  static constexpr Ops kOps{"a string", read_run};
};
template <class Tag, As as>
struct OpsOf<Strong<Tag>, as> {
  static constexpr Ops kOps{"an integer", read_strong<Strong<Tag>>};
};

template <As as>
struct OpsOf<Version, as> {
  static const char* open(const DecodeTarget&, std::uint32_t n, Budget&) {
    return n == 2 ? kGoodValue : "an array of two integers";
  }
  static DecodeTarget item(const DecodeTarget& target, std::uint32_t i) {
    Version& version = at<Version>(target);
    return DecodeTarget{i == 0 ? &version.major : &version.minor, ops_of<int>()};
  }
  static constexpr Ops kOps{"an array of two integers", nullptr, open, item};
};

template <class T, As as>
struct OpsOf<std::vector<T>, as> {
  static const char* open(const DecodeTarget& target, std::uint32_t n, Budget& budget) {
    if (!budget.take(n * sizeof(T))) return kOverBudget;
    at<std::vector<T>>(target).resize(n);  // n items are really there: scan() has seen them
    return kGoodValue;
  }
  static DecodeTarget item(const DecodeTarget& target, std::uint32_t i) {
    return DecodeTarget{&at<std::vector<T>>(target)[i], ops_of<T, as>()};
  }
  static constexpr Ops kOps{"an array", nullptr, open, item};
};

struct FindField {
  std::string_view key;
  DecodeTarget found;
  int index = -1;
  int i = 0;

  template <class T>
  void operator()(std::string_view name, T& field, Presence presence) {
    note(name, &field, ops_of<T>(), presence);
  }
  template <class T>
  void binary(std::string_view name, T& field, Presence presence) {
    note(name, &field, ops_of<T, As::kBinary>(), presence);
  }
  void operator()(std::string_view name, KindField&, Presence presence) {
    note(name, nullptr, nullptr, presence);  // scan() has read it
  }
  void note(std::string_view name, void* target, const Ops* ops, Presence presence) {
    if (index < 0 && key == name) {
      found = DecodeTarget{target, ops, presence.least};
      index = i;
    }
    ++i;
  }
};

struct FindMissing {
  const std::bitset<kMaxMapEntries>& seen;
  const char* missing = nullptr;
  std::size_t i = 0;

  template <class T>
  void operator()(std::string_view name, T&, Presence presence) {
    note(name, presence);
  }
  template <class T>
  void binary(std::string_view name, T&, Presence presence) {
    note(name, presence);
  }
  void note(std::string_view name, Presence presence) {
    PHASEGUARD_CHECK(i < kMaxMapEntries);
    if (presence.needed && missing == nullptr && !seen[i]) missing = name.data();
    ++i;
  }
};

// A record: any struct with a list in fields.h.
template <class T, As as>
struct OpsOf {
  static DecodeTarget field(const DecodeTarget& target, std::string_view key, int& index) {
    FindField find{key, {}};
    fields(find, at<T>(target));
    index = find.index;
    return find.found;
  }
  static const char* missing(const DecodeTarget& target, const std::bitset<kMaxMapEntries>& seen) {
    FindMissing find{seen};
    fields(find, at<T>(target));
    return find.missing;
  }
  static constexpr Ops kOps{"a map", nullptr, nullptr, nullptr, field, missing};
};

}  // namespace phaseguard::wire
