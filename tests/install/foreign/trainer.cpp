// A C++ trainer of another project: the installed headers and rooms are all that it needs.
#include <ATen/ops/zeros.h>

#include <cstdio>

#include "canaries/js/js_tensor.h"
#include "trainer-hook/hook/hook.h"

int main() {
  const auto js = phaseguard::canaries::js_divergence(at::zeros({2, 5}), at::zeros({2, 5}));
  if (!js) return 1;
  phaseguard::hook::Options options;
  options.link.run = *phaseguard::RunId::parse("foreign");
  options.link.endpoint = "ipc:///tmp/phaseguard-foreign-nowhere/telemetry";
  auto hook = phaseguard::hook::Hook::attach(options, {}, {});
  std::printf("js %.1f, %s\n", js->mean, hook ? "attached" : hook.error().message.c_str());
  return 0;
}
