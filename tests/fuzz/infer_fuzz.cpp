#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "actors/deployer/infer_response.hpp"
#include "actors/deployer/serving_api.hpp"

using namespace troupe::actors;

namespace {

constexpr std::int64_t most_rows = 64;
constexpr std::size_t most_bytes = std::size_t{1} << 20;

/// Several types and outputs, and one that takes its rows' first bytes for outputs, numbers or not.
Lease served_version() {
  auto version = std::make_shared<ServedVersion>();
  version->info = {"m", "1", "troupe", {}, {}, {"cat", "a \"dog\"", "\xff"}};
  version->info.inputs = {{"x", "FP32", {2, 3}}, {"n", "UINT8", {4}}, {"b", "BOOL", {1}},
                          {"i", "INT32", {1}},   {"l", "INT64", {1}}, {"d", "FP64", {1}}};
  version->info.outputs = {{"y", "FP32", {3}}, {"z", "FP32", {1}}};
  version->in_bytes = input_row_bytes(version->info);
  version->out_bytes = output_row_bytes(version->info);
  version->max_rows = most_rows;
  return version;
}

std::string header_of(const HttpResponse& response, std::string_view name) {
  for (const auto& [key, value] : response.headers)
    if (key == name) return value;
  return {};
}

/// What a request was answered with.
struct Front {
  Lease version = served_version();
  std::shared_ptr<ServingTable> table = std::make_shared<ServingTable>("m");
  std::shared_ptr<Admission> admission = std::make_shared<Admission>(most_rows, most_bytes);
  std::optional<ServingApi> api;
  std::size_t inferred = 0;

  Front() {
    table->serve(version);
    table->set_ready(true);
    ServingPorts ports;
    ports.infer = [this](InferJob job) { infer(std::move(job)); };
    ports.feedback = [](FeedbackJob job) {
      if (job.feedback.id.empty() || (!job.feedback.label && !job.feedback.rating)) std::abort();
      job.respond(feedback_response(FeedbackResult::ok, ""));
    };
    ports.metrics = [] { return std::string{"metrics"}; };
    api.emplace(table, admission, std::move(ports));
  }

  void infer(InferJob job) {
    ++inferred;
    const InferRequest& request = job.request;
    if (request.count < 1 || request.count > most_rows || request.outputs.empty() ||
        request.rows.size() != static_cast<std::size_t>(request.count) * version->in_bytes)
      std::abort();
    std::vector<std::byte> outputs(static_cast<std::size_t>(request.count) * version->out_bytes);
    for (std::int64_t row = 0; row < request.count; ++row)
      std::memcpy(outputs.data() + static_cast<std::size_t>(row) * version->out_bytes,
                  request.rows.data() + static_cast<std::size_t>(row) * version->in_bytes,
                  version->out_bytes);
    job.respond(infer_response(version->info, request.id, request.outputs, request.count, outputs));
  }
};

void check(const HttpRequest& request, const HttpResponse& response, bool inferred) {
  if (response.status != 200 && (response.status < 400 || response.status > 431)) std::abort();
  const std::string length = header_of(response, "Inference-Header-Content-Length");
  if (!length.empty() && !inferred) std::abort();
  if (response.content_type.starts_with("text/")) return;
  const std::string text =
      response.body.substr(0, length.empty() ? std::string::npos : std::stoul(length));
  const nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) std::abort();
  if (response.status != 200) {
    const auto error = json.find("error");
    if (inferred || json.size() != 1 || error == json.end() || !error->is_string()) std::abort();
    // One line, and no more of what came than helps.
    const auto said = error->get<std::string>();
    if (said.empty() || said.size() > 2000 || said.find('\n') != std::string::npos) std::abort();
  } else if (inferred) {
    if (request.method != "POST" || json.at("model_version") != "1" || json.at("outputs").empty())
      std::abort();
  }
}

std::string line(std::string_view& input) {
  const std::size_t end = input.find('\n');
  const std::string_view first = input.substr(0, end);
  input.remove_prefix(end == std::string_view::npos ? input.size() : end + 1);
  return std::string{first};
}

}  // namespace

/// Lines with method, target and Inference-Header-Content-Length, and behind them the body.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view input{reinterpret_cast<const char*>(data), size};
  HttpRequest request;
  request.method = line(input);
  request.target = line(input);
  request.inference_header_length = line(input);
  request.body = input;
  Front front;
  std::optional<HttpResponse> response;
  front.api->handle(request, Respond{[&](const Respond::Build& build) {
                      if (response) std::abort();
                      response = build();
                    }});
  if (!response || front.inferred > 1 || front.admission->rows() != 0 ||
      front.admission->bytes() != 0)
    std::abort();
  check(request, *response, front.inferred == 1);
  return 0;
}
