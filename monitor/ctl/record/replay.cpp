#include "monitor/ctl/record/replay.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "monitor/base/printable.h"
#include "monitor/policy/engine/playback.h"
#include "monitor/store/export.h"
#include "monitor/wire/codec.h"

namespace phaseguard::ctl {

namespace {

using nlohmann::json;

bool is_decision(const wire::Message& message) {
  return std::holds_alternative<wire::Decision>(message.body);
}

// The decisions that the recorded policy takes here, held against the recorded ones.
class Recomputation {
 public:
  explicit Recomputation(Verification& out) : out_(out) {}

  // Error: the recorded policy cannot be run here.
  Result<void> on(const wire::Message& message) {
    ++out_.events;
    if (is_decision(message)) {
      compare(message);
      return {};
    }
    expect_nothing();
    auto decided = playback_.follow(message);
    if (!decided) return tl::unexpected(decided.error());
    pending_ = std::move(*decided);
    if (std::holds_alternative<wire::Adopted>(message.body) && pending_) {
      out_.adoptions.push_back({message.header.seq, message.header.step, pending_->summary});
    }
    return {};
  }

  // After the last record.
  void finish() {
    expect_nothing();
    if (const policy::Machine* machine = playback_.machine()) out_.rules = machine->rule_status();
  }

 private:
  void expect_nothing() {
    if (pending_) {
      out_.differences.push_back(
          {playback_.event().seq, playback_.event().step,
           "recorded no decision, recomputed \"" + pending_->summary + "\""});
    }
    pending_.reset();
  }

  void compare(const wire::Message& recorded) {
    ++out_.decisions;
    const auto& decision = std::get<wire::Decision>(recorded.body);
    if (!pending_) {
      out_.differences.push_back({recorded.header.seq, recorded.header.step,
                                  "recorded \"" + decision.summary + "\", recomputed no decision"});
      return;
    }
    wire::Message recomputed = recorded;
    recomputed.body = *pending_;
    recomputed.header.step = playback_.event().step;
    if (wire::encode(recomputed) != wire::encode(recorded)) {
      out_.differences.push_back(
          {recorded.header.seq, recorded.header.step, first_difference(recorded, recomputed)});
    }
    pending_.reset();
  }

  Verification& out_;
  policy::Playback playback_;
  std::optional<wire::Decision> pending_;  // on the newest event, not yet found in the record
};

std::string shown(const json& value) {
  return plain(value.dump(-1, ' ', false, json::error_handler_t::replace));
}

}  // namespace

std::string first_difference(const wire::Message& recorded, const wire::Message& recomputed) {
  const json a = json::parse(store::json_text(recorded), nullptr, false);
  const json b = json::parse(store::json_text(recomputed), nullptr, false);
  const json patch = json::diff(a, b);
  if (patch.empty()) return "the bits of a number that is not finite";
  const std::string path = patch.front().at("path").get<std::string>();
  const json::json_pointer at(path);
  const auto value = [&at](const json& from) {
    return from.contains(at) ? shown(from.at(at)) : std::string("nothing");
  };
  return path.substr(1) + ": recorded " + value(a) + ", recomputed " + value(b);
}

Result<Verification> verify(const store::Reader& reader) {
  Verification out;
  auto chain = reader.verify_chain();
  if (!chain) return tl::unexpected(chain.error());
  out.chain = std::move(*chain);
  Recomputation recomputation(out);
  Result<void> running;
  auto read = reader.each(Seq{1}, [&](const wire::Message& message) {
    running = recomputation.on(message);
    return running.has_value();
  });
  // A record that cannot be read is the chain's finding too; without one it is an error.
  if (!read && out.chain.findings.empty()) return tl::unexpected(read.error());
  if (!running) {
    return fail(running.error().code, reader.path().string() + ": " + running.error().message);
  }
  if (read) recomputation.finish();
  return out;
}

Result<policy::Compared> replay(const store::Reader& reader, const policy::Document& document,
                                policy::Intervention intervention) {
  policy::Comparison comparison(document, intervention);
  Result<void> running;
  auto read = reader.each(Seq{1}, [&](const wire::Message& message) {
    running = comparison.on(message);
    return running.has_value() && !comparison.ended();
  });
  if (!read) return tl::unexpected(read.error());
  if (!running) {
    return fail(running.error().code, "policy " + document.name + " on " + reader.path().string() +
                                          ": " + running.error().message);
  }
  if (!comparison.started()) {
    return fail(Errc::kMalformed, reader.path().string() +
                                      ": holds no declaration of a trainer, so there is nothing to "
                                      "replay");
  }
  return comparison.result();
}

}  // namespace phaseguard::ctl
