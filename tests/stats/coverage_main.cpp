// How often a 95 % interval holds the true rate, by simulation: the whole grid of rates, clusters
// and correlations, for the formula in use and for those that were tried beside it.
// usage: coverage [DRAWS [ANSWERS_PER_CLUSTER]]   (20000 8); exit code 1: below .93 where it counts
#include <algorithm>
#include <array>
#include <boost/math/distributions/beta.hpp>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "tests/stats/beta_binomial.h"

namespace {

using namespace phaseguard;
using stats::Ends;

// What a draw tells beyond its rate.
struct Drawn {
  stats::Rate rate;
  double d = 1.0;  // at least 1
  double clusters = 0.0;
  double telling = 0.0;        // clusters with a hit, or with a miss, whichever are fewer
  double satterthwaite = 1.0;  // degrees of freedom of V from the residuals' fourth moment

  [[nodiscard]] bool mute() const { return !rate.clusters->design_effect; }
  [[nodiscard]] double n() const { return static_cast<double>(rate.n); }
};

Drawn look(const std::vector<stats::Tally>& clusters) {
  Drawn out;
  out.rate = *stats::clustered(clusters, "prompt");
  out.clusters = static_cast<double>(out.rate.clusters->count);
  out.d = std::max(1.0, out.rate.clusters->design_effect.value_or(1.0));
  double hit = 0.0, miss = 0.0, second = 0.0, fourth = 0.0;
  for (const stats::Tally& one : clusters) {
    hit += one.k > 0 ? 1.0 : 0.0;
    miss += one.k < one.n ? 1.0 : 0.0;
    const double off =
        std::pow(static_cast<double>(one.k) - out.rate.rate * static_cast<double>(one.n), 2);
    second += off;
    fourth += off * off;
  }
  out.telling = std::min(hit, miss);
  const double spread = fourth - second * second / out.clusters;
  out.satterthwaite = out.clusters - 1.0;
  if (spread > 0.0) out.satterthwaite = std::min(out.satterthwaite, 2.0 * second * second / spread);
  out.satterthwaite = std::max(1.0, out.satterthwaite);
  return out;
}

double t_of(double freedom) { return stats::student_two_sided(0.95, freedom); }

Ends ours(const Drawn& x) { return {x.rate.lower, x.rate.upper}; }

Ends independent(const Drawn& x) { return stats::wilson_ends(x.rate.rate, x.n(), 1.959964); }

Ends plain_t(const Drawn& x) {
  return stats::wilson_ends(x.rate.rate, x.n() / x.d, t_of(x.clusters - 1.0));
}

Ends korn_graubard(const Drawn& x) {
  const double ratio = t_of(x.n() - 1.0) / t_of(x.clusters - 1.0);
  const double n = std::min(x.n(), x.n() / x.d * ratio * ratio), k = n * x.rate.rate;
  using boost::math::beta_distribution;
  return {quantile(beta_distribution<>(k, n - k + 1.0), 0.025),
          quantile(beta_distribution<>(k + 1.0, n - k), 0.975)};
}

Ends satterthwaite(const Drawn& x) {
  return stats::wilson_ends(x.rate.rate, x.n() / x.d, t_of(x.satterthwaite));
}

Ends widened(const Drawn& x) {
  const double d = std::max(1.0, *x.rate.clusters->design_effect * (1.0 + 1.0 / x.telling));
  return stats::wilson_ends(x.rate.rate, x.n() / d, t_of(x.clusters - 1.0));
}

struct Formula {
  const char* name;
  Ends (*ends)(const Drawn&);
};
constexpr std::array<Formula, 6> kFormulas{{
    {"in use", ours},
    {"t of C-1", plain_t},
    {"KG beta", korn_graubard},
    {"Satterth.", satterthwaite},
    {"d(1+1/h)", widened},
    {"independent", independent},
}};

struct Score {
  double covered = 0.0, width = 0.0;
};
using Row = std::array<Score, kFormulas.size()>;

Row simulate(const test::Design& design, int draws, stats::SplitMix64& random) {
  Row row{};
  for (int i = 0; i < draws; ++i) {
    const Drawn drawn = look(test::draw(design, random));
    for (std::size_t f = 0; f < kFormulas.size(); ++f) {
      // Where V says nothing all but the last have one answer.
      const bool alike = drawn.mute() && kFormulas[f].ends != independent;
      const Ends ends = alike ? ours(drawn) : kFormulas[f].ends(drawn);
      row[f].covered += ends.lower <= design.p && design.p <= ends.upper ? 1.0 / draws : 0.0;
      row[f].width += (ends.upper - ends.lower) / draws;
    }
  }
  return row;
}

struct Least {
  double all = 1.0, counted = 1.0;  // coverage
  double width = 0.0;               // of the interval, by that of `plain_t`
  int cells = 0;
};

}  // namespace

int main(int argc, char** argv) {
  const int draws = argc > 1 ? std::atoi(argv[1]) : 20000;
  const int answers = argc > 2 ? std::atoi(argv[2]) : 8;
  if (draws < 1 || answers < 1) {
    std::fprintf(stderr, "usage: coverage [DRAWS [ANSWERS_PER_CLUSTER]], both at least 1\n");
    return 2;
  }
  std::printf("coverage of 95 %% intervals, %d draws a row, %d answers a cluster, seed 1\n", draws,
              answers);
  std::printf("* p x effective n >= 5\n\n   p  clusters  ICC  p n_eff  ");
  for (const Formula& formula : kFormulas) std::printf(" %11s", formula.name);
  std::printf("\n");
  stats::SplitMix64 random(1);
  std::array<Least, kFormulas.size()> least{};
  for (const double p : {0.01, 0.05, 0.1, 0.2, 0.3, 0.5}) {
    for (const std::int64_t clusters : {8, 24, 96}) {
      for (const double icc : {0.0, 0.1, 0.3}) {
        const test::Design design{p, clusters, icc, answers};
        const bool counts = p * design.effective_n() >= 5.0;
        const Row row = simulate(design, draws, random);
        std::printf("%.2f  %8ld  %.1f  %7.1f%s", p, static_cast<long>(clusters), icc,
                    p * design.effective_n(), counts ? "*" : " ");
        for (std::size_t f = 0; f < row.size(); ++f) {
          std::printf(" %11.3f", row[f].covered);
          least[f].all = std::min(least[f].all, row[f].covered);
          if (!counts) continue;
          least[f].counted = std::min(least[f].counted, row[f].covered);
          least[f].width += row[f].width / row[1].width;
          ++least[f].cells;
        }
        std::printf("\n");
      }
    }
  }
  const auto line = [&least](const char* name, double Least::*value) {
    std::printf("%-28s", name);
    for (const Least& one : least) std::printf(" %11.3f", one.*value);
    std::printf("\n");
  };
  for (Least& one : least) one.width /= std::max(1, one.cells);
  std::printf("\n");
  line("least of all rows", &Least::all);
  line("least of the rows with *", &Least::counted);
  line("width, t of C-1 = 1, with *", &Least::width);
  return least[0].counted >= 0.93 ? 0 : 1;
}
