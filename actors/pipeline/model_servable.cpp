#include "actors/pipeline/model_servable.hpp"

#include <cstring>
#include <utility>
#include <vector>

#include "actors/model/predictor.hpp"
#include "gpu/dtype.hpp"
#include "runtime/base/error.hpp"

namespace troupe::actors {
namespace {

constexpr std::int64_t batch_rows = 64;

class ModelServable final : public Servable {
 public:
  explicit ModelServable(const std::string& folder)
      : predictor_{Predictor::load(folder, options())} {
    const gpu::Shape& shape = predictor_.shape();
    const bool bytes = predictor_.dtype() == gpu::DType::u8;
    info_.inputs = {{"features", bytes ? "UINT8" : "FP32", {shape.dims().begin(), shape.dims().end()}}};
    const std::int64_t classes = predictor_.classes();
    info_.outputs = {{classes > 0 ? "probabilities" : "values", "FP32", {classes > 0 ? classes : 1}}};
    info_.class_names = predictor_.class_names();
    info_.version = std::to_string(predictor_.step());
  }

  const ServableInfo& info() const override { return info_; }
  std::int64_t max_rows() const override { return batch_rows; }

  void predict(std::span<const std::byte> rows, std::int64_t, std::span<std::byte> out) override {
    std::vector<float> result;
    if (predictor_.dtype() == gpu::DType::u8) {
      result = predictor_.predict(
          std::span{reinterpret_cast<const std::uint8_t*>(rows.data()), rows.size()});
    } else {
      // Rows come from the network, at any address.
      std::vector<float> values(rows.size() / sizeof(float));
      std::memcpy(values.data(), rows.data(), values.size() * sizeof(float));
      result = predictor_.predict(std::span<const float>{values});
    }
    if (result.size() * sizeof(float) != out.size())
      throw Error{ErrorCode::bug, "servable: expected predictions of the size that it tells of"};
    std::memcpy(out.data(), result.data(), out.size());
  }

 private:
  static PredictorOptions options() {
    PredictorOptions options;
    options.batch = batch_rows;
    return options;
  }

  Predictor predictor_;
  ServableInfo info_;
};

}  // namespace

std::unique_ptr<Servable> load_model_servable(const std::string& folder) {
  return std::make_unique<ModelServable>(folder);
}

}  // namespace troupe::actors
