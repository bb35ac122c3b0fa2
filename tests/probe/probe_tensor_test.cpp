#include "probe/probe_tensor.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>

#include <cmath>
#include <limits>

#include "probe/files/samples.h"
#include "probe/layer_tap.h"
#include "tests/support/catch.h"

using namespace phaseguard;
using namespace phaseguard::probe;

TEST_CASE("tensors score as their rows do", "[probe][torch]") {
  Site site;
  site.width = 4;
  const at::Tensor x = at::randn({40, 4}), held = at::randn({40, 4});
  std::vector<std::uint8_t> y(40);
  for (std::size_t i = 0; i < 40; ++i) y[i] = i % 2;
  const auto probe = ActivationProbe::fit(*features_of(x), y, *features_of(held), y, site);
  REQUIRE(probe);
  const auto wide = score(*probe, held.to(at::kDouble)),
             strided = score(*probe, held.t().contiguous().t());
  REQUIRE(strided);
  CHECK(*wide == *strided);
  CHECK_FALSE(score(*probe, at::zeros({3, 5})));
  CHECK_FALSE(score(*probe, at::zeros({4})));
  CHECK_FALSE(score(*probe, at::zeros({3, 4}, at::kLong)));
}

TEST_CASE("positions ignore the padding, whatever it holds", "[probe][torch]") {
  at::Tensor states = at::arange(24, at::kFloat).view({2, 4, 3}).clone();
  at::Tensor mask = at::zeros({2, 4}, at::kLong);
  mask[0].slice(0, 0, 2).fill_(1);
  mask[1].slice(0, 2, 4).fill_(1);
  const at::Tensor clean = states.clone();
  states[0].slice(0, 2, 4).fill_(std::numeric_limits<double>::quiet_NaN());
  states[1].slice(0, 0, 2).fill_(std::numeric_limits<double>::quiet_NaN());
  const auto last = last_position(states, mask), mean = mean_position(states, mask);
  REQUIRE(last);
  REQUIRE(mean);
  CHECK((*last)[0].equal(clean[0][1]));
  CHECK((*last)[1].equal(clean[1][3]));
  CHECK((*mean)[0].equal(clean[0].slice(0, 0, 2).mean(0)));
  CHECK((*mean)[1].equal(clean[1].slice(0, 2, 4).mean(0)));
  mask[0].fill_(0);
  CHECK_FALSE(last_position(states, mask));
  CHECK_FALSE(mean_position(states, at::zeros({2, 3})));
}

TEST_CASE("half precision, bfloat16 and a row that is not finite", "[probe][torch]") {
  Site site;
  site.width = 4;
  const at::Tensor x = at::randn({40, 4}), held = at::randn({40, 4});
  std::vector<std::uint8_t> y(40);
  for (std::size_t i = 0; i < 40; ++i) y[i] = i % 2;
  const auto probe = ActivationProbe::fit(*features_of(x), y, *features_of(held), y, site);
  REQUIRE(probe);
  for (const auto type : {at::kHalf, at::kBFloat16}) {
    const at::Tensor narrow = held.to(type);
    CHECK(*score(*probe, narrow) == *score(*probe, narrow.to(at::kFloat)));
  }
  at::Tensor broken = held.clone();
  broken[2][1] = std::numeric_limits<double>::infinity();
  const auto risks = score(*probe, broken);
  REQUIRE(risks);
  CHECK(std::isnan((*risks)[2]));
  CHECK(std::isfinite((*risks)[3]));
  CHECK_FALSE(score(*probe, at::zeros({0, 4})));
  CHECK_FALSE(score(*probe, at::Tensor()));
}

TEST_CASE("a tap keeps the states of its layer and names the layers of a pass", "[probe][torch]") {
  LayerTap tap("block1");
  tap.observe("block0", at::zeros({1, 2, 3}));
  tap.observe("block1", at::arange(6, at::kFloat).view({1, 2, 3}));
  const auto states = tap.take();
  REQUIRE(states);
  CHECK(states->sum().item<double>() == 15.0);
  CHECK_FALSE(states->requires_grad());
  tap.observe("block0", at::zeros({1, 2, 3}));
  CHECK_THAT(tap.take().error().message, Catch::Contains("it went through: block0"));
  tap.observe("block1", at::zeros({1, 2, 3}));
  tap.observe("block1", at::zeros({1, 2, 3}));
  CHECK_THAT(tap.take().error().message, Catch::Contains("2 times"));
}

TEST_CASE("answers' log-probabilities: left and right padding, every dtype", "[probe][torch]") {
  const at::Tensor logits = at::randn({2, 5, 7});
  at::Tensor tokens = at::zeros({2, 5}, at::kLong), answer = at::zeros({2, 5}, at::kLong);
  tokens[0].copy_(at::arange(5, at::kLong));
  tokens[1].copy_(at::arange(5, at::kLong).add(2));
  answer[0].slice(0, 2, 4).fill_(1);  // right padding behind it
  answer[1].slice(0, 4, 5).fill_(1);
  const auto found = answer_log_probs(logits, tokens, answer);
  REQUIRE(found);
  REQUIRE((*found)[0].size() == 2);
  REQUIRE((*found)[1].size() == 1);
  const at::Tensor lp = logits.to(at::kDouble).log_softmax(-1);
  CHECK((*found)[0][0] == lp[0][1][2].item<double>());
  CHECK((*found)[0][1] == lp[0][2][3].item<double>());
  CHECK((*found)[1][0] == lp[1][3][6].item<double>());
  const at::Tensor narrow = logits.to(at::kBFloat16);
  CHECK(*answer_log_probs(narrow, tokens, answer) ==
        *answer_log_probs(narrow.to(at::kFloat), tokens, answer));
  const auto score = score_answer("s", (*found)[0], (*found)[0], (*found)[0], 0.0);
  REQUIRE(score);
  CHECK(score->llr == 0.0);

  at::Tensor broken = logits.clone();
  broken[0][1].fill_(std::numeric_limits<double>::quiet_NaN());
  CHECK_THAT(answer_log_probs(broken, tokens, answer).error().message,
             Catch::Contains("no probability"));
  broken[0][1].fill_(-std::numeric_limits<double>::infinity());
  CHECK_FALSE(answer_log_probs(broken, tokens, answer));
  CHECK_FALSE(answer_log_probs(logits, tokens.add(5), answer));  // outside the vocabulary
  CHECK_FALSE(answer_log_probs(logits, tokens, at::zeros({2, 4}, at::kLong)));
  CHECK_THAT(answer_log_probs(logits, tokens, at::zeros({2, 5}, at::kLong)).error().message,
             Catch::Contains("sample 0 has no answer token"));
  answer[1][0] = 1;
  CHECK_THAT(answer_log_probs(logits, tokens, answer).error().message,
             Catch::Contains("position 0"));
}
