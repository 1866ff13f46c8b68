#include "actors/deployer/serving_api.hpp"

#include <cmath>
#include <nlohmann/json.hpp>
#include <vector>

#include "actors/deployer/infer_response.hpp"
#include "actors/deployer/json_text.hpp"
#include "actors/deployer/prediction_id.hpp"

namespace troupe::actors {
namespace {

// "/v2/models/m" -> v2, models, m; a query is left out.
std::vector<std::string_view> parts_of(std::string_view target) {
  target = target.substr(0, target.find('?'));
  if (target.empty() || target[0] != '/')
    throw HttpError{404, "expected a path that begins with /"};
  target.remove_prefix(1);
  if (!target.empty() && target.back() == '/') target.remove_suffix(1);
  std::vector<std::string_view> parts;
  while (!target.empty() && parts.size() < 8) {
    const std::size_t end = target.find('/');
    parts.push_back(target.substr(0, end));
    target.remove_prefix(end == std::string_view::npos ? target.size() : end + 1);
  }
  if (!target.empty()) throw HttpError{404, "there is nothing at that path"};
  return parts;
}

/// HEAD is a GET whose body the server leaves out.
void expect_method(const HttpRequest& request, std::string_view method) {
  if (request.method == method || (method == "GET" && request.method == "HEAD")) return;
  throw HttpError{405,
                  request.target.substr(0, 200) + ": expected the method " + std::string{method} +
                      ", got " + request.method.substr(0, 20),
                  method == "GET" ? "GET, HEAD" : std::string{method}};
}

HttpResponse json_response(std::string body) {
  HttpResponse response;
  response.body = std::move(body);
  return response;
}

}  // namespace

void ServingApi::handle(HttpRequest request, Respond respond) const {
  try {
    route(request, respond);
  } catch (const HttpError& error) {
    HttpResponse response = error_response(error.status, error.what);
    if (error.status == 503) response.headers.emplace_back("Retry-After", "1");
    if (!error.allow.empty()) response.headers.emplace_back("Allow", error.allow);
    respond(std::move(response));
  } catch (const std::bad_alloc&) {
    respond(overloaded_response("there is no memory for this request now"));
  } catch (const std::exception& error) {
    respond(error_response(500, error.what()));
  }
}

void ServingApi::route(HttpRequest& request, Respond& respond) const {
  const std::vector<std::string_view> parts = parts_of(request.target);
  const auto is = [&](std::size_t i, std::string_view what) {
    return i < parts.size() && parts[i] == what;
  };
  if (parts.size() == 1 && is(0, "metrics")) {
    expect_method(request, "GET");
    HttpResponse response = json_response(ports_.metrics());
    response.content_type = "text/plain; version=0.0.4";
    return respond(std::move(response));
  }
  if (!is(0, "v2"))
    throw HttpError{404, "expected /v2... or /metrics, got " + request.target.substr(0, 200)};
  if (parts.size() == 1) {
    expect_method(request, "GET");
    return respond(json_response(server_metadata()));
  }
  if (parts.size() == 3 && is(1, "health") && (is(2, "live") || is(2, "ready"))) {
    expect_method(request, "GET");
    if (is(2, "live") || table_->ready())
      return respond(json_response(is(2, "live") ? "{\"live\":true}" : "{\"ready\":true}"));
    return respond(overloaded_response("no version is ready"));
  }
  if (!is(1, "models") || parts.size() < 3)
    throw HttpError{404, "there is nothing at " + request.target.substr(0, 200)};
  if (parts[2] != table_->model())
    throw HttpError{404, "expected the model " + table_->model() + ", got " +
                             std::string{parts[2].substr(0, 200)}};
  if (parts.size() == 4 && is(3, "feedback")) return feedback(request, respond);

  const Lease version = table_->current();
  if (!version) throw HttpError{503, "no version of " + table_->model() + " is served yet"};
  std::size_t next = 3;
  if (is(3, "versions")) {
    if (parts.size() < 5 || parts[4] != version->info.version)
      throw HttpError{404, "expected the version " + version->info.version + ", got " +
                               (parts.size() < 5 ? "none" : std::string{parts[4].substr(0, 200)})};
    next = 5;
  }
  if (parts.size() == next) {
    expect_method(request, "GET");
    return respond(json_response(model_metadata(version->info, {version->info.version})));
  }
  if (parts.size() == next + 1 && is(next, "ready")) {
    expect_method(request, "GET");
    if (!table_->ready()) return respond(overloaded_response("no replica has the version"));
    return respond(json_response("{\"ready\":true}"));
  }
  if (parts.size() == next + 1 && is(next, "infer")) {
    expect_method(request, "POST");
    return infer(request, version, respond);
  }
  throw HttpError{404, "there is nothing at " + request.target.substr(0, 200)};
}

void ServingApi::infer(HttpRequest& request, const Lease& version, Respond& respond) const {
  // Before the body is read: an overloaded server does no work for what it will refuse.
  if (admission_->rows() >= admission_->max_rows()) throw HttpError{503, "the queue is full"};
  InferJob job;
  job.request = read_infer_request(version->info, request.body, request.inference_header_length,
                                   {.rows = admission_->max_rows()});
  const std::size_t bytes =
      job.request.rows.size() + static_cast<std::size_t>(job.request.count) * version->out_bytes;
  job.ticket = admission_->enter(job.request.count, static_cast<std::int64_t>(bytes));
  if (!job.ticket) throw HttpError{503, "the queue is full"};
  job.version = version;
  job.prediction_id = new_prediction_id();
  job.respond = std::move(respond);
  ports_.infer(std::move(job));
}

void ServingApi::feedback(const HttpRequest& request, Respond& respond) const {
  expect_method(request, "POST");
  if (!ports_.feedback) throw HttpError{404, table_->model() + " takes no feedback"};
  Feedback feedback = read_feedback(request.body);
  ports_.feedback({std::move(feedback), std::move(respond)});
}

Feedback read_feedback(std::string_view body) {
  const std::string form =
      "expected {\"id\": TEXT, \"label\": TEXT or whole number, \"rating\": NUMBER} with one of "
      "the last two at least";
  const auto fail = [&] {
    throw HttpError{400, "body: " + form + ", got " +
                             (body.empty() ? "nothing" : std::string{body.substr(0, 80)})};
  };
  if (deeper_than(body, 4)) fail();
  const nlohmann::json root = nlohmann::json::parse(body, nullptr, false);
  if (!root.is_object()) fail();
  Feedback feedback;
  for (const auto& [key, value] : root.items()) {
    if (key == "id" && value.is_string()) {
      feedback.id = value.get<std::string>();
    } else if (key == "label" && value.is_string()) {
      feedback.label = value.get<std::string>();
    } else if (key == "label" && value.is_number_integer()) {
      feedback.label = value.dump();
    } else if (key == "rating" && value.is_number() && std::isfinite(value.get<double>())) {
      feedback.rating = value.get<double>();
    } else {
      std::string shown = value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
      throw HttpError{400, "/" + key.substr(0, 40) + ": " + form + ", got " + shown.substr(0, 40)};
    }
  }
  if (feedback.id.empty() || feedback.id.size() > 256 || (!feedback.label && !feedback.rating) ||
      (feedback.label && feedback.label->size() > 1024))
    fail();
  return feedback;
}

HttpResponse feedback_response(FeedbackResult result, const std::string& why) {
  const auto or_else = [&](const char* text) { return why.empty() ? std::string{text} : why; };
  switch (result) {
    case FeedbackResult::ok:
      return json_response("{\"ok\":true}");
    case FeedbackResult::unknown:
      return error_response(404, or_else("there is no prediction with that id"));
    case FeedbackResult::repeated:
      return error_response(409,
                            or_else("that prediction has other feedback already, which stays"));
    case FeedbackResult::invalid:
      return error_response(400, or_else("that feedback does not fit"));
    case FeedbackResult::later:
      return overloaded_response(or_else("feedback cannot be stored now"));
  }
  return error_response(500, "feedback: an unknown result");
}

}  // namespace troupe::actors
