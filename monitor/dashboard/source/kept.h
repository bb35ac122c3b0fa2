// Views that are kept: what the fold made of a long record, so that its next opening need not read
// it again. A cache of the user's own, in no run's folder: the record is evidence and may lie where
// nothing can be written, and nobody else can put a picture there that it does not show. A view is
// taken for the same record alone, up to where it ends, and for nothing if a bit of it is not as it
// was written. One thread each; several processes may use one folder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <memory_resource>
#include <optional>
#include <string>

#include "monitor/dashboard/source/frames.h"
#include "monitor/run/state.h"
#include "monitor/store/reader.h"

namespace phaseguard::dashboard {

struct KeptFolder {
  std::filesystem::path path;
  std::uint64_t most = std::uint64_t{4} << 30;        // bytes of it; those not used for longest go
  std::uint64_t least_free = std::uint64_t{1} << 30;  // of its disk, that is left to others
};

// $XDG_CACHE_HOME/phaseguard, else $HOME/.cache/phaseguard; nothing when neither is set.
[[nodiscard]] std::optional<std::filesystem::path> kept_folder();

struct FoundView {
  std::shared_ptr<run::RunState> state;  // nothing: the record is to be read
  // Why what was there is not taken, and was thrown away; "": nothing was there, or it was taken.
  std::string problem;
};
// `between` is called every 256 KiB; false: nothing is found.
[[nodiscard]] FoundView find_view(const KeptFolder& folder, const store::Reader& reader,
                                  std::pmr::memory_resource* memory, const Between& between);

// What `state` is, as it lies on the disk: before it is known that nothing came after it.
struct ViewKey {
  store::Mark mark;
  std::string stamp;
};
// Of the record up to `at`, when that is its end; nothing when it has none that can be proved.
[[nodiscard]] std::optional<ViewKey> key_of(const store::Reader& reader, Seq at);

// Writes it whole or not at all. Gives why it is not kept; "": it is, or another window does it, or
// `between` said no. What lies in the folder beyond its bound goes.
[[nodiscard]] std::string keep_view(const KeptFolder& folder, const ViewKey& key,
                                    const run::RunState& state, const Between& between);

}  // namespace phaseguard::dashboard
