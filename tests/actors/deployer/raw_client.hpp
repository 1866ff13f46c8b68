#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace troupe::test {

struct RawResponse {
  int status = 0;  ///< 0: the connection was closed instead
  std::string head, body;
};

/// A connection to a server on this machine that says what it is told, byte for byte. Reads give up after 20 s.
class RawClient {
 public:
  explicit RawClient(std::uint16_t port) : socket_{::socket(AF_INET, SOCK_STREAM, 0)} {
    const timeval patience{20, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ =
        ::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  ~RawClient() { ::close(socket_); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  bool connected() const { return connected_; }

  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  void end_sending() { ::shutdown(socket_, SHUT_WR); }

  RawResponse receive() {
    std::size_t end = 0;
    while ((end = in_.find("\r\n\r\n")) == std::string::npos)
      if (!read_some()) return {};
    RawResponse response;
    response.head = in_.substr(0, end + 2);
    response.status = std::atoi(in_.c_str() + 9);
    in_.erase(0, end + 4);
    const std::size_t at = response.head.find("\r\nContent-Length: ");
    const std::size_t size =
        at == std::string::npos ? 0 : std::strtoul(response.head.c_str() + at + 18, nullptr, 10);
    while (in_.size() < size)
      if (!read_some()) return {};
    response.body = in_.substr(0, size);
    in_.erase(0, size);
    return response;
  }
  RawResponse request(std::string_view method, std::string_view target, std::string_view body = {},
                      std::string_view headers = {}) {
    std::string text{method};
    text += " ";
    text += target;
    text += " HTTP/1.1\r\nHost: here\r\n";
    text += headers;
    text += "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n";
    text += body;
    send(text);
    return receive();
  }
  /// Whether the other side closes; reads what comes before.
  bool closed() {
    while (read_some()) {
    }
    return at_end_;
  }

 private:
  bool read_some() {
    char buffer[4096];
    const ssize_t got = ::recv(socket_, buffer, sizeof buffer, 0);
    if (got <= 0) {
      at_end_ = got == 0 || errno == ECONNRESET;
      return false;
    }
    in_.append(buffer, static_cast<std::size_t>(got));
    return true;
  }

  int socket_;
  bool connected_ = false, at_end_ = false;
  std::string in_;
};

}  // namespace troupe::test
