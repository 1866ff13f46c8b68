#include "runtime/control/control_server.hpp"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <exception>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "runtime/base/error.hpp"
#include "runtime/control/listener.hpp"
#include "runtime/control/local_socket.hpp"
#include "runtime/control/outbox.hpp"
#include "runtime/control/printable.hpp"
#include "runtime/control/protocol.hpp"

namespace troupe::runtime {
namespace {

/// One client. It is read from only while nothing is asked and all is sent, so what it can make us keep is bounded.
struct Connection {
  FileDescriptor socket;
  std::shared_ptr<Outbox> out;
  TimePoint since;           // when its request came, else when it could first have sent one
  std::string in = {};       // bytes that are not yet a request that was taken
  bool input_ended = false;  // its client sends no more, but may still read
  bool busy = false;         // a request was taken, and is not yet answered and sent
  bool last_words = false;   // closed once all is sent
  std::optional<TimePoint> stuck_since = {};  // when its client last took any of what is unsent
  short events = POLLIN;                      // what to poll it for …
  std::optional<TimePoint> deadline = {};     // … and until when
};

/// Rounded up, so that what is waited for has come.
int poll_milliseconds(Duration time_left) {
  const auto rounded = std::chrono::ceil<std::chrono::milliseconds>(time_left);
  return static_cast<int>(std::clamp<std::int64_t>(rounded.count(), 0, 60'000));
}

std::string in_milliseconds(Duration duration) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count()) +
         " ms";
}

/// Starts a thread that takes none of the process's signals: those are the application's.
template <class Work>
std::thread start_without_signals(Work work) {
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread{std::move(work)};
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

}  // namespace

class ControlServer::Loop {
 public:
  Loop(const std::string& path, std::map<std::string, Handler> handlers, const Clock& clock,
       const ControlLimits& limits)
      : listener_{path},
        handlers_{std::move(handlers)},
        clock_{clock},
        limits_{limits},
        thread_{start_without_signals([this] { run(); })} {}

  ~Loop() {
    stopping_ = true;
    bell_->ring();
    thread_.join();
  }
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  void wake() { bell_->ring(); }

 private:
  void run() {
    while (!stopping_) {
      const std::vector<short> ready = wait();
      bell_->silence();
      const TimePoint now = clock_.now();
      std::size_t i = 0;
      std::erase_if(connections_, [&](Connection& connection) {
        const bool keep = serve(connection, ready[i++], now);
        if (!keep) connection.out->close();
        return !keep;
      });
      if (!accept_after_ || now >= *accept_after_) accept_clients(now);
    }
    for (Connection& connection : connections_) {
      connection.out->finish_open(error_line("the node has stopped"));
      connection.out->send(connection.socket);
      connection.out->close();
    }
  }

  /// Until something is to be done: what is ready at each connection.
  std::vector<short> wait() {
    const TimePoint now = clock_.now();
    std::optional<TimePoint> deadline;
    const auto until = [&](const std::optional<TimePoint>& time) {
      if (time && (!deadline || *time < *deadline)) deadline = time;
    };
    std::vector<pollfd> polled = {{bell_->descriptor(), POLLIN, 0}};
    if (accept_after_ && now < *accept_after_)
      until(accept_after_);
    else
      polled.push_back({listener_.descriptor(), POLLIN, 0});
    const std::size_t first = polled.size();
    for (const Connection& connection : connections_) {
      polled.push_back({connection.socket.get(), connection.events, 0});
      until(connection.deadline);
    }
    const int timeout = deadline ? poll_milliseconds(*deadline - now) : -1;
    const int count = ::poll(polled.data(), polled.size(), timeout);
    std::vector<short> ready(connections_.size(), 0);
    for (std::size_t i = 0; count > 0 && i < ready.size(); ++i)
      ready[i] = polled[first + i].revents;
    return ready;
  }

  void accept_clients(TimePoint now) {
    accept_after_.reset();
    for (std::size_t i = 0; i < limits_.connections; ++i) {
      FileDescriptor socket{uninterrupted([&] {
        return ::accept4(listener_.descriptor(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
      })};
      if (!socket) {
        // Out of descriptors, say: the client stays in the queue, which would have poll() return at once.
        if (errno != EAGAIN && errno != ECONNABORTED)
          accept_after_ = now + std::chrono::milliseconds{100};
        return;
      }
      auto out = std::make_shared<Outbox>(bell_, limits_.output_bytes);
      std::string refusal;
      if (peer_user(socket) != ::geteuid())
        refusal = "permission denied: the node belongs to another user";
      else if (connections_.size() >= limits_.connections)
        refusal = "the node has " + std::to_string(limits_.connections) +
                  " control connections, at most as many may be open";
      if (refusal.empty()) {
        connections_.push_back({.socket = std::move(socket), .out = std::move(out), .since = now});
        connections_.back().deadline = now + limits_.idle;
      } else {
        out->say(error_line(refusal));
        out->send(socket);
      }
    }
  }

  /// Does all that can be done for a connection now. False: it is to be closed.
  bool serve(Connection& c, short ready, TimePoint now) {
    if ((ready & (POLLERR | POLLHUP | POLLNVAL)) != 0) return false;
    if ((ready & POLLIN) != 0 && !receive(c)) return false;
    for (;;) {
      const Outbox::View view = c.out->view();
      if (view.overflowed) return false;
      if (view.unsent) {
        const Outbox::Sent sent = c.out->send(c.socket);
        if (sent.broken) return false;
        if (sent.left) {
          if (sent.bytes > 0 || !c.stuck_since) c.stuck_since = now;
          return wait_for(c, POLLOUT, *c.stuck_since + limits_.idle, now);
        }
        c.stuck_since.reset();
      }
      if (view.open) {
        if (view.stream) return wait_for(c, 0, std::nullopt, now);
        if (wait_for(c, 0, c.since + limits_.answer_within, now)) return true;
        c.out->finish_open(
            error_line("no answer within " + in_milliseconds(limits_.answer_within)));
        continue;
      }
      if (c.last_words) return false;
      if (std::exchange(c.busy, false)) c.since = now;
      if (!take_request(c, now))
        return !c.input_ended && wait_for(c, POLLIN, c.since + limits_.idle, now);
    }
  }

  /// Notes what a connection waits for. False: its time is up.
  static bool wait_for(Connection& c, short events, std::optional<TimePoint> deadline,
                       TimePoint now) {
    c.events = events;
    c.deadline = deadline;
    return !deadline || now < *deadline;
  }

  static bool receive(Connection& c) {
    std::array<char, 16384> buffer;
    const auto got = uninterrupted(
        [&] { return ::recv(c.socket.get(), buffer.data(), buffer.size(), MSG_DONTWAIT); });
    if (got < 0) return errno == EAGAIN || errno == EWOULDBLOCK;
    if (got == 0) c.input_ended = true;
    c.in.append(buffer.data(), static_cast<std::size_t>(got));
    return true;
  }

  /// Acts on the next whole line. False: there is none.
  bool take_request(Connection& c, TimePoint now) {
    const std::size_t size = std::min(c.in.find('\n'), c.in.size());
    if (size > limits_.request_bytes) {
      c.out->say(error_line("request: expected at most " + std::to_string(limits_.request_bytes) +
                            " bytes on a line, got more"));
      c.last_words = true;
      return true;
    }
    if (size == c.in.size()) return false;
    std::string line = c.in.substr(0, size);
    c.in.erase(0, size + 1);
    c.busy = true;
    c.since = now;
    dispatch(std::move(line), ControlAnswer{c.out, c.out->open()});
    return true;
  }

  /// The edge at which a handler's exception becomes an answer: the server outlives it.
  void dispatch(std::string line, ControlAnswer answer) {
    try {
      const std::string command = command_of(line);
      const auto handler = handlers_.find(command);
      if (handler == handlers_.end()) return answer.error(unknown(command));
      handler->second(std::move(line), answer);
    } catch (const std::exception& exception) {
      answer.error(exception.what());
    } catch (...) {
      answer.error("the command's handler threw something that is no std::exception");
    }
  }

  std::string unknown(const std::string& command) const {
    std::string text = "unknown command \"" + cut(printable(command), 80) + "\", expected one of:";
    for (const auto& [name, handler] : handlers_) text += " " + name;
    return text;
  }

  Listener listener_;
  const std::map<std::string, Handler> handlers_;
  const Clock& clock_;
  const ControlLimits limits_;
  const std::shared_ptr<const Bell> bell_ = std::make_shared<const Bell>();
  std::vector<Connection> connections_;
  std::optional<TimePoint> accept_after_;  // set while no client can be taken on
  std::atomic<bool> stopping_ = false;
  std::thread thread_;  // the last: it uses all of the above
};

ControlServer::ControlServer(const std::string& path, std::map<std::string, Handler> handlers,
                             const Clock& clock, ControlLimits limits)
    : loop_{std::make_unique<Loop>(path, std::move(handlers), clock, limits)} {}

ControlServer::~ControlServer() = default;

void ControlServer::wake() {
  loop_->wake();
}

}  // namespace troupe::runtime
