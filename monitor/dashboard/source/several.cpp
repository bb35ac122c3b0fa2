// Several daemons as one source.
#include <algorithm>

#include "monitor/base/check.h"
#include "monitor/dashboard/source/source.h"

namespace phaseguard::dashboard {
namespace {

struct Part {
  std::string name;
  std::unique_ptr<Source> source;
};

class Several final : public Source {
 public:
  // Before anything has come every daemon is known, so that the first one that answers is not taken
  // for all there is.
  Several(std::vector<Part> parts, std::vector<SourceState> states) : parts_(std::move(parts)) {
    for (SourceState& state : states) first_.push_back({std::move(state), {}});
  }

  std::vector<Batch> take() override {
    std::vector<Batch> all = std::exchange(first_, {});
    for (const Part& part : parts_) {
      for (Batch& batch : part.source->take()) {
        batch.source.context = part.name;
        put_name(part.name, batch.messages);
        put_name(part.name, batch.recalled);
        all.push_back(std::move(batch));
      }
    }
    return all;
  }

  void send(std::vector<wire::Message> commands) override {
    for (wire::Message& command : commands) {
      Source& source = source_of(command.header.run);
      command.header.run = command.header.run.own();
      source.send({std::move(command)});
    }
  }

  void recall(const RunId& run) override { source_of(run).recall(run.own()); }

 private:
  static void put_name(const std::string& name, std::vector<wire::Message>& messages) {
    for (wire::Message& message : messages) {
      if (!message.header.run.empty()) message.header.run = message.header.run.within(name);
    }
  }

  Source& source_of(const RunId& run) {
    const std::string place = run.place();
    const auto part = std::find_if(parts_.begin(), parts_.end(),
                                   [&](const Part& one) { return one.name == place; });
    PHASEGUARD_CHECK(part != parts_.end());
    return *part->source;
  }

  std::vector<Part> parts_;
  std::vector<Batch> first_;
};

}  // namespace

Result<std::unique_ptr<Source>> connect_all(const std::vector<contexts::Daemon>& daemons,
                                            const Wake& wake) {
  if (daemons.size() == 1) return connect_live(daemons.front(), wake);
  std::vector<Part> parts;
  std::vector<SourceState> states;
  for (const contexts::Daemon& daemon : daemons) {
    auto source = connect_live(daemon, wake);
    if (!source) return tl::unexpected(source.error());
    parts.push_back({daemon.name, std::move(*source)});
    SourceState state;
    state.context = daemon.name;
    state.place = place_of(daemon);
    state.live = true;
    states.push_back(std::move(state));
  }
  return std::make_unique<Several>(std::move(parts), std::move(states));
}

}  // namespace phaseguard::dashboard
