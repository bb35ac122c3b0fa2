// [detector.NAME].
#include <algorithm>
#include <string>

#include "monitor/base/text.h"
#include "monitor/policy/language/parse_common.h"
#include "monitor/policy/language/parse_parts.h"
#include "monitor/policy/laws/detector.h"

namespace phaseguard::policy {

namespace {

constexpr std::int64_t kMaxCount = 1000000;
constexpr std::int64_t kMaxWindow = 4096;
constexpr std::int64_t kMaxJsWindow = 32;

struct TypeKeys {
  const char* type;
  Words keys;  // its own, beside those of every detector
};

// In the order of docs/POLICY.md.
const std::vector<TypeKeys>& types() {
  static const std::vector<TypeKeys> all{
      {"level", {"above", "consecutive", "warmup", "clear", "clear_consecutive"}},
      {"ewma", {"above", "consecutive", "warmup", "clear", "clear_consecutive", "halflife"}},
      {"rate", {"above", "consecutive", "warmup", "clear", "clear_consecutive", "window"}},
      {"zscore", {"above", "consecutive", "warmup", "clear", "clear_consecutive", "window"}},
      {"mad_shift", {"keep", "calibrate", "mads", "consecutive"}},
      {"cusum", {"mean", "slack", "limit"}},
      {"page_hinkley", {"delta", "limit"}},
      {"window_js", {"window", "above"}},
      {"eprocess", {"form", "null_mean", "bet", "alpha"}},
      {"stale", {"after"}}};
  return all;
}

bool holds(const Words& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

Words common_keys() {
  Words keys{"type", "variant", "bad"};
  keys.insert(keys.end(), source_keys().begin(), source_keys().end());
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
    for (const TypeKeys& other : types()) {
      if (holds(other.keys, name)) owners.push_back(std::string("\"") + other.type + "\"");
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

// One detector while it is read: `ok` turns false with the first error, the rest is still checked.
struct DetectorReader {
  const TableReader& reader;
  DetectorSpec& spec;
  bool ok = true;

  [[nodiscard]] double number(const std::string& key) {
    const auto value = reader.number(key, true);
    ok = ok && value;
    return value.value_or(0.0);
  }
  [[nodiscard]] double number_or(const std::string& key, double otherwise) {
    return reader.find(key) == nullptr ? otherwise : number(key);
  }
  [[nodiscard]] std::int64_t count(const std::string& key, Range range, std::int64_t otherwise) {
    const auto value = reader.count(key, range);
    ok = ok && (value || reader.find(key) == nullptr);
    return value.value_or(otherwise);
  }
  [[nodiscard]] std::int64_t needed_count(const std::string& key, Range range) {
    if (reader.find(key) == nullptr) {
      reader.error(reader.place(), reader.where() + " has no \"" + key + "\"; add " + key +
                                       " = a whole number from " + std::to_string(range.min) +
                                       " to " + std::to_string(range.max));
      ok = false;
      return range.min;
    }
    return count(key, range, range.min);
  }
  void require(bool holds, const std::string& key, const std::string& expected, double found) {
    if (holds || !ok) return;
    reader.error(reader.place_of_key(key), "\"" + key + "\" in " + reader.where() + ": expected " +
                                               expected + ", found " + number_text(found));
    ok = false;
  }

  void read_streak();
  void read_clear();
  DetectorLaw read_law(const std::string& type);
  EwmaLaw read_ewma();
  MadShiftLaw read_mad_shift();
  CusumLaw read_cusum();
  PageHinkleyLaw read_page_hinkley();
  EprocessLaw read_eprocess();
  StaleLaw read_stale();
};

void DetectorReader::read_streak() {
  spec.above = number("above");
  spec.consecutive = count("consecutive", {1, kMaxCount}, 1);
  spec.warmup = count("warmup", {0, kMaxCount}, 0);
  read_clear();
}

void DetectorReader::read_clear() {
  const bool any = reader.find("clear") != nullptr || reader.find("clear_consecutive") != nullptr;
  spec.clear_consecutive = count("clear_consecutive", {1, kMaxCount}, spec.consecutive);
  if (!any) return;
  const double clear = number_or("clear", spec.above);
  require(clear <= spec.above, "clear",
          "a number up to above = " + number_text(spec.above) +
              " (it votes above \"above\" and goes on until \"clear\")",
          clear);
  spec.clear = clear;
}

EwmaLaw DetectorReader::read_ewma() {
  const double halflife = number("halflife");
  require(halflife >= 0.01 && halflife <= 1e9, "halflife",
          "a number of measurements from 0.01 to 1e9", halflife);
  return ok ? EwmaLaw{halflife, ewma_alpha(halflife)} : EwmaLaw{};
}

MadShiftLaw DetectorReader::read_mad_shift() {
  MadShiftLaw law;
  law.keep = number_or("keep", law.keep);
  law.calibrate = count("calibrate", {1, kMaxWindow}, law.calibrate);
  law.mads = number_or("mads", law.mads);
  spec.consecutive = count("consecutive", {1, kMaxCount}, 2);
  spec.warmup = 1 + law.calibrate;
  require(law.keep > 0.0 && law.keep < 1.0, "keep",
          "a share above 0 and below 1 of the average so far", law.keep);
  require(law.mads >= 0.0, "mads", "a number of MADs, 0 or more", law.mads);
  return law;
}

CusumLaw DetectorReader::read_cusum() {
  const CusumLaw law{number("mean"), number("slack"), number("limit")};
  require(law.slack >= 0.0, "slack", "a number, 0 or more", law.slack);
  require(law.limit > 0.0, "limit", "a number above 0", law.limit);
  return law;
}

PageHinkleyLaw DetectorReader::read_page_hinkley() {
  const PageHinkleyLaw law{number("delta"), number("limit")};
  require(law.delta >= 0.0, "delta", "a number, 0 or more", law.delta);
  require(law.limit > 0.0, "limit", "a number above 0", law.limit);
  return law;
}

EprocessLaw DetectorReader::read_eprocess() {
  EprocessLaw law;
  const auto form = reader.choice("form", false, {"ville", "esr", "ecusum"});
  if (!form && reader.find("form") != nullptr) ok = false;
  if (form) law.form = *form == "esr" ? EForm::kEsr : EForm::kEcusum;
  if (!form || *form == "ville") law.form = EForm::kVille;
  law.null_mean = number("null_mean");
  law.bet = number("bet");
  law.alpha = number("alpha");
  require(law.null_mean > 0.0 && law.null_mean < 1.0, "null_mean",
          "a mean above 0 and below 1: the signal is a risk from 0 to 1", law.null_mean);
  require(law.alpha > 0.0 && law.alpha < 1.0, "alpha",
          "an error rate above 0 and below 1, such as 0.05", law.alpha);
  require(law.bet >= 0.0 && law.bet <= 1.0 / law.null_mean, "bet",
          "from 0 to 1 / null_mean = " + number_text(1.0 / law.null_mean) +
              " (a larger bet could lose more than there is)",
          law.bet);
  return law;
}

StaleLaw DetectorReader::read_stale() {
  const auto after = parse_span(reader, "after", true,
                                {SpanUnit::kIntervals, SpanUnit::kSteps, SpanUnit::kSeconds});
  if (!after) ok = false;
  return StaleLaw{after.value_or(Span{})};
}

// The law of `type`, and its own keys.
DetectorLaw DetectorReader::read_law(const std::string& type) {
  if (type == "level" || type == "ewma" || type == "rate" || type == "zscore") read_streak();
  if (type == "level") return LevelLaw{};
  if (type == "ewma") return read_ewma();
  if (type == "rate") return RateLaw{needed_count("window", {2, kMaxWindow})};
  if (type == "zscore") return ZscoreLaw{needed_count("window", {2, kMaxWindow})};
  if (type == "mad_shift") return read_mad_shift();
  if (type == "cusum") return read_cusum();
  if (type == "page_hinkley") return read_page_hinkley();
  if (type == "eprocess") return read_eprocess();
  if (type == "stale") return read_stale();
  spec.above = number("above");
  return WindowJsLaw{needed_count("window", {1, kMaxJsWindow})};
}

void warn_of_range(const TableReader& reader, const DetectorSpec& spec) {
  const bool values =
      std::holds_alternative<LevelLaw>(spec.law) || std::holds_alternative<EwmaLaw>(spec.law);
  const bool divergence =
      (values && spec.source.signal.rfind("canary/js", 0) == 0 && spec.source.over.empty()) ||
      std::holds_alternative<WindowJsLaw>(spec.law);
  if (divergence && spec.above >= kLn2) {
    reader.warning(reader.place_of_key("above"),
                   "a Jensen-Shannon divergence is at most ln 2 = 0.693 nats, so above = " +
                       number_text(spec.above) + " never holds; is the threshold in bits?");
  }
}

std::optional<DetectorSpec> parse_detector(const std::string& name, const TableReader& reader,
                                           BadSignal bad_signal) {
  Words known;
  for (const TypeKeys& type : types()) known.emplace_back(type.type);
  const auto type = reader.choice("type", true, known);
  if (!type) return std::nullopt;  // which keys are right depends on it
  Words own = common_keys();
  for (const TypeKeys& candidate : types()) {
    if (candidate.type == *type)
      own.insert(own.end(), candidate.keys.begin(), candidate.keys.end());
  }
  check_keys(reader, own);
  DetectorSpec spec;
  spec.name = name;
  spec.place = reader.place();
  const auto source = parse_source(reader);
  DetectorReader parts{reader, spec};
  spec.law = parts.read_law(*type);
  const auto bad = reader.choice("bad", false, {"alarm", "vote"});
  spec.variant = reader.text("variant", false).value_or("");
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
}

}  // namespace phaseguard::policy
