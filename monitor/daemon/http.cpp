#include "monitor/daemon/http.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <mutex>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "monitor/base/text.h"

namespace phaseguard::daemon {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMostClients = 32;                 // one more takes the place of the oldest
constexpr std::size_t kMostAfterHead = 65536;            // read, so that the answer is not lost
constexpr std::chrono::seconds kMostTime{5};             // from its first byte to our last
constexpr std::chrono::milliseconds kNoDescriptor{100};  // until accept() is tried again

struct Answer {
  int status = 200;
  std::string body;
  const char* type = "text/plain";
};

const char* reason_of(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 421:
      return "Misdirected Request";
    case 431:
      return "Request Header Fields Too Large";
    default:
      return "Service Unavailable";
  }
}

std::string text_of(const Answer& answer, bool with_body) {
  return "HTTP/1.1 " + std::to_string(answer.status) + " " + reason_of(answer.status) +
         "\r\nContent-Type: " + answer.type +
         "\r\nContent-Length: " + std::to_string(answer.body.size()) +
         (answer.status == 405 ? "\r\nAllow: GET, HEAD" : "") + "\r\nConnection: close\r\n\r\n" +
         (with_body ? answer.body : "");
}

class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

struct Client {
  Descriptor socket;
  Clock::time_point until;
  std::string head;  // as far as it has come; empty once it is answered
  std::string out;   // what is still to be sent
  bool answered = false;
  std::size_t after = 0;  // bytes that came after the head
};

// "GET /metrics HTTP/1.1": method and path, without what follows a question mark.
struct RequestLine {
  std::string_view method, path;
};

RequestLine request_line(std::string_view head) {
  const std::string_view line = head.substr(0, head.find('\n'));
  const std::size_t first = line.find(' ');
  if (first == std::string_view::npos) return {};
  const std::string_view rest = line.substr(first + 1);
  const std::size_t second = rest.find(' ');
  if (second == std::string_view::npos || rest.substr(second + 1, 5) != "HTTP/") return {};
  const std::string_view target = rest.substr(0, second);
  return {line.substr(0, first), target.substr(0, target.find('?'))};
}

// The value of the first Host line, in small letters; "": there is none.
std::string host_of(std::string_view head) {
  while (!head.empty()) {
    const std::size_t end = std::min(head.find('\n'), head.size());
    std::string line(head.substr(0, end));
    head.remove_prefix(std::min(end + 1, head.size()));
    std::transform(line.begin(), line.end(), line.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (line.rfind("host:", 0) != 0) continue;
    const std::size_t first = line.find_first_not_of(" \t", 5);
    const std::size_t last = line.find_last_not_of(" \t\r");
    return first == std::string::npos || first > last ? "" : line.substr(first, last - first + 1);
  }
  return "";
}

// A page of another name that resolves to this machine must not read what is here. A client of
// HTTP 1.0 names no host.
bool is_for_us(std::string_view head) {
  const std::string host = host_of(head);
  const std::string name = host.substr(0, host.rfind(':'));
  return host.empty() || name == "127.0.0.1" || name == "localhost";
}

bool is_whole(std::string_view head) {
  return head.find("\r\n\r\n") != std::string_view::npos ||
         head.find("\n\n") != std::string_view::npos;
}

Result<int> port_of(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  const std::string host = address.substr(0, colon);
  const int port = colon == std::string::npos ? 0 : std::atoi(address.c_str() + colon + 1);
  if (port < 1 || port > 65535) {
    return fail(Errc::kInvalidArgument,
                "http: expected host:port such as 127.0.0.1:9091, found " + quoted(address, 80));
  }
  if (host != "127.0.0.1" && host != "localhost") {
    return fail(Errc::kRefused, "http: only 127.0.0.1 is served, found " + quoted(host, 80) +
                                    "; put a proxy with "
                                    "authentication in front of it for other hosts");
  }
  return port;
}

Result<Descriptor> listen_at(int port) {
  Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int on = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(static_cast<std::uint16_t>(port));
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool bound = ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0 &&
                     ::listen(socket.get(), static_cast<int>(kMostClients)) == 0;
  if (bound) return socket;
  if (errno == EADDRINUSE) {
    return fail(Errc::kConflict, "http: port " + std::to_string(port) +
                                     " of 127.0.0.1 is in use; choose another with --http");
  }
  return fail(Errc::kIo, "http: port " + std::to_string(port) +
                             " of 127.0.0.1 cannot be served: " + std::strerror(errno));
}

}  // namespace

struct HttpServer::Impl {
  Descriptor listener, wake;
  std::thread thread;
  std::atomic<std::uint64_t> refused = 0;
  std::mutex mutex;  // of the two below
  std::string metrics;
  std::string fault;
  // The rest is the thread's own.
  std::deque<Client> clients;  // in the order in which they came
  Clock::time_point accepts_at;

  void serve();
  void take_in();
  void turn(Client& client, int events);
  void read_head(Client& client);
  void pass_over(Client& client);
  void send(Client& client);
  void answer(Client& client, const Answer& answer, bool with_body = true);
  void refuse(Client& client, int status, const std::string& why);
  void count(const std::string& why);
  Answer answer_at(std::string_view path);
};

HttpServer::HttpServer() : impl_(std::make_unique<Impl>()) {}

HttpServer::~HttpServer() {
  if (!impl_->thread.joinable()) return;
  const std::uint64_t one = 1;
  (void)!::write(impl_->wake.get(), &one, sizeof one);
  impl_->thread.join();
}

Result<std::unique_ptr<HttpServer>> HttpServer::start(const std::string& address) {
  const auto port = port_of(address);
  if (!port) return tl::unexpected(port.error());
  auto listener = listen_at(*port);
  if (!listener) return tl::unexpected(listener.error());
  std::unique_ptr<HttpServer> http(new HttpServer());
  http->impl_->listener = std::move(*listener);
  http->impl_->wake = Descriptor(::eventfd(0, EFD_CLOEXEC));
  http->impl_->thread = std::thread([impl = http->impl_.get()] { impl->serve(); });
  return http;
}

void HttpServer::set_answers(std::string metrics, std::string fault) {
  const std::lock_guard lock(impl_->mutex);
  impl_->metrics = std::move(metrics);
  impl_->fault = std::move(fault);
}

std::uint64_t HttpServer::refused() const { return impl_->refused; }

void HttpServer::Impl::serve() {
  std::vector<pollfd> wanted;
  while (true) {
    wanted.assign(1, {wake.get(), POLLIN, 0});
    Clock::time_point next = Clock::now() + kMostTime;
    if (Clock::now() >= accepts_at) {
      wanted.push_back({listener.get(), POLLIN, 0});
    } else {
      wanted.push_back({-1, 0, 0});
      next = accepts_at;
    }
    for (const Client& client : clients) {
      const short events = client.out.empty() ? POLLIN : POLLOUT;
      wanted.push_back({client.socket.get(), events, 0});
      next = std::min(next, client.until);
    }
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(next - Clock::now());
    ::poll(wanted.data(), wanted.size(), static_cast<int>(std::max<std::int64_t>(0, wait.count())));
    if (wanted[0].revents != 0) return;
    for (std::size_t i = 0; i < clients.size(); ++i) turn(clients[i], wanted[i + 2].revents);
    clients.erase(std::remove_if(clients.begin(), clients.end(),
                                 [](const Client& client) { return client.socket.get() < 0; }),
                  clients.end());
    if (wanted[1].revents != 0) take_in();
  }
}

void HttpServer::Impl::take_in() {
  while (true) {
    Descriptor socket(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (socket.get() < 0) {
      if (errno == EMFILE || errno == ENFILE) accepts_at = Clock::now() + kNoDescriptor;
      return;
    }
    if (clients.size() == kMostClients) {
      if (!clients.front().answered) count("its place was needed before it had come as a whole");
      clients.pop_front();
    }
    clients.push_back({std::move(socket), Clock::now() + kMostTime, {}, {}, false, 0});
  }
}

void HttpServer::Impl::turn(Client& client, int events) {
  if (Clock::now() >= client.until) {
    if (!client.answered) count("it had not come as a whole within 5 s");
    client.socket = Descriptor();
  } else if (events != 0 && !client.out.empty()) {
    send(client);
  } else if (events != 0) {
    client.answered ? pass_over(client) : read_head(client);
  }
}

void HttpServer::Impl::read_head(Client& client) {
  std::array<char, kMostHeadBytes + 1> bytes;
  const ssize_t n = ::recv(client.socket.get(), bytes.data(), bytes.size() - client.head.size(), 0);
  if (n < 0 && errno == EAGAIN) return;
  if (n <= 0) {
    client.socket = Descriptor();
    return;
  }
  client.head.append(bytes.data(), static_cast<std::size_t>(n));
  if (!is_whole(client.head)) {
    if (client.head.size() > kMostHeadBytes) {
      refuse(client, 431,
             "request line and header lines of more than " + std::to_string(kMostHeadBytes) +
                 " bytes");
    }
    return;
  }
  const RequestLine line = request_line(client.head);
  if (line.method.empty()) return refuse(client, 400, "the request line is not one of HTTP");
  if (line.method != "GET" && line.method != "HEAD")
    return refuse(client, 405, "only GET and HEAD are served");
  if (!is_for_us(client.head))
    return refuse(client, 421, "the Host line names another host; expected 127.0.0.1 or localhost");
  answer(client, answer_at(line.path), line.method == "GET");
}

// A socket closed with bytes unread would take the answer back.
void HttpServer::Impl::pass_over(Client& client) {
  std::array<char, 16384> bytes;
  const ssize_t n = ::recv(client.socket.get(), bytes.data(), bytes.size(), 0);
  if (n < 0 && errno == EAGAIN) return;
  client.after += n > 0 ? static_cast<std::size_t>(n) : 0;
  if (n <= 0 || client.after > kMostAfterHead) client.socket = Descriptor();
}

void HttpServer::Impl::send(Client& client) {
  const ssize_t n = ::send(client.socket.get(), client.out.data(), client.out.size(), MSG_NOSIGNAL);
  if (n < 0 && errno == EAGAIN) return;
  if (n <= 0) {
    client.socket = Descriptor();
    return;
  }
  client.out.erase(0, static_cast<std::size_t>(n));
  if (client.out.empty()) ::shutdown(client.socket.get(), SHUT_WR);
}

void HttpServer::Impl::answer(Client& client, const Answer& answer, bool with_body) {
  client.answered = true;
  client.head = {};
  client.out = text_of(answer, with_body);
  send(client);
}

void HttpServer::Impl::refuse(Client& client, int status, const std::string& why) {
  count(why);
  answer(client, {status, why + "\n"});
}

// One line for the first of them and then for each power of two.
void HttpServer::Impl::count(const std::string& why) {
  const std::uint64_t n = ++refused;
  if ((n & (n - 1)) == 0) spdlog::warn("http: request refused ({} so far): {}", n, why);
}

Answer HttpServer::Impl::answer_at(std::string_view path) {
  if (path == "/-/healthy") return {200, "healthy\n"};
  const std::lock_guard lock(mutex);
  if (path == "/-/ready") return fault.empty() ? Answer{200, "ready\n"} : Answer{503, fault + "\n"};
  if (path == "/metrics") return {200, metrics, "text/plain; version=0.0.4"};
  return {404, "here are /metrics, /-/healthy and /-/ready\n"};
}

}  // namespace phaseguard::daemon
