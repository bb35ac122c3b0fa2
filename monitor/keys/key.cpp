#include "monitor/keys/key.h"

#include <zmq.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "monitor/base/sha256.h"

namespace phaseguard::keys {

namespace {

constexpr std::size_t kBytes = 32;
constexpr std::size_t kMostName = 32;
constexpr std::size_t kFingerprint = 8;  // hex digits

using Text = std::array<char, kKeyLength + 1>;  // libzmq ends them with 0

std::string string_of(const Text& text) { return {text.data(), kKeyLength}; }

}  // namespace

Result<Pair> make_pair() {
  Text public_key{};
  Text secret_key{};
  if (::zmq_curve_keypair(public_key.data(), secret_key.data()) != 0)
    return fail(Errc::kUnsupported, "keys: the libzmq of this machine was built without CURVE");
  return Pair{string_of(public_key), string_of(secret_key)};
}

bool is_key(std::string_view text) {
  if (text.size() != kKeyLength || text.find('\0') != std::string_view::npos) return false;
  std::array<std::uint8_t, kBytes> bytes{};
  return ::zmq_z85_decode(bytes.data(), std::string(text).c_str()) != nullptr;
}

std::string text_of(std::string_view bytes) {
  if (bytes.size() != kBytes) return "";
  Text text{};
  const auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data());
  return ::zmq_z85_encode(text.data(), data, kBytes) == nullptr ? "" : string_of(text);
}

Result<std::string> public_of(const std::string& secret_key) {
  Text public_key{};
  if (!is_key(secret_key) || ::zmq_curve_public(public_key.data(), secret_key.c_str()) != 0)
    return fail(Errc::kMalformed, "secret key: expected 40 characters of Z85");
  return string_of(public_key);
}

bool is_name(std::string_view text) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  return !text.empty() && text.size() <= kMostName && std::all_of(text.begin(), text.end(), fits);
}

std::string id_of(std::string_view name, std::string_view public_key) {
  return std::string(name) + "#" + hex(sha256(public_key)).substr(0, kFingerprint);
}

}  // namespace phaseguard::keys
