#include "monitor/base/checksum.h"

#include <sodium/crypto_onetimeauth.h>

#include <cstring>

namespace phaseguard {

Checksum checksum(std::string_view bytes, std::uint64_t place) {
  // Any key will do that has bits in every part of it; it is no secret.
  std::array<std::uint8_t, crypto_onetimeauth_KEYBYTES> key{};
  for (std::size_t i = 0; i < key.size(); ++i) key[i] = static_cast<std::uint8_t>(37 * i + 11);
  std::memcpy(key.data() + key.size() - sizeof place, &place, sizeof place);
  Checksum out{};
  static_assert(sizeof out == crypto_onetimeauth_BYTES);
  crypto_onetimeauth(out.data(), reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
                     key.data());
  return out;
}

}  // namespace phaseguard
