#include "canaries/prompts/canary_set.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <map>
#include <system_error>
#include <utility>

#include "monitor/base/file.h"
#include "monitor/base/json.h"
#include "monitor/base/lines.h"
#include "monitor/base/text.h"

namespace phaseguard::canaries {

namespace {

using nlohmann::json;

tl::unexpected<Error> wrong(const std::string& what) { return fail(Errc::kMalformed, what); }

Result<std::string> text_of(const json& value, const std::string& key, std::size_t max_bytes) {
  if (!value.is_string()) return wrong("\"" + key + "\" is not a string");
  std::string text = value.get<std::string>();
  if (text.size() > max_bytes) {
    return fail(Errc::kLimit, "\"" + key + "\" has " + std::to_string(text.size()) +
                                  " bytes, the limit is " + std::to_string(max_bytes));
  }
  return text;
}

Result<void> read_message(const json& value, const SetLimits& limits, ChatMessage& message) {
  if (!value.is_object()) return wrong("a message is not an object");
  if (auto ok = known_keys(value, {"role", "content"}); !ok) return ok;
  for (const char* key : {"role", "content"}) {
    if (!value.contains(key)) return wrong(std::string("a message has no \"") + key + "\"");
  }
  auto role = text_of(value["role"], "role", limits.max_text_bytes);
  if (!role) return tl::unexpected<Error>(role.error());
  auto content = text_of(value["content"], "content", limits.max_text_bytes);
  if (!content) return tl::unexpected<Error>(content.error());
  if (role->empty()) return wrong("a message has an empty \"role\"");
  message = {std::move(*role), std::move(*content)};
  return {};
}

Result<void> read_messages(const json& object, const SetLimits& limits,
                           std::vector<ChatMessage>& messages) {
  const bool prompt = object.contains("prompt");
  if (prompt == object.contains("messages")) {
    return wrong(prompt ? "has both \"prompt\" and \"messages\", expected one of them"
                        : "has neither \"prompt\" nor \"messages\"");
  }
  if (prompt) {
    auto text = text_of(object["prompt"], "prompt", limits.max_text_bytes);
    if (!text) return tl::unexpected<Error>(text.error());
    if (text->empty()) return wrong("\"prompt\" is empty");
    messages.push_back({"user", std::move(*text)});
    return {};
  }
  const json& list = object["messages"];
  if (!list.is_array() || list.empty()) return wrong("\"messages\" is not a list of messages");
  if (list.size() > limits.max_messages) {
    return fail(Errc::kLimit, "has " + std::to_string(list.size()) + " messages, the limit is " +
                                  std::to_string(limits.max_messages));
  }
  for (const json& value : list) {
    messages.emplace_back();
    if (auto ok = read_message(value, limits, messages.back()); !ok) return ok;
  }
  return {};
}

// "aligned" and "misaligned", both or neither.
Result<void> read_continuations(const json& object, const SetLimits& limits, Canary& canary) {
  const bool has = object.contains("aligned");
  if (has != object.contains("misaligned")) {
    return wrong(std::string("has \"") + (has ? "aligned" : "misaligned") + "\" without \"" +
                 (has ? "misaligned" : "aligned") + "\", expected both or neither");
  }
  if (!has) return {};
  for (const auto& [key, into] :
       {std::pair{"aligned", &canary.aligned}, std::pair{"misaligned", &canary.misaligned}}) {
    auto text = text_of(object[key], key, limits.max_text_bytes);
    if (!text) return tl::unexpected<Error>(text.error());
    if (text->empty()) return wrong(std::string("\"") + key + "\" is empty");
    *into = std::move(*text);
  }
  return {};
}

Result<void> read_tags(const json& object, const SetLimits& limits,
                       std::vector<std::string>& tags) {
  if (!object.contains("tags")) return {};
  const json& list = object["tags"];
  if (!list.is_array()) return wrong("\"tags\" is not a list of strings");
  if (list.size() > limits.max_tags) {
    return fail(Errc::kLimit, "has more than " + std::to_string(limits.max_tags) + " tags");
  }
  for (const json& value : list) {
    auto tag = text_of(value, "tags", limits.max_text_bytes);
    if (!tag) return tl::unexpected<Error>(tag.error());
    tags.push_back(std::move(*tag));
  }
  return {};
}

void put_count(std::string& out, std::size_t n) {
  for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>((n >> shift) & 0xffu);
}

void put(std::string& out, const std::string& text) {
  put_count(out, text.size());
  out += text;
}

}  // namespace

std::vector<std::string> CanarySet::ids() const {
  std::vector<std::string> out;
  out.reserve(canaries.size());
  for (const Canary& canary : canaries) out.push_back(canary.id);
  return out;
}

bool CanarySet::has_continuations() const {
  return !canaries.empty() && !canaries.front().aligned.empty();
}

Result<Canary> parse_canary(std::string_view line, const SetLimits& limits) {
  if (const std::size_t at = first_bad_utf8(line); at != line.size()) {
    return wrong("byte " + std::to_string(at + 1) + " is not UTF-8");
  }
  const auto object = parse_json(line);
  if (!object) return wrong("broken JSON: " + object.error().message);
  if (!object->is_object()) return wrong("expected one JSON object");
  if (auto ok = known_keys(*object, {"id", "prompt", "messages", "aligned", "misaligned", "tags"});
      !ok) {
    return tl::unexpected<Error>(ok.error());
  }
  if (!object->contains("id")) return wrong("has no \"id\"");
  auto id = text_of((*object)["id"], "id", limits.max_id_bytes);
  if (!id) return tl::unexpected<Error>(id.error());
  const auto control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (id->empty() || std::any_of(id->begin(), id->end(), control)) {
    return wrong("\"id\" is empty or holds a control character");
  }
  Canary canary;
  canary.id = std::move(*id);
  if (auto ok = read_messages(*object, limits, canary.messages); !ok) {
    return tl::unexpected<Error>(ok.error());
  }
  if (auto ok = read_continuations(*object, limits, canary); !ok) {
    return tl::unexpected<Error>(ok.error());
  }
  if (auto ok = read_tags(*object, limits, canary.tags); !ok) {
    return tl::unexpected<Error>(ok.error());
  }
  return canary;
}

Result<CanarySet> parse_canary_set(std::string_view jsonl, std::string_view source,
                                   const SetLimits& limits) {
  const std::string file(source);
  if (jsonl.size() > limits.max_bytes) {
    return fail(Errc::kLimit, file + ": " + std::to_string(jsonl.size()) +
                                  " bytes, the limit for a canary set is " +
                                  std::to_string(limits.max_bytes));
  }
  CanarySet set;
  set.name = std::filesystem::path(file).stem().string();
  std::map<std::string, std::size_t> line_of;
  Lines lines(jsonl);
  while (const auto line = lines.next()) {
    const std::string place = file + ":" + std::to_string(line->number) + ": ";
    auto canary = parse_canary(line->text, limits);
    if (!canary) return fail(canary.error().code, place + canary.error().message);
    const auto [known, fresh] = line_of.emplace(canary->id, line->number);
    if (!fresh) {
      return wrong(place + "id " + phaseguard::quoted(canary->id, 60) +
                   " is used already at line " + std::to_string(known->second) +
                   "; give each canary its own id");
    }
    if (set.canaries.size() == limits.max_canaries) {
      return fail(Errc::kLimit,
                  place + "more than " + std::to_string(limits.max_canaries) + " canaries");
    }
    set.canaries.push_back(std::move(*canary));
    if (set.canaries.back().aligned.empty() == set.has_continuations()) {
      return wrong(place +
                   "expected \"aligned\" and \"misaligned\" in every line or in none; the "
                   "first canary " +
                   (set.has_continuations() ? "has them" : "has none"));
    }
  }
  if (set.canaries.empty()) {
    return wrong(file + ": expected one JSON object a line, found no canary at all");
  }
  return set;
}

Result<CanarySet> load_canary_set(const std::filesystem::path& file, const SetLimits& limits) {
  auto text = read_file(file, "a canary set (JSON Lines)", limits.max_bytes);
  if (!text) return tl::unexpected<Error>(text.error());
  return parse_canary_set(*text, file.string(), limits);
}

Digest digest(const CanarySet& set) {
  std::vector<const Canary*> sorted;
  for (const Canary& canary : set.canaries) sorted.push_back(&canary);
  std::sort(sorted.begin(), sorted.end(),
            [](const Canary* a, const Canary* b) { return a->id < b->id; });
  std::string bytes(set.has_continuations() ? "phaseguard-canary-v2" : "phaseguard-canary-v1");
  bytes += '\0';
  for (const Canary* canary : sorted) {
    put(bytes, canary->id);
    put_count(bytes, canary->messages.size());
    for (const ChatMessage& message : canary->messages) {
      put(bytes, message.role);
      put(bytes, message.content);
    }
    if (!set.has_continuations()) continue;
    put(bytes, canary->aligned);
    put(bytes, canary->misaligned);
  }
  return sha256(bytes);
}

}  // namespace phaseguard::canaries
