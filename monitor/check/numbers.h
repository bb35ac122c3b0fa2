// Who sends, and under which numbers: session, sequence, what comes again and with which bytes, the
// goodbye, and what the engine refused. Looks at every frame, also at those that the engine is not
// given. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "monitor/check/desk.h"
#include "monitor/check/rules.h"

namespace phaseguard::check {

class Numbers {
 public:
  // A frame that could be read.
  void on_frame(daemon::PeerId peer, const wire::Message& message, std::string_view bytes, Now now,
                Findings& findings);
  // A frame that leaves for the trainer.
  void on_out(const Out& out, Findings& findings);
  void finish(Findings& findings) const;

  // Whether the newest numbered frame was new, or came again.
  [[nodiscard]] bool was_new() const { return was_new_; }
  [[nodiscard]] bool is_welcomed() const { return welcomes_ > 0; }
  // More than one process sends under its session: what is in force cannot be told any more.
  [[nodiscard]] bool is_contested() const { return is_twice_ || others_ > 0; }
  [[nodiscard]] bool said_goodbye() const { return goodbye_; }
  [[nodiscard]] bool speaks_1_1() const { return speaks_1_1_; }
  [[nodiscard]] Seq highest() const { return highest_; }

 private:
  void on_hello(daemon::PeerId peer, const wire::Message& message, Now now, Findings& findings);
  void on_numbered(const wire::Message& message, std::string_view bytes, Findings& findings);
  void on_other_content(const wire::Header& header);
  void look_at_owner(daemon::PeerId peer, const wire::Message& message, Now now,
                     Findings& findings);

  std::string session_;
  std::int64_t sessions_ = 0;
  daemon::PeerId owner_ = 0;
  std::map<daemon::PeerId, Nanos> superseded_;  // since when another has its run
  bool is_twice_ = false;                       // two connections speak under one session
  std::map<Seq, std::size_t> digests_;          // of this session's numbered frames
  bool has_gap_ = false;                        // numbers were passed over
  Seq highest_, from_{-1};
  bool was_new_ = false, speaks_1_1_ = false, goodbye_ = false;
  std::int64_t again_ = 0, welcomes_ = 0, frames_ = 0, others_ = 0;
  std::pair<Seq, Step> first_other_;  // known number, other content
  std::string reason_;                // of the goodbye
};

}  // namespace phaseguard::check
