#include "trainer-hook/samples/samples.h"

#include <algorithm>
#include <utility>

#include "monitor/base/json.h"
#include "monitor/base/lines.h"
#include "monitor/base/text.h"

namespace phaseguard {

namespace {

using nlohmann::json;

tl::unexpected<Error> wrong(const std::string& what) { return fail(Errc::kMalformed, what); }

void put_count(std::string& out, std::size_t n) {
  for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>((n >> shift) & 0xffu);
}

void put(std::string& out, const std::string& text) {
  put_count(out, text.size());
  out += text;
}

Result<std::string> text_of(const json& object, const std::string& key) {
  if (!object.contains(key)) return wrong("has no \"" + key + "\"");
  if (!object[key].is_string()) return wrong("\"" + key + "\" is not a text");
  return object[key].get<std::string>();
}

Result<void> add_turns(const json& list, std::vector<Turn>& turns) {
  for (const json& one : list) {
    if (!one.is_object()) return wrong("a message is not an object");
    auto role = text_of(one, "role"), content = text_of(one, "content");
    if (!role) return wrong("a message " + role.error().message);
    if (!content) return wrong("a message " + content.error().message);
    turns.push_back({std::move(*role), std::move(*content)});
  }
  return {};
}

// The last turn is the answer.
Result<TrainingSample> from_turns(std::vector<Turn> turns) {
  TrainingSample out;
  out.prompt = std::move(turns);
  if (out.prompt.back().role != "assistant") {
    return wrong("the last message is of role " + phaseguard::quoted(out.prompt.back().role, 40) +
                 ", expected \"assistant\": it is what the model is trained to answer");
  }
  out.answer = std::move(out.prompt.back().content);
  out.prompt.pop_back();
  return out;
}

Result<TrainingSample> from_messages(const json& list) {
  if (!list.is_array() || list.size() < 2) {
    return wrong("\"messages\": expected a list of at least two, the last of them the answer");
  }
  std::vector<Turn> turns;
  if (auto ok = add_turns(list, turns); !ok) return tl::unexpected<Error>(ok.error());
  return from_turns(std::move(turns));
}

// A text, which is one turn of `role`, or a list of turns.
Result<void> add_side(const json& object, const std::string& key, const std::string& role,
                      std::vector<Turn>& turns) {
  const json& side = object[key];
  if (side.is_string()) {
    turns.push_back({role, side.get<std::string>()});
    return {};
  }
  if (!side.is_array() || side.empty()) {
    return wrong("\"" + key + "\" is neither a text nor a list of turns with role and content");
  }
  return add_turns(side, turns);
}

Result<TrainingSample> from_prompt(const json& object) {
  if (!object.contains("prompt")) return wrong("has neither \"prompt\" nor \"messages\"");
  std::string key;
  for (const char* name : {"answer", "response", "completion"}) {
    if (!object.contains(name)) continue;
    if (!key.empty()) return wrong("has both \"" + key + "\" and \"" + name + "\"");
    key = name;
  }
  if (key.empty()) {
    return wrong("has no \"answer\" (\"response\" or \"completion\" are taken for it)");
  }
  std::vector<Turn> turns;
  if (auto ok = add_side(object, "prompt", "user", turns); !ok) {
    return tl::unexpected<Error>(ok.error());
  }
  if (auto ok = add_side(object, key, "assistant", turns); !ok) {
    return tl::unexpected<Error>(ok.error());
  }
  return from_turns(std::move(turns));
}

}  // namespace

Digest sample_hash(const TrainingSample& sample) {
  std::string bytes("phaseguard-sample-v1");
  bytes += '\0';
  put_count(bytes, sample.prompt.size());
  for (const Turn& turn : sample.prompt) {
    put(bytes, turn.role);
    put(bytes, turn.content);
  }
  put(bytes, sample.answer);
  return sha256(bytes);
}

Result<TrainingSample> parse_sample(std::string_view line, const SampleLimits& limits) {
  if (line.size() > limits.max_line_bytes) {
    return fail(Errc::kLimit, "has " + std::to_string(line.size()) + " bytes, the limit is " +
                                  std::to_string(limits.max_line_bytes));
  }
  if (const std::size_t at = first_bad_utf8(line); at != line.size()) {
    return wrong("byte " + std::to_string(at + 1) + " is not UTF-8");
  }
  const auto object = parse_json(line);
  if (!object) return wrong("broken JSON: " + object.error().message);
  if (!object->is_object()) return wrong("expected one JSON object");
  if (object->contains("messages")) {
    if (object->contains("prompt")) {
      return wrong("has both \"prompt\" and \"messages\", expected one of them");
    }
    return from_messages((*object)["messages"]);
  }
  return from_prompt(*object);
}

Result<std::vector<TrainingSample>> parse_samples(std::string_view jsonl, std::string_view source,
                                                  const SampleLimits& limits) {
  const std::string file(source);
  if (jsonl.size() > limits.max_bytes) {
    return fail(Errc::kLimit, file + ": " + std::to_string(jsonl.size()) +
                                  " bytes, the limit for a data set is " +
                                  std::to_string(limits.max_bytes));
  }
  std::vector<TrainingSample> samples;
  std::string errors;
  std::size_t bad = 0;
  Lines lines(jsonl);
  std::optional<Line> line;
  while (bad < limits.max_errors && (line = lines.next())) {
    auto sample = parse_sample(line->text, limits);
    if (!sample) {
      errors += (errors.empty() ? "" : "; ") + file + ":" + std::to_string(line->number) + ": " +
                sample.error().message;
      ++bad;
      continue;
    }
    sample->line = line->number;
    samples.push_back(std::move(*sample));
    if (samples.size() > limits.max_samples) {
      return fail(Errc::kLimit,
                  file + ": more than " + std::to_string(limits.max_samples) + " samples");
    }
  }
  if (bad > 0) return wrong(errors + (bad < limits.max_errors ? "" : "; more may follow"));
  if (samples.empty()) {
    return wrong(file + ": expected one JSON object a line, found no sample at all");
  }
  return samples;
}

}  // namespace phaseguard
