#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "actors/deployer/servable.hpp"

namespace troupe::actors {

/// One output that a request wants.
struct WantedOutput {
  std::size_t index = 0;           ///< in ServableInfo::outputs
  bool binary = false;             ///< behind the JSON, not in it
  std::size_t classification = 0;  ///< the k most likely classes as text; 0: the numbers
};

/// An inference request in the model's terms.
struct InferRequest {
  std::string id;               ///< as its client gave it; may be empty
  std::int64_t count = 0;       ///< rows, 1 or more
  std::vector<std::byte> rows;  ///< count rows of the model's inputs (servable.hpp)
  std::vector<WantedOutput> outputs;
};

/// What a request may have at most.
struct InferLimits {
  std::int64_t rows = 1024;
};

/// Reads the body of an infer request of the Open Inference Protocol v2 with its binary tensor data extension.
/// `header_length` is what Inference-Header-Content-Length says, "" if it is absent: so many bytes of the body are
/// JSON, the rest are the binary inputs in their order. Numbers are converted to the model's types.
/// @throws HttpError 4xx that says what was expected, where, and what came.
InferRequest read_infer_request(const ServableInfo& info, std::string_view body,
                                std::string_view header_length, const InferLimits& limits);

}  // namespace troupe::actors
