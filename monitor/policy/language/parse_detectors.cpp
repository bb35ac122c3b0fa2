// [detector.NAME].
#include <algorithm>
#include <string>

#include "monitor/base/text.h"
#include "monitor/policy/language/parse_common.h"
#include "monitor/policy/language/parse_parts.h"
#include "monitor/policy/laws/law_row.h"

namespace phaseguard::policy {

namespace {

bool holds(const Words& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

bool has_key(const LawRow& row, std::string_view name) {
  const phaseguard::Span<const Key> keys = row.keys;
  return std::any_of(keys.begin(), keys.end(), [&](const Key& key) { return key.name == name; });
}

// Those of every detector, and its own.
Words keys_of(const LawRow& row) {
  Words keys{"type", "variant", "bad", "group", "until_step"};
  keys.insert(keys.end(), source_keys().begin(), source_keys().end());
  const phaseguard::Span<const Key> own = row.keys;
  for (const Key& key : own) keys.emplace_back(key.name);
  return keys;
}

// Keys that a person may bring from elsewhere, with what to do instead.
std::string hint_for(std::string_view key) {
  if (key == "below") return "; detectors look upwards: watch a difference with \"minus\"";
  if (key == "threshold") return "; did you mean \"above\" or \"limit\"?";
  return "";
}

void check_keys(const TableReader& reader, const Words& own) {
  for (const auto& [key, node] : reader.table()) {
    const std::string name(key.str());
    if (holds(own, name)) continue;
    Words owners;
    for (const DetectorLaw& other : all_laws()) {
      if (has_key(row_of(other), name)) owners.push_back("\"" + std::string(name_of(other)) + "\"");
    }
    if (!owners.empty()) {
      reader.error(place_of(node), "\"" + name + "\" in " + reader.where() + " belongs to type = " +
                                       joined(owners, " or ") + "; this type has: " + joined(own));
      continue;
    }
    std::string hint = hint_for(name);
    if (hint.empty()) hint = suggestion(name, own);
    if (hint.empty()) hint = "; expected one of: " + joined(own);
    reader.error(place_of(key.source()),
                 "unknown key " + quoted(name, 60) + " in " + reader.where() + hint);
  }
}

// One detector while it is read: `ok` turns false with the first error, the rest is still read.
struct DetectorReader {
  const TableReader& reader;
  DetectorSpec& spec;
  bool ok = true;

  void require(bool holds, const std::string& key, const std::string& expected, double found) {
    if (holds || !ok) return;
    reader.error(reader.place_of_key(key), "\"" + key + "\" in " + reader.where() + ": expected " +
                                               expected + ", found " + number_text(found));
    ok = false;
  }
  void note(bool is_read, const Key& key) {  // else absent, or wrong and reported
    ok = ok && (is_read || (!key.wanted.required && reader.find(key.name) == nullptr));
  }
  [[nodiscard]] std::optional<Span> value_of(const Key& key) const;
  void read_law(const LawRow& row);
  void read_clear();
  void read_sds(const Key& key, std::optional<double> (*sds_of)(std::string_view),
                const char* expected, std::optional<double>& kept);
  void read_noise(const Key& key);
  void read_spread(const Key& key);
};

constexpr double kMostSds = 100.0;
constexpr std::int64_t kMaxUntil = 1000000000000;

// "3 sd". Nothing: another text.
std::optional<double> sds_in(std::string_view text) {
  constexpr std::string_view kSd = " sd";
  if (text.size() <= kSd.size() || text.substr(text.size() - kSd.size()) != kSd)
    return std::nullopt;
  const auto sds = parse_number(text.substr(0, text.size() - kSd.size()));
  return sds && *sds >= 0.0 && *sds <= kMostSds ? sds : std::nullopt;
}

// The same above 0.
std::optional<double> spread_in(std::string_view text) {
  const auto sds = sds_in(text);
  return sds && *sds > 0.0 ? sds : std::nullopt;
}

// "noise", "noise + 3 sd". Nothing: another text.
std::optional<double> noise_in(std::string_view text) {
  constexpr std::string_view kNoise = "noise";
  constexpr std::string_view kPlus = "noise + ";
  if (text == kNoise) return 0.0;
  if (text.substr(0, kPlus.size()) != kPlus) return std::nullopt;
  return sds_in(text.substr(kPlus.size()));
}

// Standard deviations of the signal's noise in place of a number: what `sds_of` reads, kept in
// `kept`.
void DetectorReader::read_sds(const Key& key, std::optional<double> (*sds_of)(std::string_view),
                              const char* expected, std::optional<double>& kept) {
  const auto text = reader.text(key.name, true);
  kept = text ? sds_of(*text) : std::nullopt;
  if (kept) {
    key.put(spec, Span{wire::kNaN});
    return;
  }
  ok = false;
  if (!text) return;
  reader.error(reader.place_of_key(key.name), "\"" + std::string(key.name) + "\" in " +
                                                  reader.where() + ": expected a number" +
                                                  expected + ", found " + quoted(*text, 60));
}

void DetectorReader::read_noise(const Key& key) {
  read_sds(key, noise_in,
           ", \"noise\" or \"noise + 3 sd\" (of what the trainer declares for clean samples; 0 "
           "to 100 sd)",
           spec.noise_sds);
}

// A number, a count and the index of a word as the count of a span. Nothing: absent, or an error
// was reported.
std::optional<Span> DetectorReader::value_of(const Key& key) const {
  const auto& [min, max, open, expected, choices, required, otherwise, is_line, is_spread] =
      key.wanted;
  switch (key.kind) {
    case Key::Kind::kNumber:
      if (const auto number = reader.number(key.name, required)) return Span{*number};
      break;
    case Key::Kind::kCount: {
      const Range range{static_cast<std::int64_t>(min), static_cast<std::int64_t>(max)};
      const auto count = reader.count(key.name, range, required);
      if (count) return Span{static_cast<double>(*count)};
      break;
    }
    case Key::Kind::kWord: {
      const Words words(choices.begin(), choices.end());
      const auto word = reader.choice(key.name, required, words);
      if (!word) break;
      return Span{
          static_cast<double>(std::find(words.begin(), words.end(), *word) - words.begin())};
    }
    case Key::Kind::kAmount:
      return parse_span(reader, key.name, required,
                        {SpanUnit::kIntervals, SpanUnit::kSteps, SpanUnit::kSeconds});
    case Key::Kind::kHysteresis:
      break;
  }
  return std::nullopt;
}

void DetectorReader::read_clear() {
  const bool any = reader.find("clear") != nullptr || reader.find("clear_consecutive") != nullptr;
  const auto consecutive =
      reader.count(kClearConsecutive.name, {1, static_cast<std::int64_t>(kMaxCount)});
  note(consecutive.has_value(), kClearConsecutive);
  spec.clear_consecutive = consecutive.value_or(spec.consecutive);
  if (!any) return;
  const auto clear = reader.number(kClear.name, false);
  note(clear.has_value(), kClear);
  if (spec.noise_sds && clear) {
    reader.error(reader.place_of_key(kClear.name),
                 "\"clear\" in " + reader.where() +
                     " beside a line of the signal's noise: take it out, it is that line itself");
    ok = false;
    return;
  }
  spec.clear = clear.value_or(spec.above);
  if (spec.noise_sds) return;
  require(*spec.clear <= spec.above, kClear.name,
          "a number up to above = " + number_text(spec.above) +
              " (it votes above \"above\" and goes on until \"clear\")",
          *spec.clear);
}

void DetectorReader::read_spread(const Key& key) {
  read_sds(key, spread_in, " or \"8 sd\" (of the signal's declared noise; above 0, at most 100)",
           spec.limit_sds);
}

// The keys of spec.law, and what they mean together.
void DetectorReader::read_law(const LawRow& row) {
  const phaseguard::Span<const Key> keys = row.keys;
  std::vector<std::pair<const Key*, double>> numbers;
  const Key* line = noise_key(row);
  const Key* spread = spread_key(row);
  const auto read = [&](const Key& key) {
    if (key.kind == Key::Kind::kHysteresis) return;
    const toml::node* node = reader.find(key.name);
    const bool is_text = node != nullptr && node->is_string();
    if (&key == line && is_text) return read_noise(key);
    if (&key == spread && is_text) return read_spread(key);
    const auto value = value_of(key);
    note(value.has_value(), key);
    if (value) {
      key.put(spec, *value);
      if (key.kind == Key::Kind::kNumber) numbers.emplace_back(&key, value->count);
    } else if (key.wanted.otherwise) {
      key.put(spec, Span{*key.wanted.otherwise});
    }
  };
  for (const Key& key : keys) {
    if (key.is_common) read(key);
  }
  if (has_key(row, kClear.name)) read_clear();
  for (const Key& key : keys) {
    if (!key.is_common) read(key);
  }
  for (const auto& [key, value] : numbers) {
    const KeyRange& in = key->wanted;
    const bool fits =
        in.open ? value > in.min && value < in.max : value >= in.min && value <= in.max;
    require(fits, key->name, in.expected, value);
  }
  if (!ok) return;
  const auto misfit = row.finish(spec);
  if (misfit) require(false, misfit->key, misfit->expected, misfit->found);
}

void warn_of_range(const TableReader& reader, const DetectorSpec& spec) {
  const Scale scale = row_of(spec).scale;
  const bool divergence =
      scale == Scale::kDivergence ||
      (scale == Scale::kSignal && spec.source.signal.rfind("canary/js", 0) == 0 &&
       spec.source.over.empty());
  if (divergence && spec.above >= kLn2) {
    reader.warning(reader.place_of_key("above"),
                   "a Jensen-Shannon divergence is at most ln 2 = 0.693 nats, so above = " +
                       number_text(spec.above) + " never holds; is the threshold in bits?");
  }
}

void read_group(const TableReader& reader, const std::string& group, DetectorSpec& spec) {
  if (plain_names().fits(group)) {
    spec.group = group;
    return;
  }
  reader.error(reader.place_of_key("group"), "\"group\" in " + reader.where() + ": expected " +
                                                 plain_names().expected + ", found " +
                                                 quoted(group, 60));
}

// A group is only named by its members, so that a slip of the pen makes another one.
void warn_of_lone_group(const Document& document, const DetectorSpec& spec,
                        std::vector<Diagnostic>& out) {
  const auto members =
      std::count_if(document.detectors.begin(), document.detectors.end(),
                    [&](const DetectorSpec& other) { return other.group == spec.group; });
  if (spec.group.empty() || members > 1) return;
  out.push_back({Severity::kWarning, spec.place.line, spec.place.column,
                 "[detector." + spec.name + "] is alone in the group " + quoted(spec.group, 60) +
                     ", which so does nothing: name a group that another detector is in, or take "
                     "it out"});
}

std::optional<DetectorSpec> parse_detector(const std::string& name, const TableReader& reader,
                                           BadSignal bad_signal) {
  const phaseguard::Span<const DetectorLaw> laws = all_laws();
  Words types;
  for (const DetectorLaw& law : laws) types.emplace_back(name_of(law));
  const auto type = reader.choice("type", true, types);
  if (!type) return std::nullopt;  // which keys are right depends on it
  DetectorSpec spec;
  spec.law = *std::find_if(laws.begin(), laws.end(),
                           [&](const DetectorLaw& law) { return *type == name_of(law); });
  const LawRow& row = row_of(spec);
  check_keys(reader, keys_of(row));
  spec.name = name;
  spec.place = reader.place();
  const auto source = parse_source(reader);
  DetectorReader parts{reader, spec};
  parts.read_law(row);
  const auto bad = reader.choice("bad", false, {"alarm", "vote"});
  spec.variant = reader.text("variant", false).value_or("");
  if (const auto group = reader.text("group", false)) read_group(reader, *group, spec);
  if (const auto until = reader.count("until_step", {1, kMaxUntil})) spec.until_step = Step{*until};
  if (!source || !parts.ok) return std::nullopt;
  spec.source = *source;
  spec.bad = bad ? (*bad == "vote" ? BadSignal::kVote : BadSignal::kAlarm) : bad_signal;
  warn_of_range(reader, spec);
  return spec;
}

}  // namespace

void parse_detectors(const toml::table& root, Document& document, NamesInFile& names,
                     std::vector<Diagnostic>& out) {
  for (const auto& [name, reader] : named_tables(root, "detector", out)) {
    names.detectors.push_back(name);
    auto detector = parse_detector(name, reader, document.bad_signal);
    if (detector) document.detectors.push_back(std::move(*detector));
  }
  for (const DetectorSpec& one : document.detectors) warn_of_lone_group(document, one, out);
}

}  // namespace phaseguard::policy
