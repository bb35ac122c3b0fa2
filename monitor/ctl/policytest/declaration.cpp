#include "monitor/ctl/policytest/declaration.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "monitor/base/table_text.h"
#include "monitor/base/text.h"
#include "monitor/ctl/text_lines.h"
#include "monitor/policy/asks.h"
#include "monitor/wire/declaration.h"

namespace phaseguard::ctl {

namespace {

using Words = std::vector<std::string>;

struct Range {
  double min = 0.0;
  double max = 0.0;
};

std::optional<Range> range_of(const std::string& text) {
  const std::size_t dots = text.find("..");
  if (dots == std::string::npos) return std::nullopt;
  const auto min = parse_number(text.substr(0, dots));
  const auto max = parse_number(text.substr(dots + 2));
  if (!min || !max || !(*min <= *max)) return std::nullopt;
  return Range{*min, *max};
}

// The words after a name, as options with one value each.
class Options {
 public:
  Options(const Words& words, const std::string& where) : words_(words), where_(where) {}

  [[nodiscard]] bool more() const { return at_ < words_.size(); }
  [[nodiscard]] const std::string& key() const { return words_[at_]; }

  Result<std::string> text() {
    if (at_ + 1 >= words_.size()) {
      return fail(Errc::kMalformed, where_ + "expected a value after " + quoted(key(), 40));
    }
    at_ += 2;
    return words_[at_ - 1];
  }
  void flag() { ++at_; }

  Result<void> integer(std::int64_t& out, std::int64_t least) {
    const std::string name = key();
    auto word = text();
    if (!word) return tl::unexpected(word.error());
    const auto value = parse_integer(*word);
    if (!value || *value < least) {
      return fail(Errc::kMalformed, where_ + "expected a whole number of at least " +
                                        std::to_string(least) + " after " + name + ", found " +
                                        quoted(*word, 40));
    }
    out = *value;
    return {};
  }
  Result<void> number(double& out) {
    const std::string name = key();
    auto word = text();
    if (!word) return tl::unexpected(word.error());
    const auto value = parse_number(*word);
    if (!value || !std::isfinite(*value)) {
      return fail(Errc::kMalformed, where_ + "expected a finite number after " + name + ", found " +
                                        quoted(*word, 40));
    }
    out = *value;
    return {};
  }
  Result<void> range(double& min, double& max) {
    auto word = text();
    if (!word) return tl::unexpected(word.error());
    const auto value = range_of(*word);
    if (!value) {
      return fail(Errc::kMalformed,
                  where_ + "expected a range such as 0..1 or 0..inf, found " + quoted(*word, 40));
    }
    min = value->min;
    max = value->max;
    return {};
  }
  // "0.15,0.09": mean and sd.
  Result<void> noise(double& mean, double& sd) {
    auto word = text();
    if (!word) return tl::unexpected(word.error());
    const std::size_t comma = word->find(',');
    const auto first = parse_number(word->substr(0, comma));
    const auto second =
        comma == std::string::npos ? std::nullopt : parse_number(word->substr(comma + 1));
    if (!first || !second || !std::isfinite(*first) || !(*second >= 0.0)) {
      return fail(Errc::kMalformed,
                  where_ + "expected noise MEAN,SD such as 0.15,0.09, found " + quoted(*word, 40));
    }
    mean = *first;
    sd = *second;
    return {};
  }
  template <class E>
  Result<void> word(wire::Word<E>& out) {
    std::string text;
    Result<void> taken = word(text);
    if (taken) out = wire::Word<E>::from(std::move(text));
    return taken;
  }
  Result<void> word(std::string& out) {
    auto found = text();
    if (!found) return tl::unexpected(found.error());
    out = std::move(*found);
    return {};
  }
  [[nodiscard]] Result<void> unknown(const Words& known) const {
    const std::string near = nearest(key(), known);
    return fail(Errc::kMalformed, where_ + "expected one of " + joined(known, ", ") + ", found " +
                                      quoted(key(), 40) +
                                      (near.empty() ? "" : "; did you mean \"" + near + "\"?"));
  }

 private:
  const Words& words_;
  const std::string& where_;
  std::size_t at_ = 2;
};

template <class Decl>
Result<void> fresh(const std::vector<Decl>& declared, const std::string& name, const char* what,
                   const std::string& where) {
  for (const Decl& other : declared) {
    if (other.name != name) continue;
    return fail(Errc::kMalformed,
                where + "the " + what + " " + quoted(name, 64) + " is declared already");
  }
  return {};
}

Result<void> take_signal(wire::Hello& hello, const Words& words, const std::string& where) {
  wire::SignalDecl signal;
  signal.name = words[1];
  signal.unit = "1";
  if (auto good = fresh(hello.signals, signal.name, "signal", where); !good) return good;
  Options options(words, where);
  while (options.more()) {
    const std::string& key = options.key();
    Result<void> taken;
    if (key == "range") {
      taken = options.range(signal.min, signal.max);
    } else if (key == "every") {
      taken = options.integer(signal.every_steps, 0);
    } else if (key == "columns") {
      taken = options.integer(signal.columns, 1);
    } else if (key == "unit") {
      taken = options.word(signal.unit);
    } else if (key == "items") {
      taken = options.word(signal.items);
    } else if (key == "variant") {
      taken = options.word(signal.variant);
    } else if (key == "noise") {
      taken = options.noise(signal.noise_mean, signal.noise_sd);
    } else {
      taken = options.unknown({"range", "every", "unit", "items", "columns", "variant", "noise"});
    }
    if (!taken) return taken;
  }
  if (!signal.items.empty() && !signal.items.known()) {
    return fail(Errc::kMalformed, where + "expected items " +
                                      wire::list_of_words<wire::Items>(" or ") + ", found " +
                                      quoted(signal.items.text(), 40));
  }
  hello.signals.push_back(std::move(signal));
  return {};
}

// What a policy can ask for is declared under the same key with the same words.
Result<void> take_meaning(wire::KnobDecl& knob, const policy::AskRow<wire::KnobDecl>& row,
                          Options& options, const std::string& where) {
  auto word = options.text();
  if (!word) return tl::unexpected(word.error());
  const Words& legal = row.words;
  if (!legal.empty() && std::find(legal.begin(), legal.end(), *word) == legal.end()) {
    return fail(Errc::kMalformed, where + "expected " + row.key + " " + joined(legal, " or ") +
                                      ", found " + quoted(*word, 40));
  }
  row.say(knob, *word);
  return {};
}

Result<void> take_knob(wire::Hello& hello, const Words& words, const std::string& where) {
  wire::KnobDecl knob;
  knob.name = words[1];
  knob.unit = "1";
  knob.max = 1.0;
  if (auto good = fresh(hello.knobs, knob.name, "knob", where); !good) return good;
  Options options(words, where);
  while (options.more()) {
    const std::string& key = options.key();
    Result<void> taken;
    if (key == "range") {
      taken = options.range(knob.min, knob.max);
    } else if (key == "initial") {
      taken = options.number(knob.initial);
    } else if (key == "lambda_star") {
      taken = options.number(knob.lambda_star);
      if (taken && !(knob.lambda_star > 0.0)) {
        return fail(Errc::kMalformed, where + "expected a lambda_star above 0, found " +
                                          number_text(knob.lambda_star));
      }
    } else if (key == "sites") {
      std::string sites;
      taken = options.word(sites);
      for (std::size_t from = 0; taken && from <= sites.size();) {
        const std::size_t end = std::min(sites.find(',', from), sites.size());
        knob.sites.push_back(wire::Word<wire::Site>::from(sites.substr(from, end - from)));
        from = end + 1;
      }
    } else if (key == "protects") {
      taken = options.word(knob.protects);
    } else if (key == "per_sample" || key == "forcible") {
      (key == "forcible" ? knob.forcible : knob.per_sample) = true;
      options.flag();
    } else if (const auto* meaning = policy::find_ask(policy::knob_asks(), key)) {
      taken = take_meaning(knob, *meaning, options, where);
    } else {
      taken =
          options.unknown({"range", "initial", "unit", "site", "direction", "mask", "normaliser",
                           "form", "sites", "protects", "per_sample", "forcible", "lambda_star"});
    }
    if (!taken) return taken;
  }
  if (!knob.protects.empty() && !knob.protects.known()) {
    return fail(Errc::kMalformed, where + "expected protects " +
                                      wire::list_of_words<wire::Protects>(" or ") + ", found " +
                                      quoted(knob.protects.text(), 40));
  }
  hello.knobs.push_back(std::move(knob));
  return {};
}

Result<void> take_requests(wire::Hello& hello, const Words& words, const std::string& where) {
  for (std::size_t i = 1; i < words.size(); ++i) {
    const auto type = wire::word_of<wire::RequestType>(words[i]);
    if (!type) {
      return fail(Errc::kMalformed, where + "expected requests out of " +
                                        wire::list_of_words<wire::RequestType>() + ", found " +
                                        quoted(words[i], 40));
    }
    hello.requests.push_back(*type);
  }
  return {};
}

Result<void> take_count(std::int64_t& out, const Words& words, const std::string& where) {
  const auto value = words.size() == 2 ? parse_integer(words[1]) : std::nullopt;
  if (!value || *value < 0) {
    return fail(Errc::kMalformed, where + "expected " + words[0] +
                                      " N with N of 0 or more steps, found " +
                                      quoted(joined(words, " "), 60));
  }
  out = *value;
  return {};
}

}  // namespace

wire::Hello empty_declaration() {
  wire::Hello hello;
  hello.session = "declared";
  hello.laws = wire::laws_for(wire::kProtocolVersion);  // as a daemon records it
  return hello;
}

Result<bool> take_declaration(wire::Hello& hello, const Words& words, const std::string& where) {
  const Words known{"cadence", "steps", "canaries", "signal", "knob", "can"};
  const std::string& first = words.front();
  if (std::find(known.begin(), known.end(), first) == known.end()) return false;
  if (words.size() < 2) return fail(Errc::kMalformed, where + "expected more after " + first);
  Result<void> taken;
  if (first == "cadence") taken = take_count(hello.cadence_steps, words, where);
  if (first == "steps") taken = take_count(hello.total_steps, words, where);
  if (first == "canaries") hello.canary_ids.assign(words.begin() + 1, words.end());
  if (first == "signal") taken = take_signal(hello, words, where);
  if (first == "knob") taken = take_knob(hello, words, where);
  if (first == "can") taken = take_requests(hello, words, where);
  if (!taken) return tl::unexpected(taken.error());
  return true;
}

Result<wire::Hello> read_declaration(std::string_view text, const std::string& file) {
  wire::Hello hello = empty_declaration();
  bool in_policy = false;
  for (const TextLine& line : lines_of(text)) {
    const Words words = words_of(line.text);
    const bool fence =
        line.text.substr(0, 3) == "\"\"\"" ||
        (words.front() == "policy" && line.text.find("\"\"\"") != std::string_view::npos);
    if (fence) in_policy = !in_policy;
    if (fence || in_policy) continue;
    if (words.front() == "test") break;
    if (words.front() == "policy" || words.front() == "step_seconds") continue;
    const std::string where = file + ":" + std::to_string(line.number) + ": ";
    auto taken = take_declaration(hello, words, where);
    if (!taken) return tl::unexpected(taken.error());
    if (!*taken) {
      return fail(Errc::kMalformed,
                  where + "expected cadence, steps, canaries, signal, knob or can, found " +
                      quoted(words.front(), 40));
    }
  }
  if (hello.signals.empty() && hello.knobs.empty()) {
    return fail(Errc::kMalformed, file +
                                      ": expected lines such as: signal judge/score range 0..1 "
                                      "every 5, found no signal and no knob");
  }
  return hello;
}

Result<wire::Hello> recorded_declaration(const store::Reader& reader) {
  std::optional<wire::Hello> found;
  auto read = reader.each(Seq{1}, [&found](const wire::Message& message) {
    if (const auto* hello = std::get_if<wire::Hello>(&message.body)) found = *hello;
    return true;
  });
  if (!read) return tl::unexpected(read.error());
  if (!found) {
    return fail(Errc::kMalformed, reader.path().string() + ": holds no declaration of a trainer");
  }
  return *found;
}

}  // namespace phaseguard::ctl
