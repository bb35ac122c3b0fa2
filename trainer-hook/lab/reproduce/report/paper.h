// What the PhaseGuard-KL paper prints, to stand beside ours: Qwen2.5-7B-Instruct, 337 updates on
// the malicious and 304 on the harmless task; its Tables 1 and 2. Data.
#pragma once

#include <array>

namespace phaseguard::lab::reproduce {

struct PaperRow {
  const char* name;
  const char* misaligned;  // percent
  const char* opswap;      // percent
  const char* fired;       // malicious, harmless
  const char* met;         // harm at least half recovered; four fifths of the task kept
  const char* ours;        // the treatment here that stands for it
};

inline constexpr std::array<PaperRow, 5> kPaperTable1{{
    {"none", "48.61 \u00b1 7.08", "54.63", "-", "no, yes", "none"},
    {"always-on, lambda 0.1", "0.00", "0.00", "-", "yes, no", "always 2"},
    {"PhaseGuard, lambda 0.03", "20.83 \u00b1 7.22", "22.78", "20, 20", "yes, no",
     "phaseguard-kl-lab.toml"},
    {"safety prompt", "29.17", "-", "-", "no, -", "safety-prompt"},
    {"best of 8", "41.67", "-", "-", "no, -", "best-of-8"},
}};

struct PaperSweep {
  const char* lambda;
  const char* misaligned;
  const char* opswap;
  const char* met;
};
inline constexpr std::array<PaperSweep, 5> kPaperTable2{{{"0.01", "36.11", "54.44", "no, yes"},
                                                         {"0.02", "30.56", "54.44", "no, yes"},
                                                         {"0.025", "26.39", "38.89", "no, no"},
                                                         {"0.03", "20.83", "22.78", "yes, no"},
                                                         {"0.1", "0.00", "0.19", "yes, no"}}};

// Its canary divergence "within the first five training steps", both tasks, nats; its threshold;
// the earliest step at which its rule can fire.
inline constexpr double kPaperPlateauLow = 0.28, kPaperPlateauHigh = 0.33;
inline constexpr double kPaperThreshold = 0.15;
inline constexpr double kPaperFloor = 20.0;

}  // namespace phaseguard::lab::reproduce
