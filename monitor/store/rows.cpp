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

void bind_point(Statement& insert, const Point& point, std::string& items) {
  const wire::Sample& sample = point.sample;
  if (point.quality == Quality::kGood) {
    insert.bind(4, sample.value);
  } else {
    insert.bind_null(4);
  }
  insert.bind(5, static_cast<std::int64_t>(point.quality));
  const bool told_by_value = point.quality == Quality::kGood && survives(sample.value);
  const bool plain_nan =
      point.quality != Quality::kGood && bits_of(sample.value) == bits_of(wire::kNaN);
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

Point read_point(const Statement& row, int first, std::string signal) {
  Point out;
  out.sample.signal = std::move(signal);
  out.quality = static_cast<Quality>(row.integer(first + 1));
  out.sample.missing = out.quality == Quality::kMissing;
  if (!row.is_null(first + 2)) {
    out.sample.value = std::bit_cast<double>(row.integer(first + 2));
  } else if (!row.is_null(first)) {
    out.sample.value = row.real(first);
  }
  out.sample.lower = read_bound(row, first + 3);
  out.sample.upper = read_bound(row, first + 4);
  const std::string_view items = row.bytes(first + 5);
  out.sample.items.resize(items.size() / sizeof(double));
  if (!items.empty()) {
    std::memcpy(out.sample.items.data(), items.data(), out.sample.items.size() * sizeof(double));
  }
  return out;
}

bool needs_exact(const wire::Message& message) {
  const wire::Header& header = message.header;
  const bool ours = header.version.major == wire::kProtocolVersion.major &&
                    header.version.minor == wire::kProtocolVersion.minor;
  return !ours || !survives(header.t);
}

std::string chained_bytes(const ReportRow& row) {
  std::string out;
  put(out, row.header.seq.value);
  put(out, row.header.step.value);
  put(out, row.exact.empty() ? row.header.t : 0.0);
  put(out, row.header.attempt);
  put(out, row.header.source_seq.value);
  put(out, static_cast<std::int64_t>(row.report.origin));
  put(out, row.report.batch);
  put(out, static_cast<std::int64_t>(row.report.wants_control));
  put(out, row.exact);
  put(out, static_cast<std::int64_t>(row.points.size()));
  for (const Point& point : row.points) {
    put(out, point.sample.signal);
    put(out, point.sample.value);
    put(out, static_cast<std::int64_t>(point.quality));
    put(out, point.sample.lower);
    put(out, point.sample.upper);
    put(out, std::string_view(reinterpret_cast<const char*>(point.sample.items.data()),
                              point.sample.items.size() * sizeof(double)));
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
