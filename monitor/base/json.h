// Strict JSON for files that come from outside: nlohmann-json without exceptions, a key
// given twice refused, nesting and the length of keys bounded; numbers as JSON. Only rooms that
// link nlohmann-json include this. Pure.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "monitor/base/result.h"
#include "monitor/base/text.h"

namespace phaseguard {

inline constexpr int kMaxJsonDepth = 64;
inline constexpr std::size_t kMaxJsonKeyBytes = 1024;

// Builds a value from the parser's events. The library's own way to watch a parse looks through all
// members of an object at the end of each of them: the square of their number.
template <class Json>
class JsonBuilder {
 public:
  JsonBuilder(Json& root, bool one_line) : root_(root), one_line_(one_line) {}
  [[nodiscard]] const std::string& refused() const { return refused_; }

  bool null() { return add(nullptr); }
  bool boolean(bool value) { return add(value); }
  bool number_integer(typename Json::number_integer_t value) { return add(value); }
  bool number_unsigned(typename Json::number_unsigned_t value) { return add(value); }
  bool number_float(typename Json::number_float_t value, const std::string&) { return add(value); }
  bool string(std::string& value) { return add(std::move(value)); }
  bool binary(typename Json::binary_t& value) { return add(std::move(value)); }
  bool start_object(std::size_t) { return open(Json::object()); }
  bool start_array(std::size_t) { return open(Json::array()); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }
  bool key(std::string& name) {
    if (name.size() > kMaxJsonKeyBytes) {
      return refuse("a key is longer than " + std::to_string(kMaxJsonKeyBytes) + " bytes");
    }
    if (open_.back()->contains(name)) {
      return refuse("key " + phaseguard::quoted(name, 80) + " is given twice");
    }
    key_ = std::move(name);
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::json::exception& error) {
    std::string what =
        error.what();  // "[json.exception.parse_error.101] parse error at line 1, ..."
    const auto bracket = what.find("] ");
    if (bracket != std::string::npos) what.erase(0, bracket + 2);
    // Of a text of one line the number says nothing, and reads like that of a file's line.
    const std::string_view number = "line 1, ";
    const auto line = one_line_ ? what.find(number) : std::string::npos;
    if (line != std::string::npos) what.erase(line, number.size());
    return refuse(std::move(what));
  }

 private:
  bool refuse(std::string why) {
    refused_ = std::move(why);
    return false;
  }
  Json* put(Json value) {
    if (open_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    Json& inside = *open_.back();
    if (inside.is_object()) return &(inside[key_] = std::move(value));
    inside.push_back(std::move(value));
    return &inside.back();
  }
  bool add(Json value) {
    put(std::move(value));
    return true;
  }
  bool open(Json value) {
    if (open_.size() >= static_cast<std::size_t>(kMaxJsonDepth)) {
      return refuse("nested deeper than " + std::to_string(kMaxJsonDepth));
    }
    open_.push_back(put(std::move(value)));  // stays where it is until it is closed
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }

  Json& root_;
  bool one_line_;
  std::vector<Json*> open_;
  std::string key_, refused_;
};

// Error: not JSON (with the parser's place), a key given twice in one object or too long, nested
// too deep.
template <class Json>
[[nodiscard]] Result<Json> parse_json_as(std::string_view text) {
  Json value;
  JsonBuilder<Json> builder(value, text.find('\n') == std::string_view::npos);
  if (!Json::sax_parse(text.begin(), text.end(), &builder)) {
    return fail(Errc::kMalformed, builder.refused());
  }
  return value;
}
[[nodiscard]] inline Result<nlohmann::json> parse_json(std::string_view text) {
  return parse_json_as<nlohmann::json>(text);
}

// Error: a key of `object` that is none of `keys`, with the one that was likely meant, else all.
[[nodiscard]] inline Result<void> known_keys(const nlohmann::json& object,
                                             const std::vector<std::string>& keys) {
  for (const auto& [key, value] : object.items()) {
    if (std::find(keys.begin(), keys.end(), key) != keys.end()) continue;
    const std::string meant = nearest(key, keys);
    std::string advice = ", did you mean \"" + meant + "\"?";
    if (meant.empty()) {
      advice = "; expected one of:";
      for (const std::string& one : keys) advice += (&one == &keys.front() ? " " : ", ") + one;
    }
    return fail(Errc::kMalformed, "unknown key " + phaseguard::quoted(key, 60) + advice);
  }
  return {};
}

// null for a number that is not defined: JSON has no NaN and no infinity.
[[nodiscard]] inline nlohmann::json number_json(double value) {
  return std::isfinite(value) ? nlohmann::json(value) : nlohmann::json(nullptr);
}

}  // namespace phaseguard
