// The daemon's end of the telemetry socket for tests: a real ROUTER on a real ipc path, driven
// frame by frame, so that a test can answer late, out of range, not at all, or vanish. What it
// sends goes through the real codec.
#pragma once

#include <zmq.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "monitor/wire/codec.h"
#include "tests/reporter/run_of_tests.h"
#include "tests/support/folder.h"

namespace phaseguard::reporter {

class TestDirectory : public test::Folder {
 public:
  [[nodiscard]] std::string endpoint() const { return "ipc://" + (*this / "telemetry"); }
};

class Peer {
 public:
  explicit Peer(const std::string& endpoint, std::int64_t epoch = 1) : epoch_(epoch) {
    context_ = zmq_ctx_new();
    socket_ = zmq_socket(context_, ZMQ_ROUTER);
    const int zero = 0;
    zmq_setsockopt(socket_, ZMQ_LINGER, &zero, sizeof zero);
    if (zmq_bind(socket_, endpoint.c_str()) != 0) std::abort();
  }
  ~Peer() {
    zmq_close(socket_);
    zmq_ctx_term(context_);
  }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  // The next message of the trainer that is no heartbeat; none within the time: empty.
  std::optional<wire::Message> receive(int timeout_ms = 5000) {
    while (true) {
      zmq_pollitem_t item{socket_, 0, ZMQ_POLLIN, 0};
      if (zmq_poll(&item, 1, timeout_ms) <= 0) return std::nullopt;
      trainer_ = frame();
      const std::string bytes = frame();
      Result<wire::Message> message = wire::decode(bytes);
      if (!message) continue;
      if (message->header.seq.value > 1 &&
          !std::holds_alternative<wire::Heartbeat>(message->body)) {
        ack_ = std::max(ack_, message->header.seq);
      }
      if (!std::holds_alternative<wire::Heartbeat>(message->body)) return std::move(*message);
    }
  }

  // The next message of one kind; others before it are taken and dropped.
  template <class T>
  std::optional<T> receive_a(int timeout_ms = 5000) {
    while (std::optional<wire::Message> message = receive(timeout_ms)) {
      if (T* body = std::get_if<T>(&message->body)) return std::move(*body);
    }
    return std::nullopt;
  }

  void send(wire::Body body) {
    wire::Message message;
    message.header.run = *RunId::parse("run-1");
    message.header.seq = Seq{++seq_};
    message.body = std::move(body);
    const std::string bytes = wire::encode(message);
    zmq_send(socket_, trainer_.data(), trainer_.size(), ZMQ_SNDMORE);
    zmq_send(socket_, bytes.data(), bytes.size(), ZMQ_DONTWAIT);
  }

  // Waits for the hello and links: welcome, then a control with the given value.
  bool accept(double kl, wire::Welcome welcome = patient_welcome()) {
    if (!receive_a<wire::Hello>(15'000)) return false;
    welcome.epoch = epoch_;
    send(std::move(welcome));
    control(kl);
    return true;
  }
  void control(double kl, std::int64_t answers_batch = 0) {
    wire::Control control = test_control(kl, std::max<std::int64_t>(ack_.value, 1), epoch_);
    control.answers_batch = answers_batch;
    send(std::move(control));
  }
  [[nodiscard]] Seq ack() const { return ack_; }

 private:
  std::string frame() {
    zmq_msg_t part;
    zmq_msg_init(&part);
    zmq_msg_recv(&part, socket_, 0);
    std::string bytes(static_cast<const char*>(zmq_msg_data(&part)), zmq_msg_size(&part));
    zmq_msg_close(&part);
    return bytes;
  }

  void* context_;
  void* socket_;
  std::string trainer_;  // routing id of whoever spoke last
  std::int64_t epoch_;
  std::int64_t seq_ = 0;
  Seq ack_;
};

}  // namespace phaseguard::reporter
