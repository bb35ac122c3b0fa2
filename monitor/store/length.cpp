#include "monitor/store/length.h"

#include "monitor/base/text.h"
#include "monitor/store/schema.h"

namespace phaseguard::store {

Result<std::string> recorded_length(const Database& db) { return fact(db, "length"); }

Result<void> set_length(const Database& db, const std::string& length) {
  return set_fact(db, "length", length);
}

Result<std::string> recorded_shortening(const Database& db) { return fact(db, "shortened"); }

Result<void> set_shortening(const Database& db, const std::string& finding) {
  return set_fact(db, "shortened", finding);
}

void merge_log(const Database& db) {
  if (!set_length(db, kLengthInLog)) return;
  sqlite3_wal_checkpoint_v2(db.handle(), nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
  (void)set_length(db, kLengthOpen);
}

std::string length_finding(const std::string& length, Seq last, bool alone) {
  const std::string ends = "ends at seq " + std::to_string(last.value);
  if (length == kLengthInLog) {
    return alone ? ends +
                       ", and its write-ahead log, where it may go on, is not beside it; was it "
                       "copied without the -wal?"
                 : "";
  }
  if (length.empty() || length == kLengthOpen || length == std::to_string(last.value)) return "";
  return ends + "; its writer closed it with " + phaseguard::quoted(length, 20) + " records";
}

}  // namespace phaseguard::store
