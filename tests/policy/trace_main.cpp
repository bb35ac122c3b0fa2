// policy_trace: drives the real engine with scripts of events from standard input and prints its
// whole state after each, for compare_test.py (against the reference model) and determinism_test.py
// (against other compilers). `--bytes` adds every decision's encoded bytes.
//
// Lines of words; doubles are the hexadecimal digits of their bits; "-" is an empty word.
//   policy N                                  the next N bytes are the policy's text
//   canaries a,b  requests rollback,stop  cadence N  laws batches
//   signal NAME MIN MAX ITEMS EVERY COLUMNS    knob NAME MIN MAX PER_SAMPLE SITES
//   hello STEP T ATTEMPT START                 the first one creates the machine
//   report STEP T ATTEMPT ...                  read_report; and so on, see trace_input.h
//   applied STEP T ATTEMPT ...   goodbye | heartbeat STEP T ATTEMPT   tick STEP T ATTEMPT
//   command STEP T ATTEMPT ...
//   cut                                        snapshot, restore into a new machine, go on
//   end                                        forgets the machine and the declaration
// Each event gives one line. A policy that is refused gives {"refused": ...} for each event.
#include <cstdio>
#include <iostream>

#include "tests/policy/trace_input.h"
#include "tests/policy/trace_output.h"

namespace phaseguard::policy::trace {
namespace {

class Player {
 public:
  explicit Player(bool with_bytes) : with_bytes_(with_bytes) {}

  // What to print for the line; "": nothing.
  std::string take(const std::string& text, std::istream& in) {
    Line line(text);
    if (line.empty()) return "";
    const std::string kind = line.word();
    if (kind == "end") {
      *this = Player(with_bytes_);
      return "";
    }
    if (kind == "cut") return cut();
    if (kind == "policy") {
      toml_.resize(static_cast<std::size_t>(line.whole()));
      in.read(toml_.data(), static_cast<std::streamsize>(toml_.size()));
      return "";
    }
    return declare(kind, line) ? "" : event(kind, line);
  }

 private:
  bool declare(const std::string& kind, Line& line) {
    if (kind == "canaries") {
      hello_.canary_ids = line.list();
    } else if (kind == "requests") {
      hello_.requests.clear();
      for (std::string& type : line.list())
        hello_.requests.push_back(wire::Word<wire::RequestType>::from(std::move(type)));
    } else if (kind == "laws") {
      for (std::string& law : line.list())
        hello_.laws.push_back(wire::Word<wire::Law>::from(std::move(law)));
    } else if (kind == "cadence") {
      hello_.cadence_steps = line.whole();
    } else if (kind == "signal") {
      hello_.signals.push_back(read_signal(line));
    } else if (kind == "knob") {
      hello_.knobs.push_back(read_knob(line));
    } else {
      return false;
    }
    return true;
  }

  static std::string refusal(const std::string& why) {
    std::string plain = why;
    for (char& c : plain) c = c == '"' || c == '\\' || c < ' ' ? '\'' : c;
    return "{\"refused\":\"" + plain + "\"}";
  }

  std::string create() {
    const Parsed parsed = parse(toml_, "trace.toml");
    if (!parsed.document) {
      std::string all;
      for (const Diagnostic& d : parsed.diagnostics) all += to_text(d, "trace.toml") + "; ";
      return refusal(all);
    }
    document_ = parsed.document;
    Result<Machine> made = Machine::create(*document_, hello_);
    if (!made) return refusal(made.error().message);
    machine_ = std::move(*made);
    return "";
  }

  std::string cut() {
    if (!machine_) return "";
    const std::string bytes = machine_->snapshot();
    Result<Machine> fresh = Machine::create(*document_, hello_);
    if (!fresh || !fresh->restore(bytes) || fresh->snapshot() != bytes) {
      return refusal("the snapshot does not restore");
    }
    machine_ = std::move(*fresh);
    return "";
  }

  std::string event(const std::string& kind, Line& line) {
    wire::Message message;
    message.header.step = Step{line.whole()};
    message.header.t = line.number();
    message.header.attempt = line.whole();
    message.header.seq = Seq{++seq_};
    if (kind == "hello") {
      hello_.start_step = Step{line.whole()};
      message.body = hello_;
      if (!machine_) refused_ = create();
    }
    if (!machine_) return refused_;
    std::string verdict;
    if (kind == "report") {
      message.body = read_report(line);
    } else if (kind == "applied") {
      message.body = read_applied(line);
    } else if (kind == "goodbye") {
      message.body = wire::Goodbye{wire::GoodbyeReason::kFinished, ""};
    } else if (kind == "heartbeat") {
      message.body = wire::Heartbeat{};
    } else if (kind == "tick") {
      message.body = wire::Tick{};
    } else if (kind == "command") {
      const wire::Command command = read_command(line, machine_->state_version());
      verdict = machine_->judge(command, message.header.step).status.text();
      message.body = command;
    } else if (kind != "hello") {
      throw std::runtime_error("trace: unknown line " + kind);
    }
    const auto decision = machine_->on(message);
    return state_line(*machine_, decision, verdict, with_bytes_);
  }

  bool with_bytes_;
  std::string toml_;
  wire::Hello hello_;
  std::optional<Document> document_;
  std::optional<Machine> machine_;
  std::string refused_;
  std::int64_t seq_ = 0;
};

}  // namespace
}  // namespace phaseguard::policy::trace

int main(int argc, char** argv) {
  std::ios::sync_with_stdio(false);
  const bool with_bytes = argc > 1 && std::string(argv[1]) == "--bytes";
  phaseguard::policy::trace::Player player(with_bytes);
  std::string text;
  try {
    while (std::getline(std::cin, text)) {
      const std::string out = player.take(text, std::cin);
      if (!out.empty()) std::cout << out << '\n';
    }
  } catch (const std::exception& e) {
    std::cerr << e.what() << '\n';
    return 2;
  }
  return 0;
}
