#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace troupe::actors {

/// A request as it came, its body whole.
struct HttpRequest {
  std::string method;
  std::string target;                   ///< path with its query
  std::string authorization;            ///< the header of that name; empty if there was none
  std::string inference_header_length;  ///< Inference-Header-Content-Length, likewise
  std::string body;
};

struct HttpResponse {
  unsigned status = 200;
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::string body = {};
};

/// A JSON text {"error": what} with that status, `what` as one line: it may quote what came.
HttpResponse error_response(unsigned status, std::string_view what);
/// 503 that asks to come again in a second.
HttpResponse overloaded_response(std::string_view why);

/// A request that cannot be served, and the status that says so.
struct HttpError {
  unsigned status;
  std::string what;        ///< one line
  std::string allow = {};  ///< of 405: the methods that are
};

/// The duty to answer one request: called once, from any thread. One that is let go uncalled answers 503. What is
/// passed is run on the connection's thread, so that building a response costs nobody else.
class Respond {
 public:
  using Build = std::function<HttpResponse()>;
  Respond() = default;
  explicit Respond(std::function<void(Build)> send) : send_{std::move(send)} {}
  Respond(Respond&& other) noexcept : send_{std::exchange(other.send_, nullptr)} {}
  Respond& operator=(Respond&& other) noexcept;
  ~Respond();

  void operator()(Build build);
  void operator()(HttpResponse response);
  bool open() const { return send_ != nullptr; }

 private:
  std::function<void(Build)> send_;
};

/// Called on the server's threads, several at once.
using HttpHandler = std::function<void(HttpRequest, Respond)>;

}  // namespace troupe::actors
