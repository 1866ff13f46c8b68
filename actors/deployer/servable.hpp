#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace troupe::actors {

/// An input or an output as the Open Inference Protocol tells of it.
struct TensorInfo {
  std::string name;
  std::string datatype;             ///< "FP32", "FP64", "INT32", "INT64", "UINT8" or "BOOL"
  std::vector<std::int64_t> shape;  ///< of one row; the protocol's has the batch, -1, in front

  bool operator==(const TensorInfo&) const = default;
};

/// What is known of a model's version from outside. A row of the inputs is what all inputs have of one sample, one
/// behind the other in this order without gaps; a row of the outputs likewise, and outputs are FP32.
struct ServableInfo {
  std::string name;
  std::string version;
  std::string platform = "troupe";
  std::vector<TensorInfo> inputs, outputs;
  std::vector<std::string> class_names =
      {};  ///< of the first output's classes; empty: they have none

  bool operator==(const ServableInfo&) const = default;
};

/// Sizes of one row. @throws Error bad_input if a tensor has no such datatype or a shape that is none.
std::size_t input_row_bytes(const ServableInfo& info);
std::size_t output_row_bytes(const ServableInfo& info);

/// One loaded version of a model; used by one thread at a time.
class Servable {
 public:
  virtual ~Servable() = default;
  virtual const ServableInfo& info() const = 0;
  virtual std::int64_t max_rows() const = 0;
  /// `rows` has `count` rows of the inputs, `out` room for as many of the outputs; 1 <= count <= max_rows().
  virtual void predict(std::span<const std::byte> rows, std::int64_t count,
                       std::span<std::byte> out) = 0;
};

/// Loads the version in a folder. What it throws is the reason why it is not served.
using LoadServable = std::function<std::unique_ptr<Servable>(const std::string& folder)>;

}  // namespace troupe::actors
