#include "gpu/reference/loss_kernels.hpp"

#include <cstdint>
#include <cstring>

#include "gpu/formulas/losses.hpp"
#include "gpu/reference/isa.hpp"
#include "gpu/reference/row_sums.hpp"
#include "gpu/reference/vector_math.hpp"
#include "runtime/base/math.hpp"
#include "runtime/base/math_inline.hpp"

namespace troupe::gpu::reference::TROUPE_ISA {
namespace {

void fill(float* row, std::int64_t width, float value) {
  for (std::int64_t i = 0; i < width; ++i) row[i] = value;
}

/// One row's log Σ e^x - Σ target · x, both after subtracting the maximum.
double cross_entropy_row(const float* x, std::int32_t label, float* gradient, std::int64_t classes,
                         double smoothing) {
  double terms[RowSum::block];
  const double most = largest(x, classes);
  RowSum sum, logits;
  for (std::int64_t begin = 0; begin < classes; begin += RowSum::block) {
    const std::int64_t count = classes - begin < RowSum::block ? classes - begin : RowSum::block;
    for (std::int64_t i = 0; i < count; ++i) terms[i] = math::exp_inline(x[begin + i] - most);
    if (gradient != nullptr) {
      for (std::int64_t i = 0; i < count; ++i) gradient[begin + i] = static_cast<float>(terms[i]);
    }
    sum.add(terms, count);
    if (smoothing != 0.0) {
      for (std::int64_t i = 0; i < count; ++i) terms[i] = x[begin + i] - most;
      logits.add(terms, count);
    }
  }
  const double everywhere = smoothing / static_cast<double>(classes);
  const double at_label = 1.0 - smoothing;
  if (gradient != nullptr) {
    const double factor = 1.0 / sum.total();
    const double probability = gradient[label] * factor;
    for (std::int64_t i = 0; i < classes; ++i) {
      gradient[i] = static_cast<float>(gradient[i] * factor - everywhere);
    }
    gradient[label] = static_cast<float>(probability - (at_label + everywhere));
  }
  double loss = math::log(sum.total()) - at_label * (x[label] - most);
  if (smoothing != 0.0) loss -= everywhere * logits.total();
  return loss;
}

LossSum cross_entropy(const float* logits, const std::int32_t* labels, float* gradient,
                      std::int64_t all_rows, std::int64_t rows, std::int64_t classes,
                      double smoothing, std::int32_t ignore_index) {
  LossSum result;
  for (std::int64_t row = 0; row < all_rows; ++row) {
    const float* const x = logits + row * classes;
    float* const dx = gradient != nullptr ? gradient + row * classes : nullptr;
    const bool counts = row < rows && labels[row] != ignore_index;
    if (!counts) {
      if (dx != nullptr) fill(dx, classes, 0.0F);
      continue;
    }
    ++result.counted;
    if (labels[row] < 0 || labels[row] >= classes) {
      result.loss = __builtin_nan("");
      if (dx != nullptr) fill(dx, classes, __builtin_nanf(""));
      continue;
    }
    result.loss += cross_entropy_row(x, labels[row], dx, classes, smoothing);
  }
  return result;
}

/// The mean of a row's elements, summed over rows.
template <class Element>
LossSum elementwise(const float* x, const float* target, float* gradient, std::int64_t all_rows,
                    std::int64_t rows, std::int64_t width) {
  double terms[RowSum::block];
  const auto divisor = static_cast<double>(width);
  LossSum result{0.0, rows};
  for (std::int64_t row = 0; row < rows; ++row, x += width, target += width) {
    RowSum sum;
    for (std::int64_t begin = 0; begin < width; begin += RowSum::block) {
      const std::int64_t count = width - begin < RowSum::block ? width - begin : RowSum::block;
      for (std::int64_t i = 0; i < count; ++i) {
        terms[i] = Element::loss(x[begin + i], target[begin + i]);
      }
      sum.add(terms, count);
    }
    result.loss += sum.total() / divisor;
    if (gradient == nullptr) continue;
    for (std::int64_t i = 0; i < width; ++i) {
      gradient[i] = static_cast<float>(Element::gradient(x[i], target[i]) / divisor);
    }
    gradient += width;
  }
  if (gradient != nullptr) fill(gradient, (all_rows - rows) * width, 0.0F);
  return result;
}

}  // namespace

const LossTable loss_table = {cross_entropy, elementwise<formulas::BinaryCrossEntropy>,
                              elementwise<formulas::SquaredError>};

}  // namespace troupe::gpu::reference::TROUPE_ISA
