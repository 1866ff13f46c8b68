#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include <cublasLt.h>

#include "gpu/cuda/node.hpp"
#include "gpu/dtype.hpp"

namespace troupe::gpu::cuda {

/// A handle of cuBLASLt, and what all its products have in common.
struct BlasContext {
  /// @throws Error unsupported without a device.
  explicit BlasContext(bool tf32, bool deterministic);

  std::unique_ptr<cublasLtContext, cublasStatus_t (*)(cublasLtHandle_t)> handle;
  bool tf32;           ///< f32 products may be rounded to 10 bits of mantissa
  bool deterministic;  ///< no sum whose order depends on scheduling
  std::map<std::string, std::string>
      choices;  ///< algorithms by layer, for the machine record (JOB-6)
};

/// d = epilogue(op(a) · op(b)) of row-major matrices: [m, k] · [k, n] -> [m, n].
struct Product {
  enum class Epilogue : std::uint8_t {
    none,
    relu,
    bias,        ///< + v on each row, v [n] of type f32
    bias_relu,   ///< the same, then relu
    row_sums_a,  ///< writes v [m], of the product's type: the sums of op(a)'s rows
  };
  std::int64_t m, n, k;
  bool transpose_a = false;  ///< a lies as [k, m]
  bool transpose_b = false;  ///< b lies as [n, k]
  DType type = DType::f32;   ///< of a, b and d
  Epilogue epilogue = Epilogue::none;
};

/// A product made ready: an algorithm chosen once, by cuBLASLt's heuristics. Used by one thread at a time.
class Matmul {
 public:
  static constexpr std::size_t most_scratch_bytes = 32U << 20U;  ///< what NVIDIA advises on Hopper

  /// Null where cuBLASLt has no algorithm for it. @throws Error if it fails otherwise.
  static std::unique_ptr<Matmul> make(const BlasContext& context, const Product& product);

  std::size_t scratch_bytes() const { return algorithm_.workspaceSize; }
  /// `vector` is the epilogue's, or null.
  void enqueue(StreamHandle stream, const void* a, const void* b, void* d, void* vector,
               void* scratch);
  /// As in "algorithm 71, tile 20, split 1", for the machine record.
  std::string description() const;

 private:
  template <class Handle>
  using Owned = std::unique_ptr<std::remove_pointer_t<Handle>, cublasStatus_t (*)(Handle)>;

  Matmul(const BlasContext& context, const Product& product);

  const BlasContext& context_;
  Owned<cublasLtMatmulDesc_t> operation_;
  Owned<cublasLtMatrixLayout_t> left_, right_,
      result_;  // as cuBLAS sees them, in column-major order
  cublasLtMatmulHeuristicResult_t algorithm_{};
};

}  // namespace troupe::gpu::cuda
