// The daemon's own engine at work for one trainer, without files: what it records is folded here,
// what it sends is numbered here, so that frames of the checker's own can go between. The lab runs
// its sweeps on one, under a policy that it gives. Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/base/types.h"
#include "monitor/check/plan.h"
#include "monitor/daemon/engine/engine.h"

namespace phaseguard::check {

// A frame for a trainer, not encoded yet.
struct Out {
  daemon::PeerId peer = 0;
  wire::Message message;
};

struct DeskTimes {
  std::int64_t heartbeat_ms = 200;
  std::int64_t stale_ms = 2000;
  std::int64_t lease_ms = 4000;
};

class Desk {
 public:
  // `recorded`: told of each recorded message, in order. `policy`: what holds for the run; none:
  // the first hello makes one, from what it declares.
  explicit Desk(const DeskTimes& times, std::function<void(const wire::Message&)> recorded,
                std::optional<policy::Document> policy = {});

  // A frame of a trainer.
  void deliver(daemon::PeerId peer, std::string_view bytes, Now now);
  void tick(Now now);
  // An operator's command for the run.
  [[nodiscard]] wire::Reply command(wire::Command command, Now now);
  // What the engine wants to send since the last call.
  [[nodiscard]] std::vector<Out> take_out();

  // Gives the frame the next number of its epoch, or `number`, and encodes it.
  [[nodiscard]] std::string encode(Out& out, Seq number = Seq{});

  [[nodiscard]] const std::vector<KnobPlan>& plan() const { return plan_; }
  [[nodiscard]] const std::string& policy_fault() const { return policy_fault_; }
  [[nodiscard]] std::int64_t state_version(Now now) const;

 private:
  void prepare(std::string_view hello);
  void take(const daemon::Effects& effects);

  daemon::Engine engine_;
  std::optional<policy::Document> policy_;
  std::function<void(const wire::Message&)> recorded_;
  RunId run_;
  std::vector<KnobPlan> plan_;
  std::string policy_fault_;
  std::vector<Out> out_;
  std::int64_t epoch_ = -1;
  std::int64_t number_ = 0;
};

}  // namespace phaseguard::check
