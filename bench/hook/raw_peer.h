// What a round trip is measured beside: a plain ZeroMQ ping-pong between two processes, and one
// page written and synced. Both are asked a few times between blocks of the subject, so that other
// jobs on the machine hit all alike.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>

#include "bench/hook/figures.h"

namespace phaseguard::bench {

// A ROUTER in a process of its own that echoes what its DEALER here sends. To be made before this
// process has threads.
class RawPeer {
 public:
  RawPeer(const std::string& endpoint, std::string frame)
      : frame_(std::move(frame)), buffer_(65536, '\0') {
    child_ = ::fork();
    if (child_ == 0) echo(endpoint);
    context_ = zmq_ctx_new();
    socket_ = zmq_socket(context_, ZMQ_DEALER);
    const int zero = 0;
    zmq_setsockopt(socket_, ZMQ_LINGER, &zero, sizeof zero);
    zmq_connect(socket_, endpoint.c_str());
  }
  ~RawPeer() {
    zmq_close(socket_);
    zmq_ctx_term(context_);
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
  }
  RawPeer(const RawPeer&) = delete;
  RawPeer& operator=(const RawPeer&) = delete;

  // Nanoseconds of one round trip.
  std::int64_t ping() {
    const std::int64_t begin = now_ns();
    zmq_send(socket_, frame_.data(), frame_.size(), 0);
    zmq_recv(socket_, buffer_.data(), buffer_.size(), 0);
    return now_ns() - begin;
  }

 private:
  [[noreturn]] void echo(const std::string& endpoint) {
    void* context = zmq_ctx_new();
    void* socket = zmq_socket(context, ZMQ_ROUTER);
    zmq_bind(socket, endpoint.c_str());
    char peer[256];
    while (true) {
      const int id = zmq_recv(socket, peer, sizeof peer, 0);
      const int size = zmq_recv(socket, buffer_.data(), buffer_.size(), 0);
      zmq_send(socket, peer, static_cast<std::size_t>(id), ZMQ_SNDMORE);
      zmq_send(socket, buffer_.data(), static_cast<std::size_t>(size), 0);
    }
  }

  std::string frame_;
  std::string buffer_;
  pid_t child_ = 0;
  void* context_ = nullptr;
  void* socket_ = nullptr;
};

// A file that grows by one page a time.
class SyncedPages {
 public:
  explicit SyncedPages(const std::string& path)
      : fd_(::open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600)), page_(4096, 'x') {}
  ~SyncedPages() { ::close(fd_); }
  SyncedPages(const SyncedPages&) = delete;
  SyncedPages& operator=(const SyncedPages&) = delete;

  // Nanoseconds of a write and its fdatasync.
  std::int64_t write_and_sync() {
    const std::int64_t begin = now_ns();
    if (::write(fd_, page_.data(), page_.size()) < 0 || ::fdatasync(fd_) != 0)
      throw std::runtime_error("write or fdatasync failed");
    return now_ns() - begin;
  }

 private:
  int fd_;
  std::string page_;
};

}  // namespace phaseguard::bench
