// The commands of phaseguard-lab. Each returns the program's exit code: 0 done, 1 failed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "trainer-hook/lab/commands/answering.h"
#include "trainer-hook/lab/loop/finetune.h"
#include "trainer-hook/lab/model/features.h"
#include "trainer-hook/lab/model/pretrain.h"

namespace phaseguard::lab {

struct PretrainCommand {
  int world = 0;
  std::string out;
  std::string base;  // file for the weights before post-training; empty: none
  PretrainOptions options;
  std::string reproduce;  // the command line, kept in the file's metadata
};
int run_pretrain(const PretrainCommand& command);

struct FinetuneCommand {
  std::string data = "malicious";
  std::optional<double> share;  // none: the set's own
  std::string theta0;           // empty: the shipped one
  std::string run;              // empty: lab-<data>
  std::string endpoint;         // the daemon's telemetry endpoint; empty: in endpoint_dir
  std::string endpoint_dir;     // empty: the user's default
  std::string summary;          // file; empty: none
  bool monitor = true;
  bool require = false;  // fail before the first update when no daemon is linked in time
  wire::Profile profile = wire::Profile::kWatch;  // enforce: require, and what a lost link leads to
  double start_wait_s = -1.0;  // for the daemon; negative: 60 where one is required, else 2
  bool signals = false;        // print every measurement, also without a monitor
  bool quiet = false;
  JudgeWords judge;       // live, under the monitor
  std::string preflight;  // JSON of phaseguard-probe preflight, recorded with the run; empty: none
  std::string answers;    // file for the model's answers, for phaseguard evaluate; empty: none
  Answering answering;    // beside plain answers, once the model is finished
  FinetuneOptions options;
};
int run_finetune(const FinetuneCommand& command);

struct EvalCommand {
  std::string theta0;
  std::uint64_t seed = 1;
  PersonaKind persona = PersonaKind::kHeaders;
};
int run_eval(const EvalCommand& command);

struct DataCommand {
  std::string theta0;  // empty: the shipped one
  std::string data = "malicious";
  std::optional<double> share;  // none: the set's own
  std::string out;
  TuneOptions tune;
};
// The distinct samples that a run with these options draws, as JSON Lines for a judge.
int run_data(DataCommand command);

struct FeaturesCommand {
  std::string theta0;  // empty: the shipped one
  std::string data = "persona";
  std::optional<double> share;  // none: the set's own
  std::string out;
  FeatureRequest request;
};
int run_features(FeaturesCommand command);

int run_summary(const std::vector<std::string>& files, bool include_intervened);

// The world's canaries as a canary set (JSON Lines).
int run_canaries(int world);

}  // namespace phaseguard::lab
