#include "monitor/store/export.h"

#include <map>
#include <nlohmann/json.hpp>
#include <vector>

#include "monitor/base/printable.h"
#include "monitor/base/text.h"
#include "monitor/store/rows.h"
#include "monitor/wire/codec.h"
#include "monitor/wire/declaration.h"

namespace phaseguard::store {

namespace {

using Json = nlohmann::ordered_json;

// JSON has no NaN and no bytes: numbers that are not finite become their names, binary becomes
// text.
void make_plain(Json& value) {
  if (value.is_number_float()) {
    const double number = value.get<double>();
    if (!(number - number == 0.0)) value = number_text(number);
  } else if (value.is_binary()) {
    const auto& bytes = value.get_binary();
    value = std::string(bytes.begin(), bytes.end());
  } else if (value.is_structured()) {
    for (auto& item : value) make_plain(item);
  }
}

class CsvRows {
 public:
  explicit CsvRows(std::ostream& out) : out_(out) {
    out_ << "seq,t,attempt,segment,step,signal,value,quality\n";
  }

  bool on(const wire::Message& message) {
    if (const auto* hello = std::get_if<wire::Hello>(&message.body)) {
      declared_.clear();
      for (const auto& signal : hello->signals)
        declared_[signal.name] = wire::with_edges(*hello, signal);
      canary_ids_ = hello->canary_ids;
    } else if (const auto* applied = std::get_if<wire::Applied>(&message.body)) {
      segments_[message.header.attempt] = applied->segment;
    } else if (const auto* report = std::get_if<wire::Report>(&message.body)) {
      for (const auto& sample : report->samples) on_sample(message.header, sample);
    }
    return out_.good();
  }

 private:
  void on_sample(const wire::Header& header, const wire::Sample& sample) {
    row(header, sample.signal, sample.value, quality_of(declared_, sample));
    const auto found = declared_.find(sample.signal);
    if (found == declared_.end() || found->second.items != wire::Items::kCanary) return;
    for (std::size_t i = 0; i < sample.items.size() && i < canary_ids_.size(); ++i) {
      const Quality quality =
          sample.missing ? Quality::kMissing : wire::assess(found->second, sample.items[i]);
      row(header, sample.signal + "/" + canary_ids_[i], sample.items[i], quality);
    }
  }

  void row(const wire::Header& header, const std::string& signal, double value, Quality quality) {
    out_ << header.seq.value << ',' << number_text(header.t) << ',' << header.attempt << ','
         << segments_[header.attempt] << ',' << header.step.value << ',' << csv_cell(signal) << ','
         << number_text(value) << ',' << name_of(quality) << '\n';
  }

  std::ostream& out_;
  Declared declared_;
  std::vector<std::string> canary_ids_;
  std::map<std::int64_t, std::int64_t> segments_;
};

Result<void> finish(Result<void> read, std::ostream& out) {
  if (!read) return read;
  out.flush();
  if (!out.good())
    return fail(Errc::kIo, "the export could not be written; check the disk's space");
  return {};
}

}  // namespace

std::string json_text(const wire::Message& message) {
  Json value = Json::from_msgpack(wire::encode(message), true, false);
  make_plain(value);
  return printable_json(value.dump(-1, ' ', false, Json::error_handler_t::replace));
}

Result<void> export_csv(const Reader& reader, std::ostream& out) {
  CsvRows rows(out);
  return finish(
      reader.each(Seq{1}, [&rows](const wire::Message& message) { return rows.on(message); }), out);
}

Result<void> export_jsonl(const Reader& reader, std::ostream& out) {
  return finish(reader.each(Seq{1},
                            [&out](const wire::Message& message) {
                              out << json_text(message) << '\n';
                              return out.good();
                            }),
                out);
}

}  // namespace phaseguard::store
