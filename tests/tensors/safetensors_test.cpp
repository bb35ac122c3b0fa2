#include "monitor/tensors/safetensors.h"

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <random>

#include "tests/support/catch.h"
#include "tests/support/folder.h"

using namespace phaseguard;
using namespace phaseguard::tensors;

namespace {

tensors::TensorFile sample() {
  tensors::TensorFile file;
  file.metadata = {{"made by", "a test"}, {"grüße", "🙂"}};
  const std::vector<float> f = {1.5f, -2.0f, 0.0f, 3.25f, 1e-3f, -0.0f};
  const std::vector<double> d = {1.0 / 3, -1e300};
  file.tensors["a"] = tensors::TensorRecord::of(Span<const float>(f), {2, 3});
  file.tensors["b"] = tensors::TensorRecord::of(Span<const double>(d), {2});
  file.tensors["h"] = tensors::TensorRecord::of(Span<const float>(f), {3, 2}, tensors::Dtype::kF16);
  file.tensors["none"] = tensors::TensorRecord::of(Span<const float>(), {0, 4});
  return file;
}

std::string raw(const std::string& header, const std::string& data = {}) {
  const std::uint64_t n = header.size();
  std::string out(8, '\0');
  std::memcpy(out.data(), &n, 8);
  return out + header + data;
}

}  // namespace

TEST_CASE("half precision rounds to nearest, ties to even", "[probe]") {
  CHECK(tensors::half_from_float(1.0f) == 0x3c00);
  CHECK(tensors::half_from_float(-2.0f) == 0xc000);
  CHECK(tensors::half_from_float(65504.0f) == 0x7bff);
  CHECK(tensors::half_from_float(65519.9f) == 0x7bff);
  CHECK(tensors::half_from_float(65520.0f) == 0x7c00);
  CHECK(tensors::half_from_float(5.9604645e-8f) == 0x0001);  // smallest subnormal
  CHECK(tensors::half_from_float(2.9802322e-8f) == 0x0000);  // half of it: to even
  CHECK(tensors::half_from_float(2.9802326e-8f) == 0x0001);
  CHECK(tensors::half_from_float(1.0f + 1.0f / 2048) == 0x3c00);  // tie to even
  CHECK(tensors::half_from_float(1.0f + 3.0f / 2048) == 0x3c02);
  CHECK(tensors::half_from_float(2047.0f / 2048 + 1.0f / 4096) ==
        0x3c00);  // carry into the exponent
  CHECK(std::isinf(tensors::float_from_half(tensors::half_from_float(1e30f))));
  CHECK(std::isnan(tensors::float_from_half(tensors::half_from_float(std::nanf("")))));
  for (std::uint32_t bits = 0; bits < 65536; ++bits) {
    const float value = tensors::float_from_half(static_cast<std::uint16_t>(bits));
    if (std::isnan(value)) continue;
    REQUIRE(tensors::half_from_float(value) == bits);
  }
}

TEST_CASE("half precision is the nearest of all halves", "[probe][property]") {
  std::mt19937 random(3);
  std::uniform_real_distribution<float> spread(-18.0f, 15.0f);
  for (int i = 0; i < 20000; ++i) {
    const float value = std::exp2(spread(random)) * (random() % 2 != 0 ? 1.0f : -1.0f);
    const std::uint16_t half = tensors::half_from_float(value);
    const double error = std::fabs(double(tensors::float_from_half(half)) - value);
    for (int step : {-1, 1}) {
      const double other = tensors::float_from_half(static_cast<std::uint16_t>(half + step));
      if (std::isfinite(other)) REQUIRE(error <= std::fabs(other - value));
    }
  }
}

TEST_CASE("bfloat16 rounds to nearest, ties to even", "[probe]") {
  CHECK(tensors::bfloat16_from_float(1.0f) == 0x3f80);
  CHECK(tensors::bfloat16_from_float(1.0f + 1.0f / 256) == 0x3f80);  // tie to even
  CHECK(tensors::bfloat16_from_float(1.0f + 3.0f / 256) == 0x3f82);
  CHECK(std::isinf(tensors::float_from_bfloat16(tensors::bfloat16_from_float(3.4e38f))));
  CHECK(std::isnan(tensors::float_from_bfloat16(tensors::bfloat16_from_float(std::nanf("")))));
  for (std::uint32_t bits = 0; bits < 65536; ++bits) {
    const float value = tensors::float_from_bfloat16(static_cast<std::uint16_t>(bits));
    if (!std::isnan(value)) REQUIRE(tensors::bfloat16_from_float(value) == bits);
  }
}

TEST_CASE("labels and ids read back from every whole-number type", "[probe]") {
  const std::vector<std::int64_t> ids = {0, 1, 7, 1};
  for (tensors::Dtype as : {Dtype::kI64, Dtype::kI32, Dtype::kI16, Dtype::kI8, Dtype::kU64,
                            Dtype::kU32, Dtype::kU16, Dtype::kU8, Dtype::kBf16}) {
    tensors::TensorFile file;
    file.tensors["labels"] = tensors::TensorRecord::of(Span<const std::int64_t>(ids), {4}, as);
    const auto back = tensors::decode_safetensors(tensors::encode_safetensors(file), "x");
    REQUIRE(back);
    CHECK(back->tensors.at("labels").to_double() == std::vector<double>{0, 1, 7, 1});
  }
}

TEST_CASE("whole numbers keep their sign and width", "[probe]") {
  const auto read = [](const std::string& dtype, const std::string& bytes) {
    const auto file = decode_safetensors(
        raw("{\"a\": {\"dtype\": \"" + dtype + "\", \"shape\": [1], \"data_offsets\": [0, " +
                std::to_string(bytes.size()) + "]}}",
            bytes),
        "x");
    REQUIRE(file);
    return file->tensors.at("a").to_double().at(0);
  };
  const std::string ff(8, '\xff');
  CHECK(read("I8", ff.substr(0, 1)) == -1.0);
  CHECK(read("U8", ff.substr(0, 1)) == 255.0);
  CHECK(read("BOOL", "\x01") == 1.0);
  CHECK(read("I16", ff.substr(0, 2)) == -1.0);
  CHECK(read("U16", ff.substr(0, 2)) == 65535.0);
  CHECK(read("I32", ff.substr(0, 4)) == -1.0);
  CHECK(read("U32", ff.substr(0, 4)) == 4294967295.0);
  CHECK(read("I64", ff) == -1.0);
  CHECK(read("U64", ff) == 18446744073709551615.0);
}

TEST_CASE("8-bit floats are what their format says", "[probe]") {
  // S.EEEE.MMM, bias 7, NaN alone at the top: OCP 8-bit floating point specification.
  CHECK(float_from_f8_e4m3(0x00) == 0.0f);
  CHECK(float_from_f8_e4m3(0x01) == 0.001953125f);  // 2^-9
  CHECK(float_from_f8_e4m3(0x07) == 0.013671875f);
  CHECK(float_from_f8_e4m3(0x08) == 0.015625f);  // 2^-6
  CHECK(float_from_f8_e4m3(0x38) == 1.0f);
  CHECK(float_from_f8_e4m3(0xb9) == -1.125f);
  CHECK(float_from_f8_e4m3(0x7e) == 448.0f);
  CHECK(std::isnan(float_from_f8_e4m3(0x7f)));
  CHECK(std::isnan(float_from_f8_e4m3(0xff)));
  // S.EEEEE.MM, bias 15.
  CHECK(float_from_f8_e5m2(0x01) == 1.52587890625e-05f);  // 2^-16
  CHECK(float_from_f8_e5m2(0x3c) == 1.0f);
  CHECK(float_from_f8_e5m2(0xbd) == -1.25f);
  CHECK(float_from_f8_e5m2(0x7b) == 57344.0f);
  CHECK(std::isinf(float_from_f8_e5m2(0x7c)));
  CHECK(std::isnan(float_from_f8_e5m2(0x7f)));
}

TEST_CASE("a type whose numbers are not taken is kept, named and does not hide the rest",
          "[probe]") {
  const auto [dtype, bytes] = GENERATE(table<std::string, std::size_t>({{"F4", 4},
                                                                        {"F6_E2M3", 6},
                                                                        {"F6_E3M2", 6},
                                                                        {"F8_E8M0", 8},
                                                                        {"F8_E4M3FNUZ", 8},
                                                                        {"F8_E5M2FNUZ", 8},
                                                                        {"C64", 64}}));
  INFO(dtype);
  const std::string header =
      "{\"a\": {\"dtype\": \"" + dtype + "\", \"shape\": [2, 4], \"data_offsets\": [0, " +
      std::to_string(bytes) + "]}, \"b\": {\"dtype\": \"U8\", \"shape\": [1], \"data_offsets\": [" +
      std::to_string(bytes) + ", " + std::to_string(bytes + 1) + "]}}";
  const std::string file = raw(header, std::string(bytes, 'x') + "\x07");
  const auto read = decode_safetensors(file, "x");
  REQUIRE(read);
  CHECK((*read->find("b", "x"))->to_double() == std::vector<double>{7.0});
  CHECK(read->tensors.at("a").bytes == std::string(bytes, 'x'));
  CHECK_FALSE(is_floating(read->tensors.at("a").dtype));
  const auto refused = read->find("a", "x.st");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Errc::kUnsupported);
  CHECK_THAT(refused.error().message, Catch::StartsWith("x.st: tensor \"a\": type not taken: " +
                                                        dtype + "; store it as one of F16") &&
                                          !Catch::Contains("F4,") && !Catch::Contains("damaged"));
  CHECK(decode_safetensors(encode_safetensors(*read), "x")->tensors.at("a").bytes ==
        read->tensors.at("a").bytes);
}

TEST_CASE("a file of 60 000 tensors is read", "[probe]") {
  TensorFile file;
  for (int i = 0; i < 60000; ++i) {
    TensorRecord& one = file.tensors["t" + std::to_string(i)];
    one.dtype = Dtype::kU8;
    one.shape = {1};
    one.bytes = "x";
  }
  const auto read = decode_safetensors(encode_safetensors(file), "x");
  REQUIRE(read);
  CHECK(read->tensors.size() == 60000);
}

TEST_CASE("a file reads back as it was written", "[probe]") {
  const tensors::TensorFile file = sample();
  const std::string bytes = tensors::encode_safetensors(file);
  CHECK(bytes == tensors::encode_safetensors(file));
  const auto back = tensors::decode_safetensors(bytes, "x");
  REQUIRE(back);
  CHECK(back->metadata == file.metadata);
  REQUIRE(back->tensors.size() == 4);
  CHECK(back->tensors.at("a").shape == std::vector<std::int64_t>{2, 3});
  CHECK(back->tensors.at("a").to_float() == file.tensors.at("a").to_float());
  CHECK(back->tensors.at("b").to_double() == std::vector<double>{1.0 / 3, -1e300});
  CHECK(back->tensors.at("h").to_float()[3] == 3.25f);
  CHECK(back->tensors.at("none").count() == 0);
  CHECK_FALSE(back->find("c", "x"));
  CHECK_THAT(back->find("c", "x").error().message, Catch::Contains("a, b, h, none"));
}

TEST_CASE("every prefix and every flipped bit is refused or read, never worse",
          "[probe][hostile]") {
  const std::string bytes = tensors::encode_safetensors(sample());
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    REQUIRE_FALSE(tensors::decode_safetensors(std::string_view(bytes).substr(0, n), "x"));
  }
  REQUIRE_FALSE(tensors::decode_safetensors(bytes + "x", "x"));
  std::mt19937 random(5);
  for (int i = 0; i < 4000; ++i) {
    std::string flipped = bytes;
    char& byte = flipped[random() % flipped.size()];
    byte = static_cast<char>(byte ^ static_cast<char>(1U << (random() % 8)));
    const auto read = tensors::decode_safetensors(flipped, "x");
    if (!read) CHECK_FALSE(read.error().message.empty());
  }
}

TEST_CASE("a malformed file says what is wrong", "[probe][hostile]") {
  struct Case {
    std::string bytes, wanted;
  };
  const auto one = GENERATE(values<Case>({
      {"short", "shorter than its length prefix"},
      {std::string("\xff\xff\xff\xff\xff\xff\xff\x7f{}", 10), "its header claims"},
      {raw("[]"), "not a JSON object"},
      {raw("{\"a\": "), "header:"},
      {raw("{\"a\": 7}"), "expected exactly dtype, shape and data_offsets"},
      {raw(R"({"a": {"dtype": "F4", "shape": [3], "data_offsets": [0, 1]}})", "1"),
       "do not fill whole bytes"},
      {raw(R"({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}})", "1234"),
       "its shape needs 8 bytes"},
      {raw(R"({"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 0]}})", "1234"),
       "its shape needs"},
      {raw(R"({"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}})", "1234"),
       "not a size"},
      {raw(R"({"a": {"dtype": "F32", "shape": [1.5], "data_offsets": [0, 4]}})", "1234"),
       "not a size"},
      {raw(R"({"a": {"dtype": "F32", "shape": [4294967296, 4294967296], "data_offsets": [0, 4]}})",
           "1234"),
       "2^40"},
      {raw(R"({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}})", "12345"),
       "belong to no tensor"},
      {raw(R"({"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}})", "12345678"),
       "starts at byte 4, expected 0"},
      {raw(R"({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}})", "1234"),
       "ends at byte 8 of 4"},
      {raw(R"({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}, "a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}})",
           "1234"),
       "given twice"},
      {raw(R"({"__metadata__": {"n": 3}})"), "is not a string"},
  }));
  const auto read = tensors::decode_safetensors(one.bytes, "probe.safetensors");
  REQUIRE_FALSE(read);
  CHECK_THAT(read.error().message, Catch::Contains(one.wanted));
  CHECK_THAT(read.error().message, Catch::StartsWith("probe.safetensors: "));
}

TEST_CASE("what is not damaged is not called so", "[probe][hostile]") {
  const auto unknown = decode_safetensors(
      raw(R"({"a": {"dtype": "Q9", "shape": [1], "data_offsets": [0, 8]}})", "12345678"), "x.st");
  REQUIRE_FALSE(unknown);
  CHECK(unknown.error().code == Errc::kUnsupported);
  CHECK_THAT(unknown.error().message,
             Catch::StartsWith("x.st: tensor \"a\": type not taken: \"Q9\"; expected one of F16") &&
                 !Catch::Contains("damaged"));
  FileLimits limits;
  limits.max_tensors = 3;
  const auto many = decode_safetensors(encode_safetensors(sample()), "x.st", limits);
  CHECK_THAT(many.error().message, Catch::Contains("5 tensors, the limit is 3"));
  limits = {};
  limits.max_header_bytes = 8;
  const auto wide = decode_safetensors(encode_safetensors(sample()), "x.st", limits);
  CHECK_THAT(wide.error().message,
             Catch::Contains("bytes, the limit is 8") && !Catch::Contains("damaged"));
}

TEST_CASE("a file is replaced whole, and an absent one is named", "[probe]") {
  const test::Folder folder;
  const std::string path = folder / "x.safetensors";
  REQUIRE(tensors::save_safetensors(sample(), path));
  REQUIRE(tensors::save_safetensors(sample(), path));
  CHECK(tensors::load_safetensors(path));
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) ==
        1);  // no temporary is left
  CHECK_THAT(tensors::load_safetensors(folder / "y").error().message,
             Catch::Contains("y: expected a safetensors file"));
  CHECK_FALSE(tensors::save_safetensors(sample(), folder / "nowhere/x"));
  tensors::FileLimits limits;
  limits.max_file_bytes = 10;
  CHECK(tensors::load_safetensors(path, limits).error().code == Errc::kLimit);
}
