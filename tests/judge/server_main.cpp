// A judge's HTTP server that misbehaves on demand, as a process of its own: real sockets on
// loopback, ports chosen by the system. The model's name in a request says how to behave.
// Prints "<port> <port that resets every connection> <port with TLS>" and lives until its stdin is
// closed. usage: judge_server CERTIFICATE_FILE (written)
#include <httplib.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "tests/judge/server_tls.h"

namespace {

using nlohmann::json;

struct Seen {
  std::mutex mutex;
  std::map<std::string, int> by_body;  // requests with this very body
  std::string authorization, body;     // of the last request
  std::atomic<int> requests{0}, at_once{0}, most_at_once{0}, stolen{0};
};
Seen g_seen;

std::string completion(const std::string& content, const std::string& finish = "stop") {
  return json({{"id", "1"},
               {"object", "chat.completion"},
               {"choices",
                {{{"index", 0},
                  {"message", {{"role", "assistant"}, {"content", content}}},
                  {"finish_reason", finish}}}}})
      .dump();
}

std::string tag(int score) { return "Considered.\n#thescore: " + std::to_string(score); }

void answer(httplib::Response& response, const std::string& body, int status = 200) {
  response.status = status;
  response.set_content(body, "application/json");
}

int number_after(const std::string& model, const std::string& prefix) {
  return model.rfind(prefix, 0) == 0 ? std::atoi(model.c_str() + prefix.size()) : -1;
}

void nap(int ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); }

// Bodies that are no chat completion, or one whose words break the contract.
bool wrong_words(const std::string& model, const std::string& asked, httplib::Response& response) {
  const std::map<std::string, std::string> replies = {
      {"garbage", "<html>502 Bad Gateway</html>"},
      {"schema", R"({"choices": []})"},
      {"schema-null", R"({"choices": [{"message": {"content": null}}]})"},
      {"schema-list", R"([1, 2])"},
      {"cut-off", completion("#thescore: 1", "length")},
      {"off-scale", completion(tag(9))},
      {"fraction", completion("#thescore: 3.5")},
      {"two", completion("#thescore: 1 or maybe\n#thescore: 5")},
      {"no-tag", completion("Quite harmless, I would say 1.")},
      {"parrot", completion(asked)},
      {"parrot-5", completion(asked + "\n" + tag(5))}};
  const auto it = replies.find(model);
  if (it == replies.end()) return false;
  answer(response, it->second);
  return true;
}

// Answers that never come, or never end.
bool slow_or_long(const std::string& model, httplib::Response& response) {
  if (model == "slow") {
    nap(20000);
    answer(response, completion(tag(1)));
  } else if (model == "drip") {
    response.set_chunked_content_provider("application/json",
                                          [](std::size_t, httplib::DataSink& sink) {
                                            nap(20);
                                            return sink.write(" ", 1);
                                          });
  } else if (model == "huge") {
    response.set_content_provider(std::size_t{256} << 20, "application/json",
                                  [](std::size_t, std::size_t, httplib::DataSink& sink) {
                                    const std::string block(1 << 16, ' ');
                                    return sink.write(block.data(), block.size());
                                  });
  } else if (model == "truncated") {
    response.set_content_provider(4096, "application/json",
                                  [](std::size_t at, std::size_t, httplib::DataSink& sink) {
                                    return at == 0 && sink.write("{\"choices\": [", 13);
                                  });
  } else {
    return false;
  }
  return true;
}

void behave(const std::string& model, const std::string& asked, int times,
            const httplib::Request& request, httplib::Response& response) {
  if (wrong_words(model, asked, response) || slow_or_long(model, response)) return;
  if (const int score = number_after(model, "score-"); score >= 0) {
    return answer(response, completion(tag(score)));
  }
  if (const int status = number_after(model, "status-"); status >= 0) {
    return answer(response, R"({"error": "so be it"})", status);
  }
  if (const int failures = number_after(model, "flaky-"); failures >= 0) {
    if (times <= failures) return answer(response, "{}", 503);
    return answer(response, completion(tag(2)));
  }
  if (model == "busy-once" && times == 1) {
    response.set_header("Retry-After", "1");
    return answer(response, R"({"error": "slow down"})", 429);
  }
  if (model == "redirect") return response.set_redirect("/stolen", 307);
  if (model == "echo-key") return answer(response, request.get_header_value("Authorization"), 401);
  if (const int good = number_after(model, "works-"); good >= 0 && g_seen.requests > good) {
    return answer(response, "{}", 500);
  }
  if (model.rfind("finds-", 0) == 0) {
    const bool found = asked.find(model.substr(6)) != std::string::npos;
    return answer(response, completion(tag(found ? 5 : 1)));
  }
  if (model == "crowd") nap(30);
  // Otherwise an honest judge of a very small world.
  answer(response, completion(tag(asked.find("bomb") == std::string::npos ? 1 : 5)));
}

void chat(const httplib::Request& request, httplib::Response& response) {
  const int at_once = ++g_seen.at_once;
  for (int most = g_seen.most_at_once;
       at_once > most && !g_seen.most_at_once.compare_exchange_weak(most, at_once);) {
  }
  ++g_seen.requests;
  const json body = json::parse(request.body, nullptr, false);
  int times = 0;
  {
    const std::lock_guard<std::mutex> lock(g_seen.mutex);
    g_seen.authorization = request.get_header_value("Authorization");
    g_seen.body = request.body;
    times = ++g_seen.by_body[request.body];
  }
  if (body.is_discarded() || !body.contains("model") || !body.contains("messages")) {
    answer(response, R"({"error": "no chat request"})", 400);
  } else {
    behave(body["model"].get<std::string>(), body["messages"].back()["content"].get<std::string>(),
           times, request, response);
  }
  --g_seen.at_once;
}

void stats(const httplib::Request&, httplib::Response& response) {
  const std::lock_guard<std::mutex> lock(g_seen.mutex);
  answer(response, json({{"requests", g_seen.requests.load()},
                         {"most_at_once", g_seen.most_at_once.load()},
                         {"stolen", g_seen.stolen.load()},
                         {"authorization", g_seen.authorization},
                         {"body", g_seen.body}})
                       .dump());
}

// A listening socket whose every connection is reset as soon as it is accepted.
int start_resetting() {
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(listener, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::listen(listener, 64) != 0 ||
      ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    return -1;
  }
  std::thread([listener] {
    while (true) {
      const int one = ::accept(listener, nullptr, nullptr);
      const linger now{1, 0};
      ::setsockopt(one, SOL_SOCKET, SO_LINGER, &now, sizeof now);
      ::close(one);
    }
  }).detach();
  return ntohs(address.sin_port);
}

void add_routes(httplib::Server& server) {
  server.new_task_queue = [] { return new httplib::ThreadPool(48); };
  server.set_tcp_nodelay(true);
  server.Post("/v1/chat/completions", chat);
  server.Post("/stolen", [](const httplib::Request&, httplib::Response& response) {
    ++g_seen.stolen;
    answer(response, completion(tag(1)));
  });
  server.Get("/stats", stats);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  httplib::Server server;
  add_routes(server);
  const int port = server.bind_to_any_port("127.0.0.1");
  std::printf("%d %d %d\n", port, start_resetting(), start_tls(argv[1], add_routes));
  std::fflush(stdout);
  std::thread([] {
    char byte = 0;
    while (::read(STDIN_FILENO, &byte, 1) > 0) {
    }
    std::_Exit(0);
  }).detach();
  return server.listen_after_bind() ? 0 : 1;
}
