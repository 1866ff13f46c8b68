#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "actors/deployer/http_message.hpp"
#include "actors/deployer/infer_request.hpp"
#include "actors/deployer/servable.hpp"

namespace troupe::actors {

/// What the answer to an infer request says. `rows` has `count` rows of the model's outputs (servable.hpp).
HttpResponse infer_response(const ServableInfo& info, const std::string& id,
                            const std::vector<WantedOutput>& wanted, std::int64_t count,
                            std::span<const std::byte> rows);

/// The answers to GET /v2/models/{model} and GET /v2.
std::string model_metadata(const ServableInfo& info, const std::vector<std::string>& versions);
std::string server_metadata();

}  // namespace troupe::actors
