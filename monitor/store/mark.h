// What a record is up to one of its places, in a few words: two files with the same mark there hold
// the same messages up to it, as far as their hash chain can be trusted; verify recomputes that.
#pragma once

#include <string>

#include "monitor/base/types.h"

namespace phaseguard::store {

struct Mark {
  std::string identity;  // made with the file; "": it is older than identities
  Seq at;
  Seq chained;        // the last record at or before it that carries the hash chain ...
  std::string chain;  // ... and the hash there, in hex; "": none yet
  std::string
      tail;  // SHA-256 of the last messages up to it: no chain covers those behind `chained`
};
[[nodiscard]] inline bool operator==(const Mark& a, const Mark& b) {
  return a.identity == b.identity && a.at == b.at && a.chained == b.chained && a.chain == b.chain &&
         a.tail == b.tail;
}
[[nodiscard]] inline bool operator!=(const Mark& a, const Mark& b) { return !(a == b); }

}  // namespace phaseguard::store
