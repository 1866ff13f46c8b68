#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "actors/deployer/http_message.hpp"
#include "runtime/base/clock.hpp"

namespace troupe::actors {

struct HttpOptions {
  std::string listen = "127.0.0.1:8000";  ///< ADDRESS:PORT, "[::1]:8000"; port 0: any that is free
  std::size_t threads = 2;
  std::size_t max_header = 16 * 1024;
  std::size_t max_body = std::size_t{8} << 20;
  std::size_t max_connections = 1024;
  Duration header_within =
      std::chrono::seconds{10};  ///< from a request's first byte to its header's end
  Duration body_within = std::chrono::seconds{30};
  Duration write_within = std::chrono::seconds{30};  ///< for a client to take a response
  Duration idle = std::chrono::seconds{60};          ///< without a request
  std::string token = {};                  ///< a bearer token that all requests must bring
  std::string certificate = {}, key = {};  ///< PEM files; both: TLS 1.2 or later
};

/// What forbids to listen so, in one line; empty if nothing does. An address that is not of this machine alone needs
/// TLS or a token. The files are not looked at.
std::string fault_of(const HttpOptions& options);

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

/// Whether `authorization` is "Bearer TOKEN", compared in a time that tells nothing of the token.
bool bears(const std::string& authorization, const std::string& token);

}  // namespace troupe::actors
