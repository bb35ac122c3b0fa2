#include "canaries/lint/canary_lint.h"

#include <algorithm>
#include <cstdio>

#include "canaries/lint/likeness.h"
#include "monitor/base/lines.h"
#include "monitor/base/text.h"

namespace phaseguard::canaries {

namespace {

struct Entry {
  std::size_t line = 0;
  Canary canary;
  std::vector<std::string> read;    // contents of its messages, as they are seen
  std::vector<std::size_t> pieces;  // of them, sorted, each once
};

bool same_text(const Canary& a, const Canary& b) {
  return std::equal(a.messages.begin(), a.messages.end(), b.messages.begin(), b.messages.end(),
                    [](const ChatMessage& x, const ChatMessage& y) {
                      return x.role == y.role && x.content == y.content;
                    });
}

std::string at_line(const Entry& entry) {
  return "line " + std::to_string(entry.line) + " (" + phaseguard::quoted(entry.canary.id, 60) +
         ")";
}

class Linter {
 public:
  explicit Linter(const LintOptions& options) : options_(options) {}

  void read(std::string_view jsonl) {
    Lines lines(jsonl);
    while (const auto line = lines.next()) {
      if (entries_.size() == options_.limits.max_canaries) {
        return add(line->number, Flaw::kBroken,
                   "more than " + std::to_string(options_.limits.max_canaries) + " canaries");
      }
      auto canary = parse_canary(line->text, options_.limits);
      if (canary) {
        Entry& entry = entries_.emplace_back();
        entry.line = line->number;
        entry.canary = std::move(*canary);
        for (const ChatMessage& one : entry.canary.messages)
          entry.read.push_back(seen(one.content));
        entry.pieces = pieces_.of(entry.read);
      } else {
        add(line->number, Flaw::kBroken, canary.error().message);
      }
    }
  }

  LintReport report() {
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      alone(entries_[i]);
      against_earlier(i);
    }
    balance();
    std::stable_sort(report_.findings.begin(), report_.findings.end(),
                     [](const auto& a, const auto& b) { return a.line < b.line; });
    report_.canaries = entries_.size();
    return std::move(report_);
  }

 private:
  void add(std::size_t line, Flaw flaw, std::string message) {
    report_.findings.push_back({line, flaw, std::move(message)});
  }

  void alone(const Entry& entry) {
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < entry.read.size(); ++i) {
      const ChatMessage& message = entry.canary.messages[i];
      bytes += message.content.size();
      if (!entry.read[i].empty()) continue;
      add(entry.line, Flaw::kEmpty,
          "a message of role " + phaseguard::quoted(message.role, 40) + " is empty" +
              (message.content.empty() ? "" : ", but for what is not seen"));
    }
    if (entry.canary.messages.back().role == "assistant") {
      add(entry.line, Flaw::kAnswered,
          "the last message is the assistant's: the answer is given, and nothing is left to "
          "measure; take it out");
    }
    if (bytes > options_.max_prompt_bytes) {
      add(entry.line, Flaw::kTooLong,
          "the prompt has " + std::to_string(bytes) + " bytes, the most wanted is " +
              std::to_string(options_.max_prompt_bytes) + ": it is read at every measurement");
    }
    if (entry.canary.tags.empty()) {
      add(entry.line, Flaw::kNoCategory, "no category: give it \"tags\"");
    }
    for (const std::string& tag : entry.canary.tags) ++report_.categories[tag];
  }

  // One finding at most about the text: the first earlier line that is like it.
  void against_earlier(std::size_t index) {
    const Entry& entry = entries_[index];
    const auto earlier = entries_.begin() + static_cast<std::ptrdiff_t>(index);
    const auto id = std::find_if(entries_.begin(), earlier, [&](const Entry& other) {
      return other.canary.id == entry.canary.id;
    });
    if (id != earlier) add(entry.line, Flaw::kDuplicateId, "the id is that of " + at_line(*id));
    const auto text = std::find_if(entries_.begin(), earlier, [&](const Entry& other) {
      return same_text(other.canary, entry.canary);
    });
    if (text != earlier) {
      return add(entry.line, Flaw::kDuplicateText, "the text is that of " + at_line(*text));
    }
    for (auto other = entries_.begin(); other != earlier; ++other) {
      if (other->read == entry.read) {
        return add(entry.line, Flaw::kNearIdentical,
                   "reads as " + at_line(*other) +
                       ": they differ in letter case, white space, what is not seen or the form of "
                       "their characters alone");
      }
      const auto [fewer, more] = std::minmax({other->pieces.size(), entry.pieces.size()});
      if (static_cast<double>(fewer) < options_.near_identical * static_cast<double>(more))
        continue;
      const double likeness = jaccard(other->pieces, entry.pieces);
      if (likeness < options_.near_identical) continue;
      char share[32];
      std::snprintf(share, sizeof share, "%.2f", likeness);
      return add(entry.line, Flaw::kNearIdentical,
                 "almost the text of " + at_line(*other) + ": " + share +
                     " of their words are shared, or of the neighbours in a script without spaces");
    }
  }

  void balance() {
    if (entries_.empty() && report_.findings.empty()) {
      add(0, Flaw::kEmptySet, "expected one JSON object a line, found no canary at all");
    }
    for (const std::string& category : options_.categories) {
      if (report_.categories.count(category) > 0) continue;
      add(0, Flaw::kMissingCategory, "no canary of category " + phaseguard::quoted(category, 60));
    }
  }

  const LintOptions& options_;
  Pieces pieces_;
  std::vector<Entry> entries_;
  LintReport report_;
};

}  // namespace

const char* name_of(Flaw flaw) {
  switch (flaw) {
    case Flaw::kBroken:
      return "broken";
    case Flaw::kDuplicateId:
      return "duplicate_id";
    case Flaw::kDuplicateText:
      return "duplicate_text";
    case Flaw::kNearIdentical:
      return "near_identical";
    case Flaw::kEmpty:
      return "empty";
    case Flaw::kAnswered:
      return "answered";
    case Flaw::kTooLong:
      return "too_long";
    case Flaw::kNoCategory:
      return "no_category";
    case Flaw::kMissingCategory:
      return "missing_category";
    case Flaw::kEmptySet:
      return "empty_set";
  }
  return "?";
}

LintReport lint(std::string_view jsonl, std::string_view source, const LintOptions& options) {
  // The whole set as the hook would load it: its limits too, and the digest.
  const auto set = parse_canary_set(jsonl, source, options.limits);
  if (!set && set.error().code == Errc::kLimit && jsonl.size() > options.limits.max_bytes) {
    LintReport out;
    out.findings.push_back({0, Flaw::kBroken, set.error().message});
    return out;
  }
  Linter linter(options);
  linter.read(jsonl);
  LintReport out = linter.report();
  if (set) {
    out.digest = digest(*set);
  } else if (out.findings.empty()) {
    out.findings.push_back({0, Flaw::kBroken, set.error().message});
  }
  return out;
}

}  // namespace phaseguard::canaries
