// A run file as text for other tools, streamed: memory does not grow with the run.
#pragma once

#include <ostream>
#include <string>

#include "monitor/base/result.h"
#include "monitor/store/reader.h"

namespace phaseguard::store {

// One row per point of a signal, header first:
// seq,t,attempt,segment,step,signal,value,quality. `value` is what the trainer sent: NaN, Infinity
// or -Infinity when it could not be computed. A signal with one value per canary also gives
// `<signal>/<canary id>` rows. Error kIo when `out` fails.
[[nodiscard]] Result<void> export_csv(const Reader& reader, std::ostream& out);

// One JSON object per recorded message, with the keys of docs/PROTOCOL.md; non-finite numbers are
// the strings "NaN", "Infinity", "-Infinity".
[[nodiscard]] Result<void> export_jsonl(const Reader& reader, std::ostream& out);

// One message as export_jsonl writes it, without the newline.
[[nodiscard]] std::string json_text(const wire::Message& message);

}  // namespace phaseguard::store
