#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "actors/deployer/http_message.hpp"
#include "actors/deployer/http_options.hpp"

namespace troupe::actors {

/// An HTTP/1.1 server on threads of its own. A connection's requests are answered in their order, one at a time. What
/// is too large, too slow or malformed costs its connection, with a status that says so where that can be said. One
/// connection too many is answered with 503.
class HttpServer {
 public:
  /// Listens once it returns. @throws Error bad_input for what fault_of() says, an address that is in use or files
  /// that are no certificate and key.
  HttpServer(const HttpOptions& options, HttpHandler handler);
  /// Closes all connections; the handler is not running and not called from here on.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  std::uint16_t port() const;
  std::size_t connections() const;
  /// Takes no more connections, and closes each one when it has answered what it has taken. `idle` is then called
  /// once on a thread of the server, when none is left.
  void drain(std::function<void()> idle);

  class State;

 private:
  std::shared_ptr<State> state_;
};

}  // namespace troupe::actors
