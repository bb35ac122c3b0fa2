#include <ATen/TensorOperators.h>
#include <ATen/ops/zeros_like.h>
#include <c10/util/Exception.h>

#include <cmath>
#include <sstream>
#include <string>

#include "monitor/base/text.h"
#include "trainer-hook/defenses/penalty/kl.h"

namespace phaseguard::defenses {

namespace {

constexpr std::int64_t kNoLabel = -100;  // what trainers write where a token is not an answer token

Result<void> check_table(const at::Tensor& table, const char* what) {
  if (table.defined() && table.dim() == 2 && table.numel() > 0) return {};
  std::ostringstream out;
  out << what << ": expected [B, T], found ";
  if (table.defined()) {
    out << table.sizes();
  } else {
    out << "an undefined tensor";
  }
  return fail(Errc::kInvalidArgument, out.str());
}

template <class F>
Result<at::Tensor> built(const at::Tensor& table, const char* what, F&& body) {
  if (auto ok = check_table(table, what); !ok) return tl::unexpected<Error>(ok.error());
  try {
    return body();
  } catch (const c10::Error& error) {
    return fail(Errc::kInvalidArgument, std::string("LibTorch: ") + error.what_without_backtrace());
  }
}

}  // namespace

const char* name_of(KlMask mask) {
  if (mask == KlMask::kAttention) return "attention";
  if (mask == KlMask::kAnswer) return "answer";
  return mask == KlMask::kCanary ? "canary" : "replay";
}

Result<KlMask> kl_mask(std::string_view name) {
  for (const KlMask mask :
       {KlMask::kAttention, KlMask::kAnswer, KlMask::kCanary, KlMask::kReplay}) {
    if (name == name_of(mask)) return mask;
  }
  return fail(
      Errc::kInvalidArgument,
      "KL mask: expected attention, answer, canary or replay, found " + phaseguard::quoted(name));
}

Result<at::Tensor> mask_of(KlMask mask, const at::Tensor& table) {
  if (mask == KlMask::kAttention) return attention_mask(table);
  return mask == KlMask::kCanary ? canary_mask(table) : answer_mask(table);
}

Result<at::Tensor> answer_mask(const at::Tensor& labels) {
  return built(labels, "answer mask from labels", [&]() -> Result<at::Tensor> {
    // Position t predicts the token at t + 1; the last position predicts nothing we have.
    const at::Tensor mask = at::zeros_like(labels, at::kFloat);
    const std::int64_t length = labels.size(1);
    if (length > 1) {
      mask.narrow(1, 0, length - 1).copy_(labels.narrow(1, 1, length - 1).ne(kNoLabel));
    }
    return mask;
  });
}

Result<at::Tensor> attention_mask(const at::Tensor& attention) {
  return built(attention, "attention mask",
               [&]() -> Result<at::Tensor> { return attention.ne(0).to(at::kFloat); });
}

Result<at::Tensor> canary_mask(const at::Tensor& attention) {
  return built(attention, "canary mask", [&]() -> Result<at::Tensor> {
    const at::Tensor kept = attention.ne(0).to(at::kInt);
    const at::Tensor last = kept.flip({1}).argmax(1).neg().add(attention.size(1) - 1);
    const at::Tensor mask = at::zeros_like(attention, at::kFloat);
    mask.scatter_(1, last.unsqueeze(1), 1.0);
    // A row that is all padding has no last position.
    return mask * kept.to(at::kFloat);
  });
}

at::Tensor additive(const at::Tensor& ce, const at::Tensor& kl, double lambda) {
  return ce + kl * lambda;
}

at::Tensor convex(const at::Tensor& ce, const at::Tensor& kl, double beta) {
  return ce * (1.0 - beta) + kl * beta;
}

Result<double> lambda_of_beta(double beta) {
  if (beta >= 0.0 && beta < 1.0) return beta / (1.0 - beta);
  return fail(Errc::kInvalidArgument, "beta: expected 0 <= beta < 1, found " + number_text(beta));
}

Result<double> beta_of_lambda(double lambda) {
  if (lambda >= 0.0 && std::isfinite(lambda)) return lambda / (1.0 + lambda);
  return fail(Errc::kInvalidArgument,
              "lambda: expected a finite number >= 0, found " + number_text(lambda));
}

}  // namespace phaseguard::defenses
