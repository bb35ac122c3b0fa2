#include "trainer-hook/judge/exchange.h"

#include <utility>

#include "monitor/base/json.h"
#include "monitor/base/text.h"
#include "trainer-hook/judge/rubric.h"

namespace phaseguard::judge {

namespace {

using nlohmann::json;

constexpr int kShownBytes = 120;

std::string dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

Reading failed(Outcome outcome, std::string why, bool again) {
  Reading out;
  out.score = unscored(outcome, std::move(why));
  out.again = again;
  return out;
}

// The judge's words in a chat completion. Error: another schema, or a reply that was cut off.
Result<std::string> content_of(const std::string& body) {
  const auto wrong = [](const std::string& what) { return fail(Errc::kMalformed, what); };
  const auto object = parse_json(body);
  if (!object) {
    return wrong("expected a chat completion, found no JSON: " +
                 phaseguard::quoted(body, kShownBytes));
  }
  if (!object->is_object() || !object->contains("choices") || !(*object)["choices"].is_array() ||
      (*object)["choices"].empty() || !(*object)["choices"][0].is_object()) {
    return wrong("expected a chat completion with \"choices\", found " +
                 phaseguard::quoted(body, kShownBytes));
  }
  const json& choice = (*object)["choices"][0];
  if (!choice.contains("message") || !choice["message"].is_object() ||
      !choice["message"].contains("content") || !choice["message"]["content"].is_string()) {
    return wrong("expected a text in choices[0].message.content, found " +
                 phaseguard::quoted(dump(choice), kShownBytes));
  }
  const json reason = choice.value("finish_reason", json());
  if (reason.is_string() && reason != "stop" && reason != "eos") {
    return fail(Errc::kLimit, "the judge's reply is not whole: finish_reason is " +
                                  phaseguard::quoted(reason.get<std::string>(), 40));
  }
  return choice["message"]["content"].get<std::string>();
}

Reading read_status(const Reply& reply) {
  const std::string said =
      "HTTP " + std::to_string(reply.status) +
      (reply.body.empty() ? std::string() : ": " + phaseguard::quoted(reply.body, kShownBytes));
  if (reply.status == 401 || reply.status == 403) {
    return failed(Outcome::kAccess, said + "; is the API key right?", false);
  }
  if (reply.status == 408 || reply.status == 429 || reply.status >= 500) {
    return failed(Outcome::kServer, said, true);
  }
  return failed(Outcome::kRejected, said + "; are URL and model right?", false);
}

}  // namespace

std::string request_body(const Asking& asking, const TrainingSample& sample) {
  json messages = json::array();
  for (const Turn& turn : judge_turns(sample)) {
    messages.push_back({{"role", turn.role}, {"content", turn.content}});
  }
  return dump({{"model", asking.model},
               {"temperature", asking.temperature},
               {"max_tokens", asking.max_tokens},
               {"stream", false},
               {"messages", messages}});
}

Digest cache_key(const Asking& asking, const TrainingSample& sample) {
  std::string bytes("phaseguard-judge-v1");
  // Lengths in front, so that no two lists of parts join to the same bytes.
  for (const std::string& part : {rubric_id(), asking.model, number_text(asking.temperature),
                                  std::to_string(asking.max_tokens), hex(sample_hash(sample))}) {
    bytes += " " + std::to_string(part.size()) + ":" + part;
  }
  return sha256(bytes);
}

SampleScore read_content(const std::string& content) {
  const auto score = parse_reply(content);
  if (!score) return unscored(Outcome::kContract, score.error().message);
  return scored(*score, Outcome::kContract);
}

Reading read_reply(const Reply& reply) {
  switch (reply.end) {
    case Reply::End::kNoConnection:
    case Reply::End::kBroken:
      return failed(Outcome::kUnreachable, reply.detail, true);
    case Reply::End::kTimeout:
      return failed(Outcome::kTimeout, reply.detail, true);
    case Reply::End::kTooLarge:
      return failed(Outcome::kBadReply, reply.detail, false);
    case Reply::End::kComplete:
      break;
  }
  if (reply.status != 200) return read_status(reply);
  const auto content = content_of(reply.body);
  if (!content) {
    const bool cut_off = content.error().code == Errc::kLimit;  // it would be again
    return failed(Outcome::kBadReply, content.error().message, !cut_off);
  }
  Reading out;
  out.score = read_content(*content);
  if (out.score.scored()) out.content = *content;
  return out;
}

}  // namespace phaseguard::judge
