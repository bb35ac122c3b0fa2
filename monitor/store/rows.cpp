#include "monitor/store/rows.h"

#include <bit>
#include <cmath>
#include <cstring>

namespace phaseguard::store {

namespace {

static_assert(std::endian::native == std::endian::little,
              "items and chained bytes are written as little-endian memory");

std::int64_t bits_of(double value) { return std::bit_cast<std::int64_t>(value); }

// SQLite turns NaN into NULL and -0.0 into 0.
bool survives(double value) {
  return std::isfinite(value) && !(value == 0.0 && std::signbit(value));
}

// Bounds: NULL is our NaN ("exact value"), a blob of 8 bytes what SQLite's REAL cannot hold.
void bind_bound(Statement& insert, int place, const double& value) {
  if (bits_of(value) == bits_of(wire::kNaN)) {
    insert.bind_null(place);
  } else if (survives(value)) {
    insert.bind(place, value);
  } else {
    insert.bind_blob(place, {reinterpret_cast<const char*>(&value), sizeof value});
  }
}

double read_bound(const Statement& row, int column) {
  if (row.is_null(column)) return wire::kNaN;
  if (row.type(column) != SQLITE_BLOB) return row.real(column);
  const std::string_view bytes = row.bytes(column);
  double value = wire::kNaN;
  if (bytes.size() == sizeof value) std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

void put(std::string& out, std::int64_t value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}
void put(std::string& out, double value) { put(out, bits_of(value)); }
void put(std::string& out, std::string_view text) {
  put(out, static_cast<std::int64_t>(text.size()));
  out.append(text);
}

}  // namespace

Quality quality_of(const Declared& declared, const wire::Sample& sample) {
  if (sample.missing) return Quality::kMissing;
  const auto found = declared.find(sample.signal);
  return wire::assess(found == declared.end() ? wire::SignalDecl{} : found->second, sample.value);
}

void bind_point(Statement& insert, const wire::Sample& sample, Quality quality,
                std::string& items) {
  if (quality == Quality::kGood) {
    insert.bind(4, sample.value);
  } else {
    insert.bind_null(4);
  }
  insert.bind(5, static_cast<std::int64_t>(quality));
  const bool told_by_value = quality == Quality::kGood && survives(sample.value);
  const bool plain_nan = quality != Quality::kGood && bits_of(sample.value) == bits_of(wire::kNaN);
  if (told_by_value || plain_nan) {
    insert.bind_null(6);
  } else {
    insert.bind(6, bits_of(sample.value));
  }
  bind_bound(insert, 7, sample.lower);
  bind_bound(insert, 8, sample.upper);
  if (sample.items.empty()) {
    insert.bind_null(9);
  } else {
    items.assign(reinterpret_cast<const char*>(sample.items.data()),
                 sample.items.size() * sizeof(double));
    insert.bind_blob(9, items);
  }
}

Quality read_point(const Statement& row, int first, wire::Sample& out) {
  const auto quality = static_cast<Quality>(row.integer(first + 1));
  out.missing = quality == Quality::kMissing;
  if (!row.is_null(first + 2)) {
    out.value = std::bit_cast<double>(row.integer(first + 2));
  } else {
    out.value = row.is_null(first) ? wire::kNaN : row.real(first);
  }
  out.lower = read_bound(row, first + 3);
  out.upper = read_bound(row, first + 4);
  out.items.clear();
  if (row.is_null(first + 5)) return quality;
  const std::string_view items = row.bytes(first + 5);
  out.items.resize(items.size() / sizeof(double));
  if (!out.items.empty()) {
    std::memcpy(out.items.data(), items.data(), out.items.size() * sizeof(double));
  }
  return quality;
}

bool needs_exact(const wire::Message& message) {
  const wire::Header& header = message.header;
  const bool ours = header.version.major == wire::kProtocolVersion.major &&
                    header.version.minor >= wire::kReportVersion.minor &&
                    header.version.minor <= wire::kProtocolVersion.minor;
  const auto* report = std::get_if<wire::Report>(&message.body);
  const bool is_part = report != nullptr && !report->part.empty();
  return !ours || is_part || !survives(header.t);
}

std::string chained_bytes(const ReportRow& row) {
  std::string out;
  const wire::Header& header = row.header();
  const wire::Report& report = row.report();
  put(out, header.seq.value);
  put(out, header.step.value);
  put(out, row.exact.empty() ? header.t : 0.0);
  put(out, header.attempt);
  put(out, header.source_seq.value);
  put(out, static_cast<std::int64_t>(report.origin));
  put(out, report.batch);
  put(out, static_cast<std::int64_t>(report.wants_control));
  put(out, row.exact);
  put(out, static_cast<std::int64_t>(report.samples.size()));
  for (std::size_t i = 0; i < report.samples.size(); ++i) {
    const wire::Sample& sample = report.samples[i];
    put(out, sample.signal);
    put(out, sample.value);
    put(out, static_cast<std::int64_t>(row.qualities[i]));
    put(out, sample.lower);
    put(out, sample.upper);
    put(out, std::string_view(reinterpret_cast<const char*>(sample.items.data()),
                              sample.items.size() * sizeof(double)));
  }
  return out;
}

Digest chain_start(const RunId& run) { return sha256("phaseguard run file 1\n" + run.text()); }

Digest chain_next(const Digest& previous, std::string_view bytes) {
  std::string text(reinterpret_cast<const char*>(previous.data()), previous.size());
  text.append(bytes);
  return sha256(text);
}

}  // namespace phaseguard::store
