#include "gpu/cuda/dense.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "gpu/cuda/kernels/bias.hpp"
#include "gpu/cuda/kernels/column_sums.hpp"
#include "runtime/base/error.hpp"

namespace troupe::gpu::cuda {
namespace {

using Epilogue = Product::Epilogue;

/// As in "dense backward data of 32 rows, 784 to 128, f32".
template <class Op>
std::string describe(const Op& op) {
  return name_of(op) + " of " + std::to_string(op.rows) + " rows, " + std::to_string(op.in) +
         " to " + std::to_string(op.out) + ", " + std::string{to_string(op.type)};
}

/// Null where there is no algorithm.
template <class Op>
std::unique_ptr<Matmul> find_matmul(BlasContext& context, const Product& product, const Op& op) {
  std::unique_ptr<Matmul> matmul = Matmul::make(context, product);
  if (matmul != nullptr) context.choices[describe(op)] = matmul->description();
  return matmul;
}

template <class Op>
std::unique_ptr<Matmul> make_matmul(BlasContext& context, const Product& product, const Op& op) {
  std::unique_ptr<Matmul> matmul = find_matmul(context, product, op);
  if (matmul == nullptr) {
    throw Error{ErrorCode::unsupported, "cuda: cuBLASLt has no algorithm for " + describe(op)};
  }
  return matmul;
}

class DenseNode final : public Node {
 public:
  DenseNode(BlasContext& context, const Dense& op) : op_{op} {
    Product product{op.rows, op.out, op.in, false, true, op.type, Epilogue::none};
    const bool relu = op.activation == Activation::relu;
    if (op.bias) {
      product.epilogue = relu ? Epilogue::bias_relu : Epilogue::bias;
      matmul_ = find_matmul(context, product, op);
      fused_ = matmul_ != nullptr;
    }
    // Without a bias of its own a relu is no product's.
    product.epilogue = relu && !op.bias ? Epilogue::relu : Epilogue::none;
    if (matmul_ == nullptr) matmul_ = make_matmul(context, product, op);
  }

  std::size_t scratch_bytes() const override { return matmul_->scratch_bytes(); }
  void enqueue(StreamHandle stream, void* const* operands, void* scratch) override {
    void* const y = operands[op_.bias ? 3 : 2];
    void* const bias = op_.bias ? operands[2] : nullptr;
    matmul_->enqueue(stream, operands[0], operands[1], y, fused_ ? bias : nullptr, scratch);
    if (op_.bias && !fused_) {
      add_bias(stream, op_.type, y, static_cast<const float*>(bias), op_.rows, op_.out,
               op_.activation == Activation::relu);
    }
  }

 private:
  Dense op_;
  std::unique_ptr<Matmul> matmul_;
  bool fused_ = false;
};

class DenseBackwardDataNode final : public Node {
 public:
  DenseBackwardDataNode(BlasContext& context, const DenseBackwardData& op)
      : matmul_{make_matmul(context, {op.rows, op.in, op.out, false, false, op.type}, op)} {}

  std::size_t scratch_bytes() const override { return matmul_->scratch_bytes(); }
  void enqueue(StreamHandle stream, void* const* operands, void* scratch) override {
    matmul_->enqueue(stream, operands[0], operands[1], operands[2], nullptr, scratch);
  }

 private:
  std::unique_ptr<Matmul> matmul_;
};

class DenseBackwardWeightsNode final : public Node {
 public:
  DenseBackwardWeightsNode(BlasContext& context, const DenseBackwardWeights& op) : op_{op} {
    Product product{op.out, op.in, op.rows, true, false, op.type, Epilogue::row_sums_a};
    // The bias's gradient is f32, which the product's own sums are only if it is so too.
    if (op.bias && op.type == DType::f32) matmul_ = find_matmul(context, product, op);
    fused_ = matmul_ != nullptr;
    product.epilogue = Epilogue::none;
    if (matmul_ == nullptr) matmul_ = make_matmul(context, product, op);
  }

  std::size_t scratch_bytes() const override {
    const bool sums = op_.bias && !fused_;
    return std::max(matmul_->scratch_bytes(),
                    sums ? column_sums_scratch_bytes(op_.rows, op_.out) : 0);
  }
  void enqueue(StreamHandle stream, void* const* operands, void* scratch) override {
    void* const dbias = op_.bias ? operands[3] : nullptr;
    matmul_->enqueue(stream, operands[1], operands[0], operands[2], fused_ ? dbias : nullptr,
                     scratch);
    if (op_.bias && !fused_) {
      column_sums(stream, op_.type, op_.rows, op_.out, operands[1], static_cast<float*>(dbias),
                  scratch);
    }
  }

 private:
  DenseBackwardWeights op_;
  std::unique_ptr<Matmul> matmul_;
  bool fused_ = false;
};

}  // namespace

std::unique_ptr<Node> make_node(BlasContext& context, const Dense& op) {
  if (op.activation != Activation::none && op.activation != Activation::relu) return nullptr;
  return std::make_unique<DenseNode>(context, op);
}

std::unique_ptr<Node> make_node(BlasContext& context, const DenseBackwardData& op) {
  return std::make_unique<DenseBackwardDataNode>(context, op);
}

std::unique_ptr<Node> make_node(BlasContext& context, const DenseBackwardWeights& op) {
  return std::make_unique<DenseBackwardWeightsNode>(context, op);
}

}  // namespace troupe::gpu::cuda
