#include "actors/model/predictor.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "actors/model/model_runner.hpp"
#include "gpu/cpu_device.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/float_environment.hpp"
#include "runtime/base/math.hpp"

namespace troupe::actors {
namespace {

using gpu::DType;

/// One raw value in the type that the data was prepared in. False: it does not fit.
template <class To, class From>
bool convert(From value, std::byte* to) {
  if constexpr (std::is_same_v<To, std::uint8_t> && !std::is_same_v<From, std::uint8_t>) {
    if (!(value >= 0 && value <= 255) || value != std::floor(value)) return false;
  }
  const auto converted = static_cast<To>(value);
  if constexpr (std::is_same_v<To, float>) {
    if (!std::isfinite(converted)) return false;
  }
  std::memcpy(to, &converted, sizeof converted);
  return true;
}

/// In f64, rounded once.
void softmax(std::span<const float> logits, std::span<float> out) {
  const double largest = *std::ranges::max_element(logits);
  double sum = 0;
  for (const float logit : logits) sum += math::exp(static_cast<double>(logit) - largest);
  for (std::size_t k = 0; k < logits.size(); ++k)
    out[k] = static_cast<float>(math::exp(static_cast<double>(logits[k]) - largest) / sum);
}

}  // namespace

struct Predictor::Impl {
  std::shared_ptr<const SavedModel> model;
  std::shared_ptr<gpu::Device> device;
  ModelRunner runner;
  gpu::TransformScratch scratch = {};
  std::vector<std::byte> raw = {};  // one sample

  /// Calls visit(row, predictions of that row) for each in order.
  template <class T, class Visit>
  void run(std::span<const T> rows, Visit&& visit) {
    const FloatEnvironment environment;
    const auto width = static_cast<std::size_t>(model->prepared.shape.elements());
    if (rows.size() % width != 0) {
      throw Error{ErrorCode::bad_input, "predictor: expected rows of " + std::to_string(width) +
                                            " numbers, got " + std::to_string(rows.size()) +
                                            " numbers"};
    }
    const std::size_t count = rows.size() / width, batch = static_cast<std::size_t>(runner.rows());
    const auto outputs = static_cast<std::size_t>(model->outputs());
    for (std::size_t first = 0; first < count; first += batch) {
      const std::size_t some = std::min(batch, count - first);
      for (std::size_t i = 0; i < some; ++i)
        fill(rows.subspan((first + i) * width, width), first + i, i);
      const std::span<const float> predicted = runner.run(static_cast<std::int64_t>(some));
      for (std::size_t i = 0; i < some; ++i)
        visit(first + i, predicted.subspan(i * outputs, outputs));
    }
  }

  template <class T>
  void fill(std::span<const T> row, std::size_t number, std::size_t at) {
    const bool bytes = model->prepared.dtype == DType::u8;
    const std::size_t size = gpu::size_bytes(model->prepared.dtype);
    raw.resize(row.size() * size);
    for (std::size_t k = 0; k < row.size(); ++k) {
      std::byte* const to = raw.data() + k * size;
      if (bytes ? convert<std::uint8_t>(row[k], to) : convert<float>(row[k], to)) continue;
      throw Error{ErrorCode::bad_input,
                  "predictor: row " + std::to_string(number) + ", element " + std::to_string(k) +
                      ": expected " +
                      (bytes ? "a whole number from 0 to 255" : "a finite number within f32") +
                      ", got " + std::to_string(row[k])};
    }
    const std::size_t features = runner.features().size() / static_cast<std::size_t>(runner.rows());
    // No random transform is left in the chain, so seed and position do not matter.
    model->transforms.apply(
        raw, 0, 0, std::as_writable_bytes(runner.features().subspan(at * features, features)),
        scratch);
  }

  template <class T>
  std::vector<float> predict(std::span<const T> rows) {
    std::vector<float> result(rows.size() /
                              static_cast<std::size_t>(model->prepared.shape.elements()) *
                              static_cast<std::size_t>(model->outputs()));
    run(rows, [&](std::size_t row, std::span<const float> predicted) {
      const auto to = std::span{result}.subspan(row * predicted.size(), predicted.size());
      if (model->prepared.classes > 0) {
        softmax(predicted, to);
      } else {
        std::ranges::copy(predicted, to.begin());
      }
    });
    return result;
  }

  template <class T>
  std::vector<std::int64_t> predict_class(std::span<const T> rows) {
    if (model->prepared.classes == 0)
      throw Error{ErrorCode::bad_input,
                  "predictor: expected a model of classes, got one of values"};
    std::vector<std::int64_t> result;
    run(rows, [&](std::size_t, std::span<const float> logits) {
      result.push_back(std::ranges::max_element(logits) - logits.begin());
    });
    return result;
  }
};

Predictor::Predictor(std::unique_ptr<Impl> impl) : impl_{std::move(impl)} {}
Predictor::~Predictor() = default;
Predictor::Predictor(Predictor&&) noexcept = default;
Predictor& Predictor::operator=(Predictor&&) noexcept = default;

Predictor Predictor::load(const std::string& folder, const PredictorOptions& options) {
  std::shared_ptr<const SavedModel> model = load_model(posix_files(), folder);
  std::shared_ptr<gpu::Device> device = options.device;
  if (device == nullptr) device = gpu::make_cpu_device(gpu::CpuOptions{options.threads});
  ModelRunner runner{model, *device, options.batch, options.threads};
  return Predictor{std::unique_ptr<Impl>{new Impl{model, std::move(device), std::move(runner)}}};
}

gpu::DType Predictor::dtype() const {
  return impl_->model->prepared.dtype;
}

const gpu::Shape& Predictor::shape() const {
  return impl_->model->prepared.shape;
}
std::int64_t Predictor::classes() const {
  return impl_->model->prepared.classes;
}
const std::vector<std::string>& Predictor::class_names() const {
  return impl_->model->prepared.class_names;
}
std::uint64_t Predictor::step() const {
  return impl_->model->step;
}

std::vector<float> Predictor::predict(std::span<const std::uint8_t> rows) {
  return impl_->predict(rows);
}
std::vector<float> Predictor::predict(std::span<const float> rows) {
  return impl_->predict(rows);
}
std::vector<float> Predictor::predict(std::span<const double> rows) {
  return impl_->predict(rows);
}
std::vector<std::int64_t> Predictor::predict_class(std::span<const std::uint8_t> rows) {
  return impl_->predict_class(rows);
}
std::vector<std::int64_t> Predictor::predict_class(std::span<const float> rows) {
  return impl_->predict_class(rows);
}
std::vector<std::int64_t> Predictor::predict_class(std::span<const double> rows) {
  return impl_->predict_class(rows);
}

}  // namespace troupe::actors
