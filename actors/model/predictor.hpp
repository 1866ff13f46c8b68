#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "gpu/device.hpp"
#include "gpu/shape.hpp"

namespace troupe::actors {

struct PredictorOptions {
  std::int64_t batch = 32;  ///< rows computed at once, whatever is asked for
  int threads = 1;
  /// Where it computes; null: the CPU, with `threads`. Predictors on one device are not loaded at the same time.
  std::shared_ptr<gpu::Device> device;
};

/// Predicts in the application's own process, from a checkpoint's folder alone:
///
///     Predictor digits = Predictor::load("job/checkpoints/step-000000001200");
///     std::vector<float> probabilities = digits.predict(pixels);   // [rows, classes]
///
/// A row's result does not depend on the rows beside it, nor on how many there are, bit for bit. Used by one thread, the
/// one that made it; several predictors work side by side.
class Predictor {
 public:
  /// @throws Error as load_model() and Plan do.
  static Predictor load(const std::string& folder, const PredictorOptions& options = {});
  ~Predictor();
  Predictor(Predictor&&) noexcept;
  Predictor& operator=(Predictor&&) noexcept;

  /// Of one raw sample, before the transforms, which the predictor applies.
  const gpu::Shape& shape() const;
  /// What it was prepared in: u8 or f32.
  gpu::DType dtype() const;
  /// 0: it predicts a value.
  std::int64_t classes() const;
  /// One a class, or none if the data had no names.
  const std::vector<std::string>& class_names() const;
  /// How many steps the version was trained for.
  std::uint64_t step() const;

  /// Probabilities by class, [rows, classes], or values, [rows], of raw samples [rows, shape]. They may be given in
  /// another type than they were prepared in, if no value is lost: whole numbers from 0 to 255 for u8.
  /// @throws Error bad_input for what is no whole number of rows, is not finite, or does not fit; naming row and
  /// element.
  std::vector<float> predict(std::span<const std::uint8_t> rows);
  std::vector<float> predict(std::span<const float> rows);
  std::vector<float> predict(std::span<const double> rows);
  /// The class of the largest probability of each row, of equal ones the first. @throws also Error bad_input if the model
  /// predicts values.
  std::vector<std::int64_t> predict_class(std::span<const std::uint8_t> rows);
  std::vector<std::int64_t> predict_class(std::span<const float> rows);
  std::vector<std::int64_t> predict_class(std::span<const double> rows);

 private:
  struct Impl;
  explicit Predictor(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace troupe::actors
