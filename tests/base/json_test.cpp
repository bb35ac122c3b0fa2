#include "monitor/base/json.h"

#include <cstdint>
#include <map>
#include <string>

#include "tests/support/catch.h"

using namespace phaseguard;

namespace {

std::int64_t g_steps = 0;  // of an iterator over an object's members

// A map that counts every step through its members: a look at all of them costs their number.
template <class Key, class Value, class Less, class Allocator>
class CountingMap : public std::map<Key, Value, Less, Allocator> {
  using Base = std::map<Key, Value, Less, Allocator>;

 public:
  using Base::Base;
  struct iterator : Base::iterator {
    iterator() = default;
    iterator(typename Base::iterator base) : Base::iterator(base) {}
    iterator& operator++() {
      ++g_steps;
      Base::iterator::operator++();
      return *this;
    }
  };
  iterator begin() { return Base::begin(); }
  iterator end() { return Base::end(); }
  iterator find(const Key& key) { return Base::find(key); }
  using Base::begin;
  using Base::end;
  using Base::find;
};

using CountingJson = nlohmann::basic_json<CountingMap>;

std::string members(int count) {
  std::string out = "{";
  for (int i = 0; i < count; ++i) {
    out += (i > 0 ? "," : "") + std::string("\"t") + std::to_string(i) + "\":{\"shape\":[1]}";
  }
  return out + "}";
}

std::int64_t steps_to_parse(int count) {
  g_steps = 0;
  const auto parsed = parse_json_as<CountingJson>(members(count));
  REQUIRE(parsed);
  REQUIRE(parsed->size() == static_cast<std::size_t>(count));
  return g_steps;
}

}  // namespace

TEST_CASE("an object of many members is not looked through at each of them", "[base][json]") {
  CHECK(steps_to_parse(500) <= 10 * 500);
  CHECK(steps_to_parse(2000) <= 10 * 2000);
}

TEST_CASE("JSON is read as it stands", "[base][json]") {
  const auto read = parse_json(
      R"({"a": [1, -2, 2.5, true, null, "x", {}, []], "b": {"a": 18446744073709551615}})");
  REQUIRE(read);
  CHECK(*read ==
        nlohmann::json::parse(
            R"({"b": {"a": 18446744073709551615}, "a": [1, -2, 2.5, true, null, "x", {}, []]})"));
  CHECK(*parse_json("7") == 7);
}

TEST_CASE("what is no strict JSON is refused", "[base][json][hostile]") {
  const auto refused = [](const std::string& text) {
    const auto read = parse_json(text);
    REQUIRE_FALSE(read);
    return read.error().message;
  };
  CHECK_THAT(refused(R"({"a": 1, "b": {"a": 2, "a": 3}})"),
             Catch::Contains("key \"a\" is given twice"));
  CHECK_THAT(refused("{\"" + std::string(kMaxJsonKeyBytes + 1, 'k') + "\": 1}"),
             Catch::Contains("longer than 1024 bytes"));
  const auto nested = [](int depth) {
    return std::string(static_cast<std::size_t>(depth), '[') +
           std::string(static_cast<std::size_t>(depth), ']');
  };
  CHECK(parse_json(nested(kMaxJsonDepth)));
  CHECK_THAT(refused(nested(kMaxJsonDepth + 1)), Catch::Contains("nested deeper than 64"));
  CHECK_THAT(refused("{\"a\": }"), Catch::Contains("parse error at column 7"));
  CHECK_THAT(refused("{\n\"a\": }"), Catch::Contains("parse error at line 2, column 6"));
  CHECK_THAT(refused("1 2"), Catch::Contains("parse error"));
  CHECK_THAT(refused("1e999"), Catch::Contains("1e999"));
  CHECK_THAT(refused(""), Catch::Contains("parse error"));
}
