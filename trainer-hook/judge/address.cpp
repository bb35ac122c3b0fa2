#include "trainer-hook/judge/address.h"

#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "monitor/base/file.h"
#include "monitor/base/text.h"

namespace phaseguard::judge {

namespace {

constexpr std::size_t kMostKeyBytes = 4096;
constexpr std::string_view kPath = "/v1/chat/completions";

tl::unexpected<Error> bad_url(std::string_view url, const std::string& what) {
  return fail(Errc::kInvalidArgument,
              "judge endpoint " + phaseguard::quoted(url, 120) + ": " + what);
}

bool is_loopback(const std::string& host) {
  return host == "localhost" || host == "::1" || host.rfind("127.", 0) == 0;
}

bool plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

// "host", "host:1", "[::1]:1" into `out`.
bool read_authority(std::string_view text, Address& out) {
  std::string_view port;
  if (!text.empty() && text[0] == '[') {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) return false;
    out.host = std::string(text.substr(1, close - 1));
    port = text.substr(close + 1);
    if (out.host.find_first_not_of("0123456789abcdefABCDEF:.") != std::string::npos) return false;
  } else {
    const std::size_t colon = std::min(text.find(':'), text.size());
    out.host = std::string(text.substr(0, colon));
    port = text.substr(colon);
    const auto fits = [](char c) {
      return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
             c == '.' || c == '-' || c == '_';
    };
    if (!std::all_of(out.host.begin(), out.host.end(), fits)) return false;
  }
  out.port = out.tls ? 443 : 80;
  if (out.host.empty()) return false;
  if (port.empty()) return true;
  port.remove_prefix(1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), out.port);
  return error == std::errc() && end == port.data() + port.size() && out.port > 0 &&
         out.port < 65536;
}

std::string full_path(std::string path) {
  while (!path.empty() && path.back() == '/') path.pop_back();
  constexpr std::string_view kTail = "/chat/completions";
  if (path.empty()) return std::string(kPath);
  if (path.size() >= kTail.size() &&
      path.compare(path.size() - kTail.size(), kTail.size(), kTail) == 0) {
    return path;
  }
  return path + std::string(kTail);
}

}  // namespace

std::string Address::origin() const {
  const bool v6 = host.find(':') != std::string::npos;
  return std::string(tls ? "https://" : "http://") + (v6 ? "[" + host + "]" : host) + ":" +
         std::to_string(port);
}

Result<Address> parse_address(std::string_view url, std::string_view plain_http_host) {
  Address out;
  std::string_view rest = url;
  if (rest.rfind("https://", 0) == 0) {
    out.tls = true;
    rest.remove_prefix(8);
  } else if (rest.rfind("http://", 0) == 0) {
    rest.remove_prefix(7);
  } else {
    return bad_url(url, "expected http:// or https://, then host, port and path");
  }
  const std::size_t slash = std::min(rest.find('/'), rest.size());
  const std::string_view authority = rest.substr(0, slash), path = rest.substr(slash);
  if (authority.find('@') != std::string_view::npos) {
    return fail(Errc::kRefused,
                "judge endpoint: no user or password in its URL, it would be seen in process lists "
                "and logs; give a key by --key-env or --key-file");
  }
  if (!plain(rest) || path.find_first_of("?#") != std::string_view::npos) {
    return bad_url(url, "expected no query, fragment, space or control character");
  }
  if (!read_authority(authority, out)) {
    return bad_url(url, "expected a host and a port of 1 to 65535");
  }
  out.path = full_path(std::string(path));
  if (!out.tls && !is_loopback(out.host) && out.host != plain_http_host) {
    return fail(Errc::kRefused, "judge endpoint " + phaseguard::quoted(url, 120) +
                                    ": plain http would send samples in the clear; use https, or "
                                    "declare the host by --plain-http-host " +
                                    out.host);
  }
  return out;
}

Result<ApiKey> ApiKey::make(std::string text, const std::string& place) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  if (text.empty()) return fail(Errc::kNotFound, place + ": expected an API key, found nothing");
  if (text.size() > kMostKeyBytes || !plain(text)) {
    return fail(Errc::kInvalidArgument,
                place + ": expected an API key of at most 4096 printable bytes without spaces");
  }
  ApiKey out;
  out.key_ = std::move(text);
  return out;
}

Result<ApiKey> ApiKey::from_environment(const std::string& variable) {
  const char* value = std::getenv(variable.c_str());
  return make(value != nullptr ? value : "",
              "environment variable " + phaseguard::quoted(variable, 60));
}

Result<ApiKey> ApiKey::from_file(const std::filesystem::path& file) {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) {
    return fail(Errc::kNotFound, file.string() + ": expected a file with an API key");
  }
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return fail(Errc::kRefused, file.string() +
                                    ": others may read this API key; chmod 600 it, and consider "
                                    "it known to them");
  }
  auto text = read_file(file, "an API key", kMostKeyBytes + 3);
  if (!text) return tl::unexpected(text.error());
  return make(std::move(*text), file.string());
}

std::string ApiKey::redact(std::string text) const {
  if (key_.empty()) return text;
  for (std::size_t at = text.find(key_); at != std::string::npos; at = text.find(key_, at)) {
    text.replace(at, key_.size(), "[key]");
  }
  return text;
}

}  // namespace phaseguard::judge
