#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "runtime/base/clock.hpp"

namespace troupe::actors {

struct HttpOptions {
  std::string listen = "127.0.0.1:8000";  ///< ADDRESS:PORT, "[::1]:8000"; port 0: any that is free
  std::size_t threads = 2;
  std::size_t max_header = 16 * 1024;
  std::size_t max_body = std::size_t{8} << 20;
  std::size_t max_bodies = std::size_t{256}
                           << 20;  ///< of all requests that are read or answered; more gets 503
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

/// Where a server listens: ADDRESS:PORT, "[::1]:8000"; "localhost" is 127.0.0.1.
struct ListenAddress {
  std::string address;
  std::uint16_t port = 0;
  bool loopback = false;
};
std::optional<ListenAddress> listen_address(const std::string& listen);

/// Whether `authorization` is "Bearer TOKEN", the first word in any case, compared in a time that tells nothing of the token.
bool bears(const std::string& authorization, const std::string& token);

}  // namespace troupe::actors
