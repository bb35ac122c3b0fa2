// Where a judge listens and the key it asks for. C++17-clean.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "monitor/base/result.h"

namespace phaseguard::judge {

// An OpenAI-compatible server.
struct Address {
  bool tls = false;
  std::string host;  // name, IPv4, or IPv6 without brackets
  int port = 0;
  std::string path;  // of chat completions: "/v1/chat/completions"

  [[nodiscard]] std::string origin() const;  // "https://host:port", IPv6 in brackets
  [[nodiscard]] std::string text() const { return origin() + path; }
};

// "http://127.0.0.1:8000", ".../v1" or the full path; what is missing of
// "/v1/chat/completions" is added. Plain http goes to loopback, or to the one host named by
// `plain_http_host`; anything else must be https, because samples and the key travel in the clear
// otherwise. Errors: no such URL; a user name or password in it; a query.
[[nodiscard]] Result<Address> parse_address(std::string_view url,
                                            std::string_view plain_http_host = {});

// A secret that prints as nothing: it leaves only as a request header.
class ApiKey {
 public:
  ApiKey() = default;  // none
  // Errors name the place, never the content: not set or empty; longer than 4 KiB; a byte that no
  // header may hold; a file that others may read.
  [[nodiscard]] static Result<ApiKey> from_environment(const std::string& variable);
  [[nodiscard]] static Result<ApiKey> from_file(const std::filesystem::path& file);

  [[nodiscard]] bool empty() const { return key_.empty(); }
  [[nodiscard]] const std::string& reveal() const { return key_; }
  // `text` with every occurrence of the key replaced: servers quote it in their errors.
  [[nodiscard]] std::string redact(std::string text) const;

 private:
  [[nodiscard]] static Result<ApiKey> make(std::string text, const std::string& place);
  std::string key_;
};

}  // namespace phaseguard::judge
