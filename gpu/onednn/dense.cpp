#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "gpu/onednn/call.hpp"
#include "gpu/onednn/kernels.hpp"
#include "gpu/onednn/primitive_descs.hpp"

// Row-major matrix products. oneDNN's matmul packs what it needs by itself and reaches 100 to 115 GFLOP/s on a core
// of Zen 4 that peaks at 118; its inner product with blocked weights is no faster once the weights were reordered.
namespace troupe::gpu::onednn {
namespace {

using Tag = dnnl::memory::format_tag;

Desc matrix(std::int64_t rows, std::int64_t columns, Tag tag = Tag::ab) {
  return {{rows, columns}, dnnl::memory::data_type::f32, tag};
}

Desc vector(std::int64_t elements) {
  return {{elements}, dnnl::memory::data_type::f32, Tag::a};
}

/// c [m, n] = a · b, the operands in this order.
Call product(const Context& context, const Desc& a, int a_index, const Desc& b, int b_index,
             const Desc& c, int c_index) {
  const auto desc = matmul_desc(context.engine, a, b, {}, c, Activation::none);
  Call call{context, dnnl::matmul{desc}, desc};
  call.operand(DNNL_ARG_SRC, a, a_index)
      .operand(DNNL_ARG_WEIGHTS, b, b_index)
      .operand(DNNL_ARG_DST, c, c_index);
  return call;
}

/// sums [columns] of a row-major matrix, each from the first row to the last.
void sum_columns(const float* matrix, std::int64_t rows, std::int64_t columns, float* sums) {
  typedef float Lanes __attribute__((vector_size(64)));
  constexpr std::int64_t lanes = 16;
  for (std::int64_t first = 0; first < columns; first += lanes) {
    // A load of 16 may run into the next row, whose lanes are not used, but not past the matrix.
    const std::int64_t last_start = rows * columns - lanes - first;
    const std::int64_t whole = last_start < 0 ? 0 : std::min(rows, last_start / columns + 1);
    Lanes sum{};
    const float* row = matrix + first;
    for (std::int64_t r = 0; r < whole; ++r, row += columns) {
      Lanes values;
      std::memcpy(&values, row, sizeof values);
      sum += values;
    }
    const std::int64_t used = std::min(lanes, columns - first);
    for (std::int64_t r = whole; r < rows; ++r, row += columns)
      for (std::int64_t lane = 0; lane < used; ++lane) sum[lane] += row[lane];
    for (std::int64_t lane = 0; lane < used; ++lane) sums[first + lane] = sum[lane];
  }
}

struct ForwardDescs {
  Desc x, weight, bias, y;
};

std::unique_ptr<Kernel> forward(const Recipe& recipe, const Dense& op, Call call,
                                const ForwardDescs& descs) {
  call.operand(DNNL_ARG_SRC, descs.x, 0).operand(DNNL_ARG_WEIGHTS, descs.weight, 1);
  if (op.bias) call.operand(DNNL_ARG_BIAS, descs.bias, 2);
  call.operand(DNNL_ARG_DST, descs.y, op.bias ? 3 : 2);
  return std::make_unique<CallKernel>(recipe, std::vector{std::move(call)});
}

class DenseBackwardWeightsKernel final : public CallKernel {
 public:
  DenseBackwardWeightsKernel(Recipe recipe, std::vector<Call> calls, const DenseBackwardWeights& op)
      : CallKernel{std::move(recipe), std::move(calls)}, op_{op} {}
  void run(void* const* operands) override {
    CallKernel::run(operands);
    sum_columns(static_cast<const float*>(operands[1]), op_.rows, op_.out,
                static_cast<float*>(operands[3]));
  }

 private:
  DenseBackwardWeights op_;
};

}  // namespace

std::unique_ptr<Kernel> make_kernel(const Recipe& recipe, const Dense& op) {
  const dnnl::engine& engine = recipe.context->engine;
  const Desc x = matrix(op.rows, op.in), y = matrix(op.rows, op.out);
  // Few rows do not pay for packing the weights: 71 against 109 GFLOP/s at 8 x 3136 x 128.
  constexpr std::int64_t rows_worth_packing = 16;
  if (op.rows < rows_worth_packing) {
    const Desc weight = matrix(op.out, op.in), bias = op.bias ? vector(op.out) : Desc{};
    const auto desc = inner_product_desc(engine, x, weight, bias, y, op.activation);
    return forward(recipe, op, {*recipe.context, dnnl::inner_product_forward{desc}, desc},
                   {x, weight, bias, y});
  }
  const Desc weight = matrix(op.in, op.out, Tag::ba), bias = op.bias ? matrix(1, op.out) : Desc{};
  const auto desc = matmul_desc(engine, x, weight, bias, y, op.activation);
  return forward(recipe, op, {*recipe.context, dnnl::matmul{desc}, desc}, {x, weight, bias, y});
}

std::unique_ptr<Kernel> make_kernel(const Recipe& recipe, const DenseBackwardData& op) {
  return std::make_unique<CallKernel>(
      recipe, std::vector{product(*recipe.context, matrix(op.rows, op.out), 0,
                                  matrix(op.out, op.in), 1, matrix(op.rows, op.in), 2)});
}

std::unique_ptr<Kernel> make_kernel(const Recipe& recipe, const DenseBackwardWeights& op) {
  std::vector calls{product(*recipe.context, matrix(op.out, op.rows, Tag::ba), 1,
                            matrix(op.rows, op.in), 0, matrix(op.out, op.in), 2)};
  if (!op.bias) return std::make_unique<CallKernel>(recipe, std::move(calls));
  return std::make_unique<DenseBackwardWeightsKernel>(recipe, std::move(calls), op);
}

}  // namespace troupe::gpu::onednn
