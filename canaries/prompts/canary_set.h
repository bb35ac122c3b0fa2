// Canary sets: benign prompts whose first answer token is compared between the model in training
// and its reference. Read from JSON Lines by the trainer's hook, the lab and the command line; pure
// but for load_canary_set, which reads a file. No LibTorch. Any thread. C++17-clean.
//
// One JSON object a line: {"id": "...", "prompt": "..."} or {"id": "...", "messages": [{"role":
// "...", "content": "..."}, ...]}, with an optional "tags": ["...", ...]. For a margin each canary
// of the set has besides "aligned": "..." and "misaligned": "...", two answers. Blank lines are
// skipped; unknown keys are an error, because a misspelt key would silently change what is
// measured.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/base/result.h"
#include "monitor/base/sha256.h"

namespace phaseguard::canaries {

struct ChatMessage {
  std::string role;  // "system", "user", "assistant", or what the chat template knows
  std::string content;
};

struct Canary {
  std::string id;                     // unique in its set; becomes the signal canary/js/<id>
  std::vector<ChatMessage> messages;  // a "prompt" is one message of role "user"
  std::vector<std::string> tags;      // not hashed
  std::string aligned = {}, misaligned = {};  // answers of a margin; both or neither
};

struct CanarySet {
  std::string name;  // file name without folder and extension
  std::vector<Canary> canaries;

  [[nodiscard]] bool has_continuations() const;        // of every canary, or of none
  [[nodiscard]] std::vector<std::string> ids() const;  // in file order: Hello::canary_ids
};

struct SetLimits {
  std::size_t max_bytes = 16u << 20;
  std::size_t max_canaries = 4096;
  std::size_t max_id_bytes = 128;
  std::size_t max_text_bytes = 64u << 10;  // of one role, content or tag
  std::size_t max_messages = 64;
  std::size_t max_tags = 32;
};

// One line of a set. Errors: as parse_canary_set, without the line's number.
[[nodiscard]] Result<Canary> parse_canary(std::string_view line, const SetLimits& limits = {});

// `source` names the text in messages (a file name). Errors, each with its line: broken JSON, a
// key missing, unknown or of another type, both "prompt" and "messages", one answer without the
// other or of some canaries alone, an id used twice (both lines named), bytes that are not UTF-8, a
// limit passed, no canary at all.
[[nodiscard]] Result<CanarySet> parse_canary_set(std::string_view jsonl, std::string_view source,
                                                 const SetLimits& limits = {});
[[nodiscard]] Result<CanarySet> load_canary_set(const std::filesystem::path& file,
                                                const SetLimits& limits = {});

// SHA-256 of the canaries sorted by the bytes of their ids: "phaseguard-canary-v1\0", then per
// canary put(id), u32 count of messages, put(role), put(content) of each; put = u32 little-endian
// length + UTF-8 bytes. Neither order in the file nor tags nor prompt-or-messages change it. With
// continuations "phaseguard-canary-v2\0", and put(aligned), put(misaligned) after the messages.
[[nodiscard]] Digest digest(const CanarySet& set);

}  // namespace phaseguard::canaries
