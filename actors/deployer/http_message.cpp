#include "actors/deployer/http_message.hpp"

#include <string>

#include "actors/deployer/json_text.hpp"
#include "runtime/base/error.hpp"

namespace troupe::actors {

HttpResponse error_response(unsigned status, std::string_view what) {
  HttpResponse response;
  response.status = status;
  response.body = "{\"error\":";
  append_quoted(response.body, one_line(std::string{what}));
  response.body += "}";
  return response;
}

HttpResponse overloaded_response(std::string_view why) {
  HttpResponse response = error_response(503, why);
  response.headers.emplace_back("Retry-After", "1");
  return response;
}

Respond& Respond::operator=(Respond&& other) noexcept {
  if (this != &other) {
    Respond old{std::move(*this)};
    send_ = std::exchange(other.send_, nullptr);
  }
  return *this;
}

Respond::~Respond() {
  if (send_) (*this)(overloaded_response("the model's front ended before it answered"));
}

void Respond::operator()(Build build) {
  if (const auto send = std::exchange(send_, nullptr)) send(std::move(build));
}

void Respond::operator()(HttpResponse response) {
  (*this)([response = std::move(response)] { return response; });
}

}  // namespace troupe::actors
