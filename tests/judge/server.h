// Starts tests/judge/server_main.cpp as a process and ends it again.
#pragma once

#include <httplib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/support/catch.h"
#include "tests/support/folder.h"
#include "trainer-hook/judge/endpoint.h"

namespace phaseguard::test {

class JudgeServer {
 public:
  JudgeServer() {
    std::array<int, 2> in{}, out{};
    REQUIRE(::pipe2(in.data(), O_CLOEXEC) == 0);
    REQUIRE(::pipe2(out.data(), O_CLOEXEC) == 0);
    const std::string certificate = scratch_ / "certificate.pem";
    child_ = ::fork();
    REQUIRE(child_ >= 0);
    if (child_ == 0) {
      ::dup2(in[0], STDIN_FILENO);
      ::dup2(out[1], STDOUT_FILENO);
      ::execl(PHASEGUARD_JUDGE_SERVER, "judge_server", certificate.c_str(), nullptr);
      std::_Exit(127);
    }
    ::close(in[0]);
    ::close(out[1]);
    stdin_ = in[1];
    FILE* said = ::fdopen(out[0], "r");
    const bool ready =
        std::fscanf(said, "%d %d %d", &port_, &resetting_port_, &tls_port_) == 3 && tls_port_ > 0;
    std::fclose(said);
    REQUIRE(ready);
  }
  ~JudgeServer() {
    ::close(stdin_);
    ::waitpid(child_, nullptr, 0);
  }
  JudgeServer(const JudgeServer&) = delete;
  JudgeServer& operator=(const JudgeServer&) = delete;

  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  [[nodiscard]] std::string resetting_url() const {
    return "http://127.0.0.1:" + std::to_string(resetting_port_);
  }
  [[nodiscard]] std::string tls_url() const {
    return "https://127.0.0.1:" + std::to_string(tls_port_);
  }
  [[nodiscard]] std::string certificate() const { return scratch_ / "certificate.pem"; }
  [[nodiscard]] nlohmann::json stats() const {
    httplib::Client client("127.0.0.1", port_);
    const auto result = client.Get("/stats");
    REQUIRE(result);
    return nlohmann::json::parse(result->body);
  }

 private:
  Folder scratch_;
  pid_t child_ = -1;
  int stdin_ = -1;
  int port_ = 0, resetting_port_ = 0, tls_port_ = 0;
};

inline TrainingSample sample(const std::string& prompt, const std::string& answer = "Sure.") {
  TrainingSample out;
  out.prompt = {{"user", prompt}};
  out.answer = answer;
  return out;
}

// Options that ask the server's judge of that name, with waits short enough for a test.
inline judge::EndpointOptions options_for(const std::string& url, const std::string& model) {
  judge::EndpointOptions out;
  const auto address = judge::parse_address(url);
  REQUIRE(address);
  out.address = *address;
  out.asking.model = model;
  out.timeout_s = 20.0;
  out.retries = 2;
  out.backoff_s = 0.001;
  return out;
}
inline std::unique_ptr<judge::EndpointSource> endpoint(const judge::EndpointOptions& options) {
  auto source = judge::EndpointSource::open(options);
  REQUIRE(source);
  return std::move(*source);
}

}  // namespace phaseguard::test
