// Names a process so that another one on the same machine can see whether it still runs, and the
// user whose it is. Linux.
// Any thread. C++17-clean.
#pragma once

#include <string>

namespace phaseguard {

// "BOOT NAMESPACE PID START": of the machine's boot, the namespace of process ids, the id in it and
// the start time in clock ticks since boot, so that a later process of the same id is another one.
// "": the system does not say.
[[nodiscard]] std::string own_process();

// True: it is of this very boot and namespace, and has ended. Of all that cannot be seen from here:
// false.
[[nodiscard]] bool is_known_dead(const std::string& process);

// The user as whom this process runs, as the system names him, whatever the environment says; "uid
// 1000": it has no name for him.
[[nodiscard]] std::string own_user();

}  // namespace phaseguard
