// The words of `phaseguard-lab reproduce`, and of the processes that it starts. Program only.
#pragma once

#include <string>

#include "trainer-hook/lab/reproduce/experiment.h"

namespace CLI {
class App;
}

namespace phaseguard::lab {

struct ReproduceWords {
  reproduce::ReproduceCommand command;
  std::string task, result;  // of a process that it starts
};
void add_reproduce(CLI::App& app, ReproduceWords& words);

}  // namespace phaseguard::lab
