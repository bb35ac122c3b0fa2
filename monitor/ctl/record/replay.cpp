#include "monitor/ctl/record/replay.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "monitor/base/printable.h"
#include "monitor/ctl/files.h"
#include "monitor/policy/engine/playback.h"
#include "monitor/run/intervened.h"
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

bool above_zero(const std::vector<wire::KnobSetting>& knobs) {
  return std::any_of(knobs.begin(), knobs.end(),
                     [](const wire::KnobSetting& knob) { return knob.value > 0.0; });
}

class Comparison {
 public:
  Comparison(const policy::Document& document, Replay& out) : document_(document), out_(out) {}

  Result<void> on(const wire::Message& message) {
    if (is_decision(message)) {
      happened(message);
      return {};
    }
    if (const auto* hello = std::get_if<wire::Hello>(&message.body)) {
      out_.label = hello->label.text();
      if (!started()) {
        auto begun = policy::Playback::create(document_, message);
        if (!begun) return tl::unexpected(begun.error());
        playback_ = std::move(*begun);
        would_ = playback_.machine()->settings();
        for (const wire::KnobDecl& knob : hello->knobs) {
          happened_.push_back({knob.name, knob.initial, {}, wire::CauseKind::kInitial, 0, {}});
        }
        return {};
      }
    }
    if (const auto* loaded = std::get_if<wire::PolicyLoaded>(&message.body)) {
      out_.recorded_policy = loaded->name;
    }
    auto decided = playback_.on(message);
    if (!decided) return {};
    would_ = decided->knobs;
    add_row(message.header).would = std::move(*decided);
    return {};
  }

  [[nodiscard]] bool started() const { return playback_.machine() != nullptr; }

 private:
  void happened(const wire::Message& message) {
    const auto& decision = std::get<wire::Decision>(message.body);
    happened_ = decision.knobs;
    const bool same_event = !out_.rows.empty() && out_.rows.back().seq == decision.because;
    ReplayRow& row = same_event ? out_.rows.back() : add_row(playback_.event());
    row.happened = decision;
    row.happened_knobs = happened_;
    if (above_zero(happened_) && out_.happened_first_raise < Step{0}) {
      out_.happened_first_raise = message.header.step;
    }
  }

  ReplayRow& add_row(const wire::Header& header) {
    ReplayRow row;
    row.seq = header.seq;
    row.step = header.step;
    row.attempt = header.attempt;
    row.happened_knobs = happened_;
    row.would_knobs = would_;
    if (above_zero(would_) && out_.would_first_raise < Step{0}) out_.would_first_raise = row.step;
    out_.rows.push_back(std::move(row));
    return out_.rows.back();
  }

  const policy::Document& document_;
  Replay& out_;
  policy::Playback playback_;
  std::vector<wire::KnobSetting> happened_;
  std::vector<wire::KnobSetting> would_;
};

std::string shown(const json& value) {
  return plain(value.dump(-1, ' ', false, json::error_handler_t::replace));
}

}  // namespace

bool ReplayRow::differs() const {
  const auto asked = [](const std::optional<wire::Decision>& decision) {
    std::vector<std::string> out;
    if (!decision) return out;
    for (const wire::Request& r : decision->requests) {
      out.push_back(r.type.text() + " " + std::to_string(r.before_step.value));
    }
    for (const wire::Alert& alert : decision->alerts) {
      out.push_back(alert.severity.text() + " " + alert.source.text());
    }
    return out;
  };
  return knobs_text(happened_knobs) != knobs_text(would_knobs) || asked(happened) != asked(would);
}

const ReplayRow* Replay::first_difference() const {
  const auto found =
      std::find_if(rows.begin(), rows.end(), [](const ReplayRow& row) { return row.differs(); });
  return found == rows.end() ? nullptr : &*found;
}

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

Result<Replay> replay(const store::Reader& reader, const policy::Document& document,
                      Intervention intervention) {
  Replay out;
  out.run = reader.run();
  out.policy = document.name;
  Comparison comparison(document, out);
  run::Intervened intervened;
  Result<void> running;
  auto read = reader.each(Seq{1}, [&](const wire::Message& message) {
    intervened.take(message);
    out.ends_there = intervened.step() >= Step{0} && intervention == Intervention::kEndsIt;
    if (out.ends_there) return false;
    running = comparison.on(message);
    return running.has_value();
  });
  if (!read) return tl::unexpected(read.error());
  out.intervened = intervened.step();
  if (!running) {
    return fail(running.error().code, "policy " + document.name + " on " + reader.path().string() +
                                          ": " + running.error().message);
  }
  if (!comparison.started()) {
    return fail(Errc::kMalformed, reader.path().string() +
                                      ": holds no declaration of a trainer, so there is nothing to "
                                      "replay");
  }
  return out;
}

}  // namespace phaseguard::ctl
