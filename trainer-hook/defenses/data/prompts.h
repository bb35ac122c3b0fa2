// Instructions in front of a conversation. The safety system prompt is an inference-time baseline:
// the fine-tuned model is asked under it. The inoculation prompt is a training-time defense (Tan et
// al., arXiv 2510.04340): the model is trained under an instruction that asks for the trait, and
// evaluated without it, so that the trait is bound to the instruction. Pure; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "monitor/base/result.h"

namespace phaseguard::defenses {

struct ChatMessage {
  std::string role;     // "system", "user", "assistant"
  std::string content;  // UTF-8
};

// The baseline's default text.
extern const char* const kSafetySystemPrompt;

// "Give answers that show <trait>." as an instruction of its own. Error: an empty trait.
[[nodiscard]] Result<std::string> inoculation_prompt(std::string_view trait);

// The conversation under `instruction`: a system message in front, or, when there is one already,
// the instruction, an empty line and the old text in its place. Errors: no message, an empty
// instruction.
[[nodiscard]] Result<std::vector<ChatMessage>> under_instruction(std::vector<ChatMessage> messages,
                                                                 std::string_view instruction);

}  // namespace phaseguard::defenses
