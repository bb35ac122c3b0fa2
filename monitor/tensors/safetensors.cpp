#include "monitor/tensors/safetensors.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "monitor/base/check.h"
#include "monitor/base/json.h"
#include "monitor/base/text.h"

namespace phaseguard::tensors {

namespace {

using nlohmann::json;

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "safetensors data are little-endian; this reader copies them as they are"
#endif

constexpr std::size_t kPrefix = 8;

tl::unexpected<Error> broken(std::string_view source, const std::string& what) {
  return fail(Errc::kMalformed, std::string(source) + ": not a valid safetensors file: " + what +
                                    "; the file is damaged or of another format: make it again");
}

struct DtypeRow {
  Dtype dtype;
  const char* name;
  std::uint64_t bits;  // of one element
};
constexpr DtypeRow kDtypes[] = {{Dtype::kF16, "F16", 16},
                                {Dtype::kF32, "F32", 32},
                                {Dtype::kF64, "F64", 64},
                                {Dtype::kBf16, "BF16", 16},
                                {Dtype::kF8E4m3, "F8_E4M3", 8},
                                {Dtype::kF8E5m2, "F8_E5M2", 8},
                                {Dtype::kI64, "I64", 64},
                                {Dtype::kI32, "I32", 32},
                                {Dtype::kI16, "I16", 16},
                                {Dtype::kI8, "I8", 8},
                                {Dtype::kU64, "U64", 64},
                                {Dtype::kU32, "U32", 32},
                                {Dtype::kU16, "U16", 16},
                                {Dtype::kU8, "U8", 8},
                                {Dtype::kBool, "BOOL", 8},
                                {Dtype::kF4, "F4", 4},
                                {Dtype::kF6E2m3, "F6_E2M3", 6},
                                {Dtype::kF6E3m2, "F6_E3M2", 6},
                                {Dtype::kF8E8m0, "F8_E8M0", 8},
                                {Dtype::kF8E4m3Fnuz, "F8_E4M3FNUZ", 8},
                                {Dtype::kF8E5m2Fnuz, "F8_E5M2FNUZ", 8},
                                {Dtype::kC64, "C64", 64}};

const DtypeRow& row_of(Dtype dtype) {
  for (const DtypeRow& row : kDtypes) {
    if (row.dtype == dtype) return row;
  }
  PHASEGUARD_CHECK(false);
  return kDtypes[0];
}

// "F16, F32, ..." of those that `fits` takes.
template <class Fits>
std::string names(Fits fits) {
  std::string out;
  for (const DtypeRow& row : kDtypes) {
    if (fits(row.dtype)) out += (out.empty() ? "" : ", ") + std::string(row.name);
  }
  return out;
}

Result<Dtype> dtype_of(const std::string& name) {
  for (const DtypeRow& row : kDtypes) {
    if (name == row.name) return row.dtype;
  }
  return fail(Errc::kUnsupported, "type not taken: " + phaseguard::quoted(name, 20) +
                                      "; expected one of " + names([](Dtype) { return true; }));
}

// product(shape), or nothing when it overflows or a dimension is negative.
Result<std::uint64_t> elements(const std::vector<std::int64_t>& shape) {
  std::uint64_t count = 1;
  for (std::int64_t n : shape) {
    if (n < 0) return fail(Errc::kMalformed, "a negative dimension");
    const auto size = static_cast<std::uint64_t>(n);
    if (size != 0 && count > (std::uint64_t{1} << 40) / size) {
      return fail(Errc::kLimit, "a shape of more than 2^40 elements");
    }
    count *= size;
  }
  return count;
}

struct Entry {
  std::string name;
  Dtype dtype = Dtype::kF32;
  std::vector<std::int64_t> shape;
  std::uint64_t begin = 0, end = 0;
};

Result<void> read_shape(const json& value, std::size_t max_rank, std::vector<std::int64_t>& shape) {
  if (!value.is_array()) return fail(Errc::kMalformed, "its shape is not a list");
  if (value.size() > max_rank) return fail(Errc::kLimit, "its shape has too many dimensions");
  for (const json& n : value) {
    if (!n.is_number_unsigned() ||
        n.get<std::uint64_t>() >
            static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
      return fail(Errc::kMalformed, "its shape holds something that is not a size");
    }
    shape.push_back(static_cast<std::int64_t>(n.get<std::uint64_t>()));
  }
  return {};
}

Result<Entry> read_entry(const std::string& name, const json& value, std::size_t max_rank) {
  if (!value.is_object() || value.size() != 3 || !value.contains("dtype") ||
      !value.contains("shape") || !value.contains("data_offsets")) {
    return fail(Errc::kMalformed, "expected exactly dtype, shape and data_offsets");
  }
  Entry entry;
  entry.name = name;
  if (!value["dtype"].is_string()) return fail(Errc::kMalformed, "its dtype is not a string");
  const auto dtype = dtype_of(value["dtype"].get<std::string>());
  if (!dtype) return tl::unexpected<Error>(dtype.error());
  entry.dtype = *dtype;
  if (auto ok = read_shape(value["shape"], max_rank, entry.shape); !ok) {
    return tl::unexpected<Error>(ok.error());
  }
  const json& offsets = value["data_offsets"];
  if (!offsets.is_array() || offsets.size() != 2 || !offsets[0].is_number_unsigned() ||
      !offsets[1].is_number_unsigned()) {
    return fail(Errc::kMalformed, "its data_offsets are not two sizes");
  }
  entry.begin = offsets[0].get<std::uint64_t>();
  entry.end = offsets[1].get<std::uint64_t>();
  const auto count = elements(entry.shape);
  if (!count) return tl::unexpected<Error>(count.error());
  const std::uint64_t bits = *count * row_of(entry.dtype).bits;
  if (bits % 8 != 0) return fail(Errc::kMalformed, "its elements do not fill whole bytes");
  const std::uint64_t wanted = bits / 8;
  if (entry.end < entry.begin || entry.end - entry.begin != wanted) {
    return fail(Errc::kMalformed,
                "its shape needs " + std::to_string(wanted) + " bytes, its data_offsets are " +
                    std::to_string(entry.begin) + ".." + std::to_string(entry.end));
  }
  return entry;
}

Result<void> read_metadata(const json& value, std::map<std::string, std::string>& metadata) {
  if (!value.is_object()) return fail(Errc::kMalformed, "__metadata__ is not an object");
  for (const auto& [key, text] : value.items()) {
    if (!text.is_string()) {
      return fail(Errc::kMalformed,
                  "__metadata__ " + phaseguard::quoted(key, 40) + " is not a string");
    }
    metadata[key] = text.get<std::string>();
  }
  return {};
}

// The data section must be covered exactly: no hole, no overlap, nothing left over.
Result<void> check_cover(std::vector<Entry>& entries, std::uint64_t data_bytes) {
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  std::uint64_t at = 0;
  for (const Entry& entry : entries) {
    if (entry.begin != at) {
      return fail(Errc::kMalformed, "tensor " + phaseguard::quoted(entry.name, 60) +
                                        " starts at byte " + std::to_string(entry.begin) +
                                        ", expected " + std::to_string(at));
    }
    at = entry.end;
    if (at > data_bytes) {
      return fail(Errc::kMalformed, "tensor " + phaseguard::quoted(entry.name, 60) +
                                        " ends at byte " + std::to_string(at) + " of " +
                                        std::to_string(data_bytes) + " data bytes");
    }
  }
  if (at != data_bytes) {
    return fail(Errc::kMalformed, std::to_string(data_bytes - at) + " bytes belong to no tensor");
  }
  return {};
}

template <class T>
T element(const std::string& bytes, std::size_t i) {
  T value;
  std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
  return value;
}

template <class Out>
std::vector<Out> converted(const TensorRecord& record) {
  const auto all = [&](auto value_at) {
    std::vector<Out> out(record.count());
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<Out>(value_at(i));
    return out;
  };
  const std::string& bytes = record.bytes;
  switch (record.dtype) {
    case Dtype::kF16:
      return all([&](std::size_t i) { return float_from_half(element<std::uint16_t>(bytes, i)); });
    case Dtype::kBf16:
      return all(
          [&](std::size_t i) { return float_from_bfloat16(element<std::uint16_t>(bytes, i)); });
    case Dtype::kF32:
      return all([&](std::size_t i) { return element<float>(bytes, i); });
    case Dtype::kF64:
      return all([&](std::size_t i) { return element<double>(bytes, i); });
    case Dtype::kF8E4m3:
      return all(
          [&](std::size_t i) { return float_from_f8_e4m3(element<std::uint8_t>(bytes, i)); });
    case Dtype::kF8E5m2:
      return all(
          [&](std::size_t i) { return float_from_f8_e5m2(element<std::uint8_t>(bytes, i)); });
    case Dtype::kI64:
      return all([&](std::size_t i) { return element<std::int64_t>(bytes, i); });
    case Dtype::kI32:
      return all([&](std::size_t i) { return element<std::int32_t>(bytes, i); });
    case Dtype::kI16:
      return all([&](std::size_t i) { return element<std::int16_t>(bytes, i); });
    case Dtype::kI8:
      return all([&](std::size_t i) { return element<std::int8_t>(bytes, i); });
    case Dtype::kU64:
      return all([&](std::size_t i) { return element<std::uint64_t>(bytes, i); });
    case Dtype::kU32:
      return all([&](std::size_t i) { return element<std::uint32_t>(bytes, i); });
    case Dtype::kU16:
      return all([&](std::size_t i) { return element<std::uint16_t>(bytes, i); });
    case Dtype::kU8:
    case Dtype::kBool:
      return all([&](std::size_t i) { return element<std::uint8_t>(bytes, i); });
    default:
      break;
  }
  PHASEGUARD_CHECK(is_taken(record.dtype));
  return {};
}

template <class As, class In>
void put_element(std::string& bytes, In value) {
  const auto stored = static_cast<As>(value);
  bytes.append(reinterpret_cast<const char*>(&stored), sizeof stored);
}

template <class In>
void put_value(std::string& bytes, In value, Dtype as) {
  switch (as) {
    case Dtype::kF16:
      return put_element<std::uint16_t>(bytes, half_from_float(static_cast<float>(value)));
    case Dtype::kBf16:
      return put_element<std::uint16_t>(bytes, bfloat16_from_float(static_cast<float>(value)));
    case Dtype::kF32:
      return put_element<float>(bytes, value);
    case Dtype::kF64:
      return put_element<double>(bytes, value);
    case Dtype::kI64:
      return put_element<std::int64_t>(bytes, value);
    case Dtype::kI32:
      return put_element<std::int32_t>(bytes, value);
    case Dtype::kI16:
      return put_element<std::int16_t>(bytes, value);
    case Dtype::kI8:
      return put_element<std::int8_t>(bytes, value);
    case Dtype::kU64:
      return put_element<std::uint64_t>(bytes, value);
    case Dtype::kU32:
      return put_element<std::uint32_t>(bytes, value);
    case Dtype::kU16:
      return put_element<std::uint16_t>(bytes, value);
    case Dtype::kU8:
    case Dtype::kBool:
      return put_element<std::uint8_t>(bytes, value);
    default:
      PHASEGUARD_CHECK(false);
  }
}

template <class In>
TensorRecord stored(Span<In> values, std::vector<std::int64_t> shape, Dtype as) {
  TensorRecord record;
  record.dtype = as;
  record.shape = std::move(shape);
  PHASEGUARD_CHECK(record.count() == values.size());
  record.bytes.reserve(values.size() * row_of(as).bits / 8);
  for (In value : values) put_value(record.bytes, value, as);
  return record;
}

}  // namespace

const char* name_of(Dtype dtype) { return row_of(dtype).name; }
bool is_taken(Dtype dtype) { return dtype < Dtype::kF4; }
bool is_floating(Dtype dtype) { return dtype <= Dtype::kF8E5m2; }

Result<void> check_taken(const TensorRecord& record, const std::string& what) {
  if (is_taken(record.dtype)) return {};
  return fail(Errc::kUnsupported, what + ": type not taken: " + name_of(record.dtype) +
                                      "; store it as one of " + names(is_taken));
}

std::size_t TensorRecord::count() const {
  std::size_t n = 1;
  for (std::int64_t d : shape) n *= static_cast<std::size_t>(d);
  return n;
}

std::vector<float> TensorRecord::to_float() const { return converted<float>(*this); }
std::vector<double> TensorRecord::to_double() const { return converted<double>(*this); }

TensorRecord TensorRecord::of(Span<const float> values, std::vector<std::int64_t> shape, Dtype as) {
  return stored(values, std::move(shape), as);
}

TensorRecord TensorRecord::of(Span<const double> values, std::vector<std::int64_t> shape,
                              Dtype as) {
  return stored(values, std::move(shape), as);
}

Result<const TensorRecord*> TensorFile::find(const std::string& name,
                                             std::string_view source) const {
  if (const auto it = tensors.find(name); it != tensors.end()) {
    auto ok =
        check_taken(it->second, std::string(source) + ": tensor " + phaseguard::quoted(name, 60));
    if (!ok) return tl::unexpected<Error>(ok.error());
    return &it->second;
  }
  std::string held;
  for (const auto& [other, record] : tensors) {
    if (held.size() > 200) {
      held += ", ...";
      break;
    }
    held += (held.empty() ? "" : ", ") + other;
  }
  return fail(Errc::kNotFound, std::string(source) + ": expected a tensor named " +
                                   phaseguard::quoted(name) +
                                   ", the file holds: " + (held.empty() ? "none" : held));
}

TensorRecord TensorRecord::of(Span<const std::int64_t> values, std::vector<std::int64_t> shape,
                              Dtype as) {
  return stored(values, std::move(shape), as);
}

Result<TensorFile> decode_safetensors(std::string_view bytes, std::string_view source,
                                      const FileLimits& limits) {
  if (bytes.size() < kPrefix) {
    return broken(source, std::to_string(bytes.size()) + " bytes, shorter than its length prefix");
  }
  if (bytes.size() > limits.max_file_bytes) {
    return fail(Errc::kLimit, std::string(source) + ": larger than the limit of " +
                                  std::to_string(limits.max_file_bytes) + " bytes");
  }
  std::uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, bytes.data(), kPrefix);
  if (header_bytes > bytes.size() - kPrefix) {
    return broken(source, "its header claims " + std::to_string(header_bytes) + " of " +
                              std::to_string(bytes.size() - kPrefix) + " bytes");
  }
  if (header_bytes > limits.max_header_bytes) {
    return fail(Errc::kLimit, std::string(source) + ": a header of " +
                                  std::to_string(header_bytes) + " bytes, the limit is " +
                                  std::to_string(limits.max_header_bytes));
  }
  const auto header = parse_json(bytes.substr(kPrefix, header_bytes));
  if (!header) return broken(source, "header: " + header.error().message);
  if (!header->is_object()) return broken(source, "its header is not a JSON object");
  if (header->size() > limits.max_tensors) {
    return fail(Errc::kLimit, std::string(source) + ": " + std::to_string(header->size()) +
                                  " tensors, the limit is " + std::to_string(limits.max_tensors));
  }

  TensorFile file;
  std::vector<Entry> entries;
  for (const auto& [name, value] : header->items()) {
    if (name == "__metadata__") {
      if (auto ok = read_metadata(value, file.metadata); !ok)
        return broken(source, ok.error().message);
      continue;
    }
    auto entry = read_entry(name, value, limits.max_rank);
    const std::string place = "tensor " + phaseguard::quoted(name, 60) + ": ";
    if (!entry && entry.error().code == Errc::kUnsupported) {
      return fail(Errc::kUnsupported, std::string(source) + ": " + place + entry.error().message);
    }
    if (!entry) return broken(source, place + entry.error().message);
    entries.push_back(std::move(*entry));
  }
  const std::string_view data = bytes.substr(kPrefix + header_bytes);
  if (auto ok = check_cover(entries, data.size()); !ok) return broken(source, ok.error().message);
  for (Entry& entry : entries) {
    TensorRecord& record = file.tensors[entry.name];
    record.dtype = entry.dtype;
    record.shape = std::move(entry.shape);
    record.bytes.assign(data.substr(entry.begin, entry.end - entry.begin));
  }
  return file;
}

std::string encode_safetensors(const TensorFile& file) {
  json header = json::object();
  if (!file.metadata.empty()) header["__metadata__"] = file.metadata;
  std::uint64_t at = 0;
  for (const auto& [name, record] : file.tensors) {
    PHASEGUARD_CHECK(record.bytes.size() * 8 == record.count() * row_of(record.dtype).bits);
    header[name] = {{"dtype", name_of(record.dtype)},
                    {"shape", record.shape},
                    {"data_offsets", {at, at + record.bytes.size()}}};
    at += record.bytes.size();
  }
  // Bytes that are not UTF-8 become U+FFFD: metadata is for people, and dump must not throw.
  std::string text = header.dump(-1, ' ', false, json::error_handler_t::replace);
  text.resize((text.size() + 7) / 8 * 8, ' ');  // data aligned to 8 bytes
  const std::uint64_t header_bytes = text.size();
  std::string out(kPrefix, '\0');
  std::memcpy(out.data(), &header_bytes, kPrefix);
  out += text;
  out.reserve(out.size() + at);
  for (const auto& [name, record] : file.tensors) out += record.bytes;
  return out;
}

}  // namespace phaseguard::tensors
