#include "monitor/wire/json_declaration.h"

#include <string>
#include <variant>
#include <vector>

#include "monitor/base/json.h"
#include "monitor/wire/strict.h"

namespace phaseguard::wire {

Result<Hello> parse_declaration(std::string_view json, const RunId& run) {
  auto object = parse_json(json);
  if (!object) return fail(Errc::kMalformed, "declaration: " + object.error().message);
  if (!object->is_object()) {
    return fail(Errc::kMalformed,
                "declaration: expected one JSON object, found " + std::string(object->type_name()));
  }
  // The envelope is the session's own; what is left is read by the rules of the protocol.
  for (const char* key : {"v", "kind", "run", "seq", "step", "t", "attempt", "src"}) {
    if (object->contains(key)) {
      return fail(Errc::kMalformed, "declaration: " + std::string(key) + ": there is no such key");
    }
  }
  (*object)["v"] = {kProtocolVersion.major, kProtocolVersion.minor};
  (*object)["kind"] = "hello";
  (*object)["run"] = run.text();
  for (const char* number : {"seq", "step", "t", "attempt"}) (*object)[number] = 0;
  if (!object->contains("session")) (*object)["session"] = "";
  std::string bytes;
  nlohmann::json::to_msgpack(*object, bytes);
  auto message = decode_strictly(bytes);
  if (!message) {
    return fail(message.error().code, "declaration: " + message.error().message +
                                          " (docs/PROTOCOL.md, hello, has the keys)");
  }
  return std::get<Hello>(std::move(message->body));
}

}  // namespace phaseguard::wire
