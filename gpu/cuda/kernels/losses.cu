#include "gpu/cuda/kernels/losses.hpp"

#include "gpu/cuda/kernels/block_sum.cuh"
#include "gpu/cuda/kernels/elements.cuh"
#include "gpu/formulas/losses.hpp"
#include "runtime/base/math_inline.hpp"

namespace troupe::gpu::cuda {
namespace {

/// Of one row; 0 where it does not count.
struct RowLoss {
  double loss;
  std::int64_t counted;
};

__device__ __forceinline__ std::int64_t rows_in_use(const StepState* step,
                                                    std::int64_t rows_per_sample,
                                                    std::int64_t rows) {
  const std::int64_t used = step->rows * rows_per_sample;
  return used < rows ? used : rows;
}

template <class Team, class T>
__device__ __forceinline__ void fill_row(T* row, std::int64_t width, float value) {
  if (row == nullptr) return;
  for (std::int64_t i = Team::member(); i < width; i += Team::threads) set(row[i], value);
}

/// One row's log Σ e^x - Σ target · x, both after subtracting the maximum.
template <class Team, class T>
__device__ double cross_entropy_row(const T* x, std::int32_t label, T* gradient,
                                    std::int64_t classes, double smoothing) {
  float most_of_mine = -math::parts::infinity;
  for (std::int64_t i = Team::member(); i < classes; i += Team::threads) {
    most_of_mine = Larger::join(most_of_mine, value_of(x[i]));
  }
  const double most = Team::template over<Larger>(most_of_mine);
  double sum_of_mine = 0.0, logits_of_mine = 0.0;
#pragma unroll 1  // or there are not enough registers, here and below
  for (std::int64_t i = Team::member(); i < classes; i += Team::threads) {
    const double term = value_of(x[i]) - most;
    sum_of_mine += math::exp_inline(term);
    logits_of_mine += term;
  }
  const double sum = Team::template over<Plus>(sum_of_mine);
  const double everywhere = smoothing / static_cast<double>(classes);
  const double at_label = 1.0 - smoothing;
  if (gradient != nullptr) {
    const double factor = 1.0 / sum;
#pragma unroll 1
    for (std::int64_t i = Team::member(); i < classes; i += Team::threads) {
      const double probability = formulas::exp_short(value_of(x[i]) - most) * factor;
      const double target = i == label ? at_label + everywhere : everywhere;
      set(gradient[i], static_cast<float>(probability - target));
    }
  }
  double loss = math::log_inline(sum) - at_label * (value_of(x[label]) - most);
  if (smoothing != 0.0) loss -= everywhere * Team::template over<Plus>(logits_of_mine);
  return loss;
}

template <bool whole_block, class T>
__global__ void __launch_bounds__(block_threads)
    cross_entropy(SoftmaxCrossEntropy op, const T* logits, const std::int32_t* labels,
                  const StepState* step, T* gradient, RowLoss* of_rows) {
  using Rows = Team<whole_block>;
  const std::int64_t used = rows_in_use(step, op.rows_per_sample, op.rows);
  for (std::int64_t row = Rows::first_row(); row < op.rows; row += Rows::row_stride()) {
    const T* const x = logits + row * op.classes;
    T* const dx = gradient != nullptr ? gradient + row * op.classes : nullptr;
    RowLoss result{0.0, 0};
    if (row < used && labels[row] != op.ignore_index) {
      const std::int32_t label = labels[row];
      result.counted = 1;
      if (label < 0 || label >= op.classes) {
        result.loss = math::parts::not_a_number;
        fill_row<Rows>(dx, op.classes, static_cast<float>(math::parts::not_a_number));
      } else {
        result.loss = cross_entropy_row<Rows>(x, label, dx, op.classes, op.smoothing);
      }
    } else {
      fill_row<Rows>(dx, op.classes, 0.0F);
    }
    if (Rows::member() == 0) of_rows[row] = result;
  }
}

/// The mean over a row's elements.
template <class Element, bool whole_block, class T>
__global__ void __launch_bounds__(block_threads)
    elementwise(std::int64_t rows, std::int64_t width, const T* scores, const float* targets,
                const StepState* step, T* gradient, RowLoss* of_rows) {
  using Rows = Team<whole_block>;
  const std::int64_t used = rows_in_use(step, 1, rows);
  const auto divisor = static_cast<double>(width);
  for (std::int64_t row = Rows::first_row(); row < rows; row += Rows::row_stride()) {
    const T* const x = scores + row * width;
    const float* const target = targets + row * width;
    T* const dx = gradient != nullptr ? gradient + row * width : nullptr;
    RowLoss result{0.0, 0};
    if (row < used) {
      double sum_of_mine = 0.0;
      for (std::int64_t i = Rows::member(); i < width; i += Rows::threads) {
        const double score = value_of(x[i]), wanted = target[i];
        sum_of_mine += Element::loss(score, wanted);
        if (dx != nullptr) {
          set(dx[i], static_cast<float>(Element::gradient(score, wanted) / divisor));
        }
      }
      result = {Rows::template over<Plus>(sum_of_mine) / divisor, 1};
    } else {
      fill_row<Rows>(dx, width, 0.0F);
    }
    if (Rows::member() == 0) of_rows[row] = result;
  }
}

/// One block.
__global__ void __launch_bounds__(block_threads)
    sum_rows(const RowLoss* of_rows, std::int64_t rows, double* loss, std::int64_t* counted) {
  double sum = 0.0, count = 0.0;  // counts are exact in f64
  for (std::int64_t row = threadIdx.x; row < rows; row += block_threads) {
    sum += of_rows[row].loss;
    count += static_cast<double>(of_rows[row].counted);
  }
  sum = over_block<Plus>(sum);
  count = over_block<Plus>(count);
  if (threadIdx.x == 0) {
    *loss = sum;
    *counted = static_cast<std::int64_t>(count);
  }
}

/// Calls visit.operator()<whole block?>(blocks) for rows of `width`.
template <class Visit>
void with_team(std::int64_t rows, std::int64_t width, Visit visit) {
  if (width > longest_warp_row) {
    visit.template operator()<true>(blocks_for(rows * block_threads));
  } else {
    visit.template operator()<false>(blocks_for(rows * warp_threads));
  }
}

template <class Element, class Op>
void element_loss(StreamHandle stream, const Op& op, const void* x, const float* target,
                  const StepState* step, const LossOutputs& outputs, void* scratch) {
  auto* const of_rows = static_cast<RowLoss*>(scratch);
  with_element(op.type, [&]<class T>(T) {
    with_team(op.rows, op.width, [&]<bool whole_block>(dim3 blocks) {
      launch(elementwise<Element, whole_block, T>, blocks, {block_threads}, stream, op.rows,
             op.width, static_cast<const T*>(x), target, step, static_cast<T*>(outputs.gradient),
             of_rows);
    });
  });
  launch(sum_rows, {1}, {block_threads}, stream, of_rows, op.rows, outputs.loss, outputs.counted);
}

}  // namespace

std::size_t loss_scratch_bytes(std::int64_t rows) {
  return static_cast<std::size_t>(rows) * sizeof(RowLoss);
}

void softmax_cross_entropy(StreamHandle stream, const SoftmaxCrossEntropy& op, const void* logits,
                           const std::int32_t* labels, const StepState* step,
                           const LossOutputs& outputs, void* scratch) {
  auto* const of_rows = static_cast<RowLoss*>(scratch);
  with_element(op.type, [&]<class T>(T) {
    with_team(op.rows, op.classes, [&]<bool whole_block>(dim3 blocks) {
      launch(cross_entropy<whole_block, T>, blocks, {block_threads}, stream, op,
             static_cast<const T*>(logits), labels, step, static_cast<T*>(outputs.gradient),
             of_rows);
    });
  });
  launch(sum_rows, {1}, {block_threads}, stream, of_rows, op.rows, outputs.loss, outputs.counted);
}

void binary_cross_entropy(StreamHandle stream, const BinaryCrossEntropy& op, const void* x,
                          const float* target, const StepState* step, const LossOutputs& outputs,
                          void* scratch) {
  element_loss<formulas::BinaryCrossEntropy>(stream, op, x, target, step, outputs, scratch);
}

void mean_squared_error(StreamHandle stream, const MeanSquaredError& op, const void* x,
                        const float* target, const StepState* step, const LossOutputs& outputs,
                        void* scratch) {
  element_loss<formulas::SquaredError>(stream, op, x, target, step, outputs, scratch);
}

}  // namespace troupe::gpu::cuda
