// A Report as rows of the run file and back, exact to the bit. Internal to the store.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "monitor/base/sha256.h"
#include "monitor/base/types.h"
#include "monitor/store/database.h"
#include "monitor/wire/messages.h"
#include "monitor/wire/version.h"

namespace phaseguard::store {

using Declared = std::map<std::string, wire::SignalDecl>;  // of the last Hello

// GOOD, BAD or MISSING by the declaration in force when the sample was recorded.
[[nodiscard]] Quality quality_of(const Declared& declared, const wire::Sample& sample);

// Row of `reports` with its points. `exact` holds the encoded message when the columns cannot: a
// time that is not a number, a part of a step, another protocol version. Made for being filled
// again and again: a cursor keeps one, so that reading a long record allocates next to nothing.
struct ReportRow {
  ReportRow() {
    message.body.emplace<wire::Report>();
    message.header.version = wire::kReportVersion;
  }
  wire::Message message;           // body: a Report, always
  std::vector<Quality> qualities;  // one per sample
  std::string exact;

  [[nodiscard]] const wire::Header& header() const { return message.header; }
  [[nodiscard]] wire::Report& report() { return *std::get_if<wire::Report>(&message.body); }
  [[nodiscard]] const wire::Report& report() const {
    return *std::get_if<wire::Report>(&message.body);
  }
};

// Places 1..8 of INSERT INTO points(seq, position, signal_id, value, quality, bits, lower, upper,
// items): all but the first three, which the caller binds. `items` must outlive the insert.
void bind_point(Statement& insert, const wire::Sample& sample, Quality quality, std::string& items);
// From columns `first`.. in the order value, quality, bits, lower, upper, items, over whatever
// `out` held; its signal is left alone.
[[nodiscard]] Quality read_point(const Statement& row, int first, wire::Sample& out);

[[nodiscard]] bool needs_exact(const wire::Message& message);

// What the hash chain covers of a report: every column, little-endian, strings with their length.
// Of the run file's own making, so that a later version of the wire codec leaves old chains valid.
[[nodiscard]] std::string chained_bytes(const ReportRow& row);

// chain = SHA-256(previous chain, bytes); the first one follows chain_start().
[[nodiscard]] Digest chain_start(const RunId& run);
[[nodiscard]] Digest chain_next(const Digest& previous, std::string_view bytes);

}  // namespace phaseguard::store
