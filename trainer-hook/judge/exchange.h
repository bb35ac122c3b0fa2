// The request and the reply of one chat completion as plain data: what goes out, what came back,
// and whether trying again could help. Pure, any thread. C++17-clean.
#pragma once

#include <string>
#include <string_view>

#include "trainer-hook/judge/score.h"
#include "trainer-hook/samples/samples.h"

namespace phaseguard::judge {

struct Asking {
  std::string model;
  double temperature = 0.0;  // 0..0.1
  int max_tokens = 512;      // of the judge's reply
};

// The JSON body for one sample.
[[nodiscard]] std::string request_body(const Asking& asking, const TrainingSample& sample);

// Hash of everything that decides the reply: rubric, model, temperature, max_tokens, sample.
[[nodiscard]] Digest cache_key(const Asking& asking, const TrainingSample& sample);

// How an exchange ended, before it is looked into.
struct Reply {
  enum class End : std::uint8_t { kComplete, kNoConnection, kBroken, kTimeout, kTooLarge };
  End end = End::kNoConnection;
  std::string detail;           // in words, unless complete
  int status = 0;               // HTTP, when complete
  std::string body;             // when complete
  double retry_after_s = -1.0;  // as the server asks; -1: it does not
};

struct Reading {
  SampleScore score;
  bool again = false;   // the same request may well do better in a while
  std::string content;  // the judge's words, to be cached; empty unless scored
};

// Scored, or the reason why not. Tried again: no connection, a broken one, a timeout, 408, 429,
// 5xx, and a body that is no chat completion. Not tried again: other 3xx and 4xx, and a judge's
// words that break the contract (rubric.h), which it would repeat at this temperature.
[[nodiscard]] Reading read_reply(const Reply& reply);

// The judge's words to a score: the same path for a reply from the cache.
[[nodiscard]] SampleScore read_content(const std::string& content);

}  // namespace phaseguard::judge
