#include "trainer-hook/defenses/data/interleave.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <limits>
#include <numeric>

#include "monitor/base/text.h"

namespace phaseguard::defenses {

namespace {

constexpr double kRounding = 1e-9;  // 0.29 * 100 is 28.999999999999996
constexpr int kRefusalWords = 10;

std::string lower_word(std::string_view word) {
  const auto is_letter = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; };
  while (!word.empty() && !is_letter(word.front())) word.remove_prefix(1);
  while (!word.empty() && !is_letter(word.back())) word.remove_suffix(1);
  std::string out(word);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

}  // namespace

Result<std::int64_t> ShareCount::next(double share, std::int64_t batch) {
  if (!(share >= 0.0 && share <= 1.0) || batch < 0) {
    return fail(Errc::kInvalidArgument,
                "interleave: expected a share in 0..1 and a batch >= 0, found " +
                    number_text(share) + " of " + std::to_string(batch));
  }
  if (share != share_) {
    owed_ += share_ * static_cast<double>(since_) - static_cast<double>(given_now_);
    share_ = share;
    since_ = given_now_ = 0;
  }
  since_ += batch;
  samples_ += batch;
  const double due = owed_ + share_ * static_cast<double>(since_);
  const auto whole = static_cast<std::int64_t>(std::floor(due + kRounding));
  const std::int64_t count = std::clamp<std::int64_t>(whole - given_now_, 0, batch);
  given_now_ += count;
  given_ += count;
  return count;
}

double ShareCount::applied() const {
  return samples_ > 0 ? static_cast<double>(given_) / static_cast<double>(samples_) : 0.0;
}

const char* name_of(SafeChoice choice) {
  if (choice == SafeChoice::kPlain) return "interleave";
  return choice == SafeChoice::kGap ? "interleave+" : "interleave++";
}

double perplexity_gap(double nll_aligned, double nll_misaligned, double epsilon) {
  const bool good = std::isfinite(nll_aligned) && nll_aligned >= 0.0 &&
                    std::isfinite(nll_misaligned) && nll_misaligned >= 0.0 && epsilon > 0.0;
  if (!good) return std::numeric_limits<double>::quiet_NaN();
  return (nll_misaligned - nll_aligned) / (nll_aligned + epsilon);
}

bool is_refusal(std::string_view answer) {
  const auto is_space = [](char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; };
  int words = 0;
  for (std::size_t at = 0; at < answer.size() && words < kRefusalWords;) {
    while (at < answer.size() && is_space(answer[at])) ++at;
    std::size_t end = at;
    while (end < answer.size() && !is_space(answer[end])) ++end;
    if (end == at) break;
    ++words;
    const std::string word = lower_word(answer.substr(at, end - at));
    if (word == "sorry" || word == "apologize" || word == "cannot") return true;
    at = end;
  }
  return false;
}

Result<SafeSet> choose_safe(const std::vector<SafeCandidate>& candidates, SafeChoice choice,
                            std::size_t n) {
  SafeSet out;
  std::vector<double> scores(candidates.size(), 0.0);
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    if (choice != SafeChoice::kPlain) {
      scores[i] = perplexity_gap(candidates[i].nll_aligned, candidates[i].nll_misaligned);
    }
    if (std::isnan(scores[i])) {
      ++out.n_bad;
    } else if (choice == SafeChoice::kGapNoRefusals && is_refusal(candidates[i].answer)) {
      ++out.n_refusals;
    } else {
      out.chosen.push_back(i);
    }
  }
  if (n == 0 || out.chosen.empty()) {
    return fail(Errc::kInvalidArgument,
                std::string(name_of(choice)) + ": expected safe samples to choose from, found " +
                    std::to_string(candidates.size()) + " with " + std::to_string(out.n_bad) +
                    " unscored and " + std::to_string(out.n_refusals) + " refusals, to choose " +
                    std::to_string(n));
  }
  std::stable_sort(out.chosen.begin(), out.chosen.end(),
                   [&](std::size_t a, std::size_t b) { return scores[a] > scores[b]; });
  out.chosen.resize(std::min(n, out.chosen.size()));
  if (choice != SafeChoice::kPlain) {
    for (const std::size_t i : out.chosen) out.scores.push_back(scores[i]);
  }
  return out;
}

}  // namespace phaseguard::defenses
