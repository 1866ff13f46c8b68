#include "tests/reference/losses.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

namespace troupe::test::reference {
namespace {

struct ElementLoss {
  double value, slope;
};

// Sums the mean over each row of `of(x, target)`.
Loss elementwise(std::int64_t width, std::uint32_t rows_in_use, const Values& x,
                 const Values& target, const std::function<ElementLoss(double, double)>& of) {
  Loss loss{0, rows_in_use, Values(x.size())};
  const std::size_t elements = rows_in_use * static_cast<std::size_t>(width);
  for (std::size_t i = 0; i < elements; ++i) {
    const ElementLoss element = of(x[i], target[i]);
    loss.sum += element.value / static_cast<double>(width);
    loss.gradient[i] = element.slope / static_cast<double>(width);
  }
  return loss;
}

}  // namespace

// With target q (Σ q = 1): -Σ q_k log p_k, and since log p_k = z_k - log Σ exp z, its gradient is p - q.
Loss softmax_cross_entropy(const gpu::SoftmaxCrossEntropy& shape, std::uint32_t rows_in_use,
                           const Values& logits, const std::vector<std::int32_t>& labels) {
  const auto classes = static_cast<std::size_t>(shape.classes);
  const double smoothing = static_cast<double>(shape.smoothing);
  Loss loss{0, 0, Values(logits.size())};
  for (std::size_t r = 0; r < rows_in_use; ++r) {
    if (labels[r] == shape.ignore_index) continue;
    ++loss.rows;
    if (labels[r] < 0 || labels[r] >= shape.classes) {
      loss.sum = std::numeric_limits<double>::quiet_NaN();
      continue;
    }
    const double* const z = logits.data() + r * classes;
    const double largest = *std::max_element(z, z + classes);
    double sum = 0;
    for (std::size_t k = 0; k < classes; ++k) sum += std::exp(z[k] - largest);
    for (std::size_t k = 0; k < classes; ++k) {
      const bool is_label = k == static_cast<std::size_t>(labels[r]);
      const double target =
          (is_label ? 1.0 - smoothing : 0.0) + smoothing / static_cast<double>(classes);
      loss.sum -= target * (z[k] - largest - std::log(sum));
      loss.gradient[r * classes + k] = std::exp(z[k] - largest) / sum - target;
    }
  }
  return loss;
}

// -t log σ(x) - (1 - t) log(1 - σ(x)), whose slope is σ(x) - t.
Loss binary_cross_entropy(const gpu::BinaryCrossEntropy& shape, std::uint32_t rows_in_use,
                          const Values& x, const Values& target) {
  return elementwise(shape.width, rows_in_use, x, target, [](double value, double t) {
    return ElementLoss{std::max(value, 0.0) - value * t + std::log1p(std::exp(-std::abs(value))),
                       1.0 / (1.0 + std::exp(-value)) - t};
  });
}

Loss mean_squared_error(const gpu::MeanSquaredError& shape, std::uint32_t rows_in_use,
                        const Values& x, const Values& target) {
  return elementwise(shape.width, rows_in_use, x, target, [](double value, double t) {
    return ElementLoss{(value - t) * (value - t), 2.0 * (value - t)};
  });
}

}  // namespace troupe::test::reference
