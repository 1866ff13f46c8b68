#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "actors/deployer/admission.hpp"
#include "actors/deployer/feedback_sink.hpp"
#include "actors/deployer/http_message.hpp"
#include "actors/deployer/infer_request.hpp"
#include "actors/deployer/serving_table.hpp"

namespace troupe::actors {

/// A request that was read and let in.
struct InferJob {
  Lease version;
  std::string prediction_id;
  InferRequest request;
  Admission::Ticket ticket;
  Respond respond;
};

struct FeedbackJob {
  Feedback feedback;
  Respond respond;
};

/// What the HTTP threads need of the front. All of it is thread-safe.
struct ServingPorts {
  std::function<void(InferJob)> infer;
  std::function<void(FeedbackJob)> feedback;  ///< empty: there is none
  std::function<std::string()> metrics;
};

/// The Open Inference Protocol v2 over HTTP, POST /v2/models/{model}/feedback and GET /metrics: reads requests and
/// either answers them or passes them on. Called from several threads at once.
class ServingApi {
 public:
  ServingApi(std::shared_ptr<const ServingTable> table, std::shared_ptr<Admission> admission,
             ServingPorts ports)
      : table_{std::move(table)}, admission_{std::move(admission)}, ports_{std::move(ports)} {}

  void handle(HttpRequest request, Respond respond) const;

 private:
  void route(HttpRequest& request, Respond& respond) const;
  void infer(HttpRequest& request, const Lease& version, Respond& respond) const;
  void feedback(const HttpRequest& request, Respond& respond) const;

  const std::shared_ptr<const ServingTable> table_;
  const std::shared_ptr<Admission> admission_;
  const ServingPorts ports_;
};

/// Reads {"id": TEXT, "label": TEXT or whole number, "rating": NUMBER}, of which one of the last two may be absent.
/// @throws HttpError 400
Feedback read_feedback(std::string_view body);

/// 200, 404, 409, 400 or 503.
HttpResponse feedback_response(FeedbackResult result, const std::string& why);

}  // namespace troupe::actors
