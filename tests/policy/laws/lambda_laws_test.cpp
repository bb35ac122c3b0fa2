#include "monitor/policy/laws/lambda_laws.h"

#include <cmath>
#include <limits>

#include "tests/support/catch.h"

namespace phaseguard::policy {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

TEST_CASE("risk_clamp is flat below 2.3 and above 4.7", "[policy]") {
  CHECK(risk_clamp(1.0).beta == 0.1);
  CHECK(risk_clamp(2.25).beta == 0.1);
  CHECK(risk_clamp(3.5).beta == 0.5);
  CHECK(risk_clamp(3.5).alpha == 0.5);
  CHECK(risk_clamp(5.0).beta == 0.9);
  CHECK(risk_clamp(5.0).alpha == 0.1);
  for (const double score : {0.99, 5.01, kNaN, kInf, -kInf}) {
    CHECK(std::isnan(risk_clamp(score).beta));
  }
}

TEST_CASE("a dead zone is 0 up to 2 f and full from 1 - f", "[policy]") {
  CHECK(dead_zone(0.25, 0.125, 0.0, 2.0) == 0.0);
  CHECK(dead_zone(std::nextafter(0.25, 1.0), 0.125, 0.0, 2.0) > 0.0);
  CHECK(dead_zone(0.875, 0.125, 0.0, 2.0) == 2.0);
  CHECK(dead_zone(std::nextafter(0.875, 0.0), 0.125, 0.0, 2.0) < 2.0);
  CHECK(dead_zone(1.0, 0.0, 0.0, 2.0) == 2.0);
  CHECK(std::isnan(dead_zone(1.5, 0.1, 0.0, 2.0)));
  CHECK(check_noise_floor(0.0));
  CHECK_FALSE(check_noise_floor(1.0 / 3.0 + 1e-9));
  CHECK_FALSE(check_noise_floor(-0.1));
  CHECK_FALSE(check_noise_floor(kNaN));
}

TEST_CASE("smooth_risk: the first risk, then by a; what is no risk leaves it", "[policy]") {
  CHECK(smooth_risk(kNaN, 0.25, 0.5) == 0.25);
  CHECK(smooth_risk(0.25, 0.75, 0.5) == 0.5);
  for (const double none : {kNaN, -0.01, 1.01, kInf}) CHECK(smooth_risk(0.25, none, 0.5) == 0.25);
  CHECK(std::isnan(smooth_risk(kNaN, 2.0, 0.5)));
  CHECK(smooth_risk(0.5, 1.0, 1.0) == 1.0);
  CHECK(smooth_risk(0.5, 0.0, 1.0) == 0.0);
}

TEST_CASE("convex and additive weights turn into one another", "[policy]") {
  CHECK(convex_to_additive(0.5)->lambda == 1.0);
  CHECK(convex_to_additive(0.5)->loss_scale == 0.5);
  CHECK(additive_to_convex(1.0)->beta == 0.5);
  CHECK_FALSE(convex_to_additive(1.0));
  CHECK_FALSE(convex_to_additive(-0.1));
  CHECK_FALSE(convex_to_additive(kNaN));
  CHECK_FALSE(additive_to_convex(-1.0));
  CHECK_FALSE(additive_to_convex(kInf));
}

TEST_CASE("adaptive_kl stays between floor and ceiling and refuses nonsense", "[policy]") {
  const AdaptiveKl law{0.1, 10.0, 0.01, 4.0, 3.9};
  CHECK(adaptive_kl(law, 3.9, 9.0, 16.0) == 4.0);
  CHECK(adaptive_kl(law, 0.01, 0.0, 16.0) == 0.01);
  CHECK(adaptive_kl(law, 1.0, kNaN, 16.0) == 1.0);
  CHECK(adaptive_kl(law, 1.0, 0.1, 16.0) == 1.0);
  CHECK(adaptive_kl_start({0.1, 10.0, 0.01, 4.0, 0.0}) == 0.01);
  CHECK(check_adaptive_kl(law));
  CHECK_FALSE(check_adaptive_kl({0.0, 10.0, 0.0, 4.0, 1.0}));
  CHECK_FALSE(check_adaptive_kl({kInf, 10.0, 0.0, 4.0, 1.0}));
  CHECK_FALSE(check_adaptive_kl({0.1, 0.0, 0.0, 4.0, 1.0}));
  CHECK_FALSE(check_adaptive_kl({0.1, 10.0, -1.0, 4.0, 1.0}));
  CHECK_FALSE(check_adaptive_kl({0.1, 10.0, 5.0, 4.0, 1.0}));
  CHECK_FALSE(check_adaptive_kl({0.1, 10.0, 0.0, 4.0, kNaN}));
  CHECK_FALSE(check_adaptive_kl({0.1, kInf, 0.0, 4.0, 1.0}));
  CHECK_FALSE(check_adaptive_kl({0.1, 10.0, kInf, kInf, 1.0}));
  CHECK_FALSE(check_adaptive_kl({0.1, 10.0, 0.0, kInf, 1.0}));
  CHECK_FALSE(check_adaptive_kl({0.1, 10.0, 0.0, 4.0, kInf}));
  CHECK_FALSE(check_adaptive_kl({0.1, 10.0, 0.0, 4.0, -0.5}));
  CHECK(check_adaptive_kl({0.1, 10.0, 0.0, 0.0, 0.0}));
  CHECK(std::isnan(adaptive_kl_error(law, kInf)));
  CHECK(adaptive_kl_error(law, 0.2) == 0.2);
  CHECK(adaptive_kl_error(law, 0.05) == -0.2);
}

TEST_CASE("preflight: 2 / L", "[policy]") {
  CHECK(preflight_lambda(8.0) == 0.25);
  CHECK(std::isnan(preflight_lambda(0.0)));
  CHECK(std::isnan(preflight_lambda(-1.0)));
  CHECK(std::isnan(preflight_lambda(kNaN)));
  CHECK(std::isnan(preflight_lambda(kInf)));
}

}  // namespace
}  // namespace phaseguard::policy
