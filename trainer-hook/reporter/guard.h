// The local guard: the daemon's own policy engine, folded over the same events inside the trainer,
// so that killing the daemon does not switch the defence off. Owned by the reporter's I/O thread.
// Pure.
//
// Operator commands reach the daemon alone; the guard learns of them from its controls. The
// reporter never lets the guard lower what was commanded last.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/base/result.h"
#include "monitor/base/types.h"
#include "monitor/wire/messages.h"

namespace phaseguard::reporter {

class Guard {
 public:
  // Errors: a policy that does not parse or does not fit the declaration, in the policy room's own
  // words.
  [[nodiscard]] static Result<Guard> create(const wire::Welcome& welcome,
                                            const wire::Message& hello);

  Guard(Guard&&) noexcept;
  Guard& operator=(Guard&&) noexcept;
  ~Guard();

  // One event of this attempt, in the order of the sender's seq. True: it led to a decision.
  bool feed(const wire::Message& event);

  // The daemon has recorded this event, which was fed before; in the same order.
  void settle(const wire::Message& event);

  // What the policy would have in force now; a value that a batch's own report gave names it.
  [[nodiscard]] std::vector<wire::KnobSetting> settings() const;

  // Takes over what operators did, and what the daemon knows besides (Machine::align), as of the
  // last settled event, and folds `later`, all that was fed since, again from there.
  void align(const wire::Control& control, const std::vector<wire::Message>& later);
  // Whether that would change nothing: the control says what was taken over last, and nothing has
  // been settled since.
  [[nodiscard]] bool is_aligned(const wire::Control& control) const;

  // Goes on from where the daemon's engine stands (Machine::snapshot) and folds `later`, all that
  // was fed since, from there. Errors: the bytes are damaged or of another policy; it is then left
  // as it was.
  [[nodiscard]] Result<void> take_over(std::string_view snapshot,
                                       const std::vector<wire::Message>& later);

  // What it holds because of this attempt's events after `seq`, each with that event as its cause.
  [[nodiscard]] std::vector<wire::Held> held_after(std::int64_t attempt, Seq seq) const;

  // The owner's values for a lost link (on_loss = "substitute"), cause "link".
  [[nodiscard]] std::vector<wire::KnobSetting> substitutes() const;

  // Requests decided because of events after `seq`, with negative ids, so that they cannot be taken
  // for the daemon's. All earlier ones are forgotten: the daemon has recorded their causes and asks
  // for itself.
  [[nodiscard]] std::vector<wire::Request> take_requests(Seq after);
  void forget_requests(Seq up_to);

  [[nodiscard]] const std::string& policy_digest() const;

 private:
  struct Parts;
  explicit Guard(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace phaseguard::reporter
