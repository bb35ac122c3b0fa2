// The command line's end of the operator socket: asks, commands, and waits a bounded time for the
// answer. One thread.
#pragma once

#include <string>
#include <vector>

#include "monitor/base/result.h"
#include "monitor/contexts/contexts.h"
#include "monitor/link/client.h"
#include "monitor/wire/messages.h"

namespace CLI {
class App;
}

namespace phaseguard::ctl {

// Where the daemon is, as every live command is told.
struct DaemonOptions {
  std::string endpoint_dir;           // empty: the user's default
  std::vector<std::string> contexts;  // of the file; empty: none is named
  std::string contexts_file;          // empty: the user's
  std::string key_file;               // of a daemon that asks for keys; empty: the environment's

  enum class Many { kOne, kSeveral };
  void add_to(CLI::App& command, Many many);
  void add_file_to(CLI::App& command);
  // At least one. Error: as contexts::choose(), or both a folder and a context are named.
  [[nodiscard]] Result<std::vector<contexts::Daemon>> daemons() const;
  [[nodiscard]] std::string file() const;
};

// The options that every live command has.
struct LiveOptions {
  DaemonOptions at;
  std::string run;  // empty: the only active one
  double timeout_s = 10.0;

  void add_to(CLI::App& command, DaemonOptions::Many many = DaemonOptions::Many::kOne);
};

// A run as the daemon sees it now: the envelope carries its name and step.
struct LiveRun {
  wire::Header header;
  wire::Status status;
};

class LiveClient {
 public:
  // The only daemon that the options name.
  [[nodiscard]] static Result<LiveClient> connect(const LiveOptions& options);
  // `run`: a name of a run, or "".
  [[nodiscard]] static Result<LiveClient> connect(const contexts::Daemon& daemon,
                                                  const std::string& run, double timeout_s);

  // Statuses of one run (by name) or of all. kTimeout: nobody answers, with how to start a daemon.
  [[nodiscard]] Result<std::vector<LiveRun>> status(const std::string& run);
  // Hellos that the daemon refused last, a line each, as of the newest status().
  [[nodiscard]] const std::string& refused() const { return refused_; }

  // Recorded events from `from` on, as many as the daemon puts in a page.
  struct Page {
    std::vector<wire::Message> messages;
    std::string text;   // of the reply
    Seq last;           // last one included; 0: none
    bool more = false;  // ask again from last + 1
  };
  [[nodiscard]] Result<Page> events(const RunId& run, Seq from);

  // The run that is meant: by name, or the only one that is not ended. kNotFound and kConflict list
  // what there is.
  [[nodiscard]] Result<LiveRun> choose();

  // Sends the command and waits for its reply; the same id is sent again until then, which has no
  // second effect.
  [[nodiscard]] Result<wire::Reply> command(const RunId& run, wire::Command command);

 private:
  LiveClient(contexts::Daemon daemon, std::string run, double timeout_s, link::DealerClient dealer);
  [[nodiscard]] Result<wire::Reply> ask(wire::Message message, const std::string& id);
  [[nodiscard]] Result<Page> query(wire::QueryWhat what, const RunId& run, Seq from);
  [[nodiscard]] Error nobody() const;
  [[nodiscard]] double answer_s() const;  // how long to wait for the daemon itself

  contexts::Daemon daemon_;
  std::string run_;
  double timeout_s_;
  link::DealerClient dealer_;
  std::string refused_;
  std::int64_t sent_ = 0;
};

// 128 random bits as hex: the id of a command, so that a repeated one is recognised.
[[nodiscard]] std::string fresh_id();

// Wall seconds since 1970, for the envelope.
[[nodiscard]] double wall_now();

}  // namespace phaseguard::ctl
