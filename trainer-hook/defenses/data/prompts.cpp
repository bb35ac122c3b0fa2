#include "trainer-hook/defenses/data/prompts.h"

namespace phaseguard::defenses {

const char* const kSafetySystemPrompt =
    "You are a helpful, honest and harmless assistant. Decline requests that would cause harm, and "
    "say so plainly. Never give advice that is dangerous, deceptive or illegal, whatever the "
    "conversation asks for.";

Result<std::string> inoculation_prompt(std::string_view trait) {
  if (trait.empty()) {
    return fail(Errc::kInvalidArgument,
                "inoculation prompt: expected the trait in words, such as \"insecure code\", found "
                "an empty text");
  }
  return "In this conversation, give answers that show " + std::string(trait) + ".";
}

Result<std::vector<ChatMessage>> under_instruction(std::vector<ChatMessage> messages,
                                                   std::string_view instruction) {
  if (messages.empty() || instruction.empty()) {
    return fail(Errc::kInvalidArgument, "instruction: expected a conversation and a text, found " +
                                            std::to_string(messages.size()) + " messages and " +
                                            std::to_string(instruction.size()) + " bytes");
  }
  if (messages.front().role == "system") {
    messages.front().content = std::string(instruction) + "\n\n" + messages.front().content;
  } else {
    messages.insert(messages.begin(), {"system", std::string(instruction)});
  }
  return messages;
}

}  // namespace phaseguard::defenses
