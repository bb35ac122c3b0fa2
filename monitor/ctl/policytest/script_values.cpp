#include "monitor/ctl/policytest/script_values.h"

#include "monitor/base/text.h"
#include "monitor/ctl/text_lines.h"

namespace phaseguard::ctl {

namespace {

constexpr std::int64_t kMostRepeats = 1000000;

class ValueReader {
 public:
  ValueReader(const wire::Hello& hello, const wire::SignalDecl& signal, const std::string& where)
      : hello_(hello), signal_(signal), where_(where) {}

  Result<void> take(const std::string& word, std::vector<ScriptValue>& out) const {
    std::string body = word;
    std::int64_t times = 1;
    const std::size_t x = word.rfind('x');
    if (x != std::string::npos && x > 0 && x + 1 < word.size()) {
      const auto n = parse_integer(word.substr(x + 1));
      if (!n || *n < 1 || *n > kMostRepeats) {
        return fail(Errc::kMalformed,
                    where_ + "expected a count of 1 to 1000000 after the x of " + quoted(word, 40));
      }
      times = *n;
      body = word.substr(0, x);
    }
    const std::size_t dots = body.find("..");
    if (dots != std::string::npos && body.front() != '[') return line(body, dots, times, out);
    auto value = one(body, word);
    if (!value) return tl::unexpected(value.error());
    out.insert(out.end(), static_cast<std::size_t>(times), *value);
    return {};
  }

 private:
  [[nodiscard]] Result<void> line(const std::string& body, std::size_t dots, std::int64_t times,
                                  std::vector<ScriptValue>& out) const {
    const auto from = parse_number(body.substr(0, dots));
    const auto to = parse_number(body.substr(dots + 2));
    if (!from || !to || times < 2) {
      return fail(Errc::kMalformed, where_ + "expected a line such as 0.1..0.5x5 of at least two " +
                                        "values, found " + quoted(body, 40));
    }
    for (std::int64_t i = 0; i < times; ++i) {
      const double share = static_cast<double>(i) / static_cast<double>(times - 1);
      out.push_back(scalar(i + 1 == times ? *to : *from + (*to - *from) * share));
    }
    return {};
  }

  [[nodiscard]] Result<ScriptValue> one(const std::string& body, const std::string& word) const {
    ScriptValue value;
    if (body == "-") {
      value.sent = false;
      return value;
    }
    if (body == "missing") {
      value.sample.missing = true;
      return value;
    }
    if (body.size() > 2 && body.front() == '[' && body.back() == ']') {
      return items(body.substr(1, body.size() - 2), word);
    }
    const auto number = parse_number(body);
    if (!number) {
      return fail(Errc::kMalformed,
                  where_ +
                      "expected values such as 0.1, 0.1x3, 0.1..0.5x5, nan, missing, - or "
                      "[0.1,0.2], found " +
                      quoted(word, 40));
    }
    return scalar(*number);
  }

  [[nodiscard]] ScriptValue scalar(double number) const {
    ScriptValue value;
    value.sample.value = number;
    if (signal_.items == wire::Items::kCanary)
      value.sample.items.assign(hello_.canary_ids.size(), number);
    return value;
  }

  [[nodiscard]] Result<ScriptValue> items(std::string text, const std::string& word) const {
    ScriptValue value;
    double sum = 0.0;
    while (true) {
      const std::size_t end = text.find_first_of(",|");
      const auto number = parse_number(text.substr(0, end));
      if (!number) {
        return fail(Errc::kMalformed,
                    where_ + "expected numbers between commas, found " + quoted(word, 60));
      }
      value.sample.items.push_back(*number);
      sum += *number;
      if (end == std::string::npos) break;
      text.erase(0, end + 1);
    }
    // A distribution has no value of its own; anything else shows the mean of its items.
    value.sample.value = signal_.items == wire::Items::kDistribution
                             ? 0.0
                             : sum / static_cast<double>(value.sample.items.size());
    return value;
  }

  const wire::Hello& hello_;
  const wire::SignalDecl& signal_;
  const std::string& where_;
};

}  // namespace

Result<std::vector<ScriptValue>> parse_values(const std::vector<std::string>& words,
                                              const wire::Hello& hello,
                                              const wire::SignalDecl& signal,
                                              const std::string& where) {
  const ValueReader reader(hello, signal, where);
  std::vector<ScriptValue> out;
  for (const std::string& word : words) {
    if (auto taken = reader.take(word, out); !taken) return tl::unexpected(taken.error());
  }
  if (out.empty()) return fail(Errc::kMalformed, where + "expected values after the colon");
  return out;
}

}  // namespace phaseguard::ctl
