// Built without LibTorch: there is no lab to pass over.
#include "probe/tool/commands.h"

namespace phaseguard::probe_tool {

Result<LabPass> lab_pass(const PreflightCommand& /*command*/, const std::atomic<bool>& /*stop*/) {
  return fail(Errc::kUnsupported,
              "--lab: this program was built without LibTorch (PHASEGUARD_TORCH=OFF); score the "
              "samples elsewhere and name their file");
}

}  // namespace phaseguard::probe_tool
