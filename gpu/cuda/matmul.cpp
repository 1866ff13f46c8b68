#include "gpu/cuda/matmul.hpp"

#include <utility>

#include "gpu/cuda/library_status.hpp"

namespace troupe::gpu::cuda {
namespace {

// Where operands begin: parameters at multiples of 16 elements of their memory, all else at 64 bytes or more.
std::uint32_t operand_alignment_bytes(DType type) {
  return static_cast<std::uint32_t>(16 * size_bytes(type));
}

cudaDataType_t data_type(DType type) {
  return type == DType::bf16 ? CUDA_R_16BF : CUDA_R_32F;
}

template <class Value>
void set(cublasLtMatmulDesc_t operation, cublasLtMatmulDescAttributes_t attribute,
         const Value& value) {
  check(cublasLtMatmulDescSetAttribute(operation, attribute, &value, sizeof value),
        "cublasLtMatmulDescSetAttribute");
}

template <class Value>
void set(cublasLtMatmulPreference_t preference, cublasLtMatmulPreferenceAttributes_t attribute,
         const Value& value) {
  check(cublasLtMatmulPreferenceSetAttribute(preference, attribute, &value, sizeof value),
        "cublasLtMatmulPreferenceSetAttribute");
}

cublasLtMatmulDesc_t make_operation(cublasComputeType_t compute) {
  cublasLtMatmulDesc_t operation = nullptr;
  check(cublasLtMatmulDescCreate(&operation, compute, CUDA_R_32F), "cublasLtMatmulDescCreate");
  return operation;
}

cublasLtMatrixLayout_t make_layout(DType type, std::int64_t rows, std::int64_t columns) {
  cublasLtMatrixLayout_t layout = nullptr;
  check(cublasLtMatrixLayoutCreate(&layout, data_type(type), static_cast<std::uint64_t>(rows),
                                   static_cast<std::uint64_t>(columns), rows),
        "cublasLtMatrixLayoutCreate");
  return layout;
}

cublasLtEpilogue_t epilogue_of(Product::Epilogue epilogue) {
  switch (epilogue) {
    case Product::Epilogue::none:
      return CUBLASLT_EPILOGUE_DEFAULT;
    case Product::Epilogue::relu:
      return CUBLASLT_EPILOGUE_RELU;
    case Product::Epilogue::bias:
      return CUBLASLT_EPILOGUE_BIAS;
    case Product::Epilogue::bias_relu:
      return CUBLASLT_EPILOGUE_RELU_BIAS;
    case Product::Epilogue::row_sums_a:
      return CUBLASLT_EPILOGUE_BGRADB;  // cuBLAS's B is our a
  }
  return CUBLASLT_EPILOGUE_DEFAULT;
}

template <class Value>
Value configured(const cublasLtMatmulAlgo_t& algorithm,
                 cublasLtMatmulAlgoConfigAttributes_t attribute) {
  Value value{};
  std::size_t written = 0;
  check(cublasLtMatmulAlgoConfigGetAttribute(&algorithm, attribute, &value, sizeof value, &written),
        "cublasLtMatmulAlgoConfigGetAttribute");
  return value;
}

}  // namespace

BlasContext::BlasContext(bool tf32_allowed, bool deterministic_only)
    : handle{nullptr, cublasLtDestroy}, tf32{tf32_allowed}, deterministic{deterministic_only} {
  cublasLtHandle_t made = nullptr;
  check(cublasLtCreate(&made), "cublasLtCreate");
  handle.reset(made);
}

// A row-major matrix is the transpose of a column-major one: dᵀ = op(b)ᵀ · op(a)ᵀ, so b stands on the left, and a matrix
// that lies as it is multiplied here lies so there too.
Matmul::Matmul(const BlasContext& context, const Product& product)
    : context_{context},
      operation_{
          make_operation(product.type == DType::f32 && context.tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32
                                                                    : CUBLAS_COMPUTE_32F),
          cublasLtMatmulDescDestroy},
      left_{product.transpose_b ? make_layout(product.type, product.k, product.n)
                                : make_layout(product.type, product.n, product.k),
            cublasLtMatrixLayoutDestroy},
      right_{product.transpose_a ? make_layout(product.type, product.m, product.k)
                                 : make_layout(product.type, product.k, product.m),
             cublasLtMatrixLayoutDestroy},
      result_{make_layout(product.type, product.n, product.m), cublasLtMatrixLayoutDestroy} {
  const auto transposed = [](bool yes) { return yes ? CUBLAS_OP_T : CUBLAS_OP_N; };
  set(operation_.get(), CUBLASLT_MATMUL_DESC_TRANSA, transposed(product.transpose_b));
  set(operation_.get(), CUBLASLT_MATMUL_DESC_TRANSB, transposed(product.transpose_a));
  set(operation_.get(), CUBLASLT_MATMUL_DESC_EPILOGUE, epilogue_of(product.epilogue));
  if (product.epilogue == Product::Epilogue::bias ||
      product.epilogue == Product::Epilogue::bias_relu) {
    set(operation_.get(), CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, std::int32_t{CUDA_R_32F});
  }
}

std::unique_ptr<Matmul> Matmul::make(const BlasContext& context, const Product& product) {
  std::unique_ptr<Matmul> matmul{new Matmul{context, product}};
  cublasLtMatmulPreference_t made = nullptr;
  check(cublasLtMatmulPreferenceCreate(&made), "cublasLtMatmulPreferenceCreate");
  const Owned<cublasLtMatmulPreference_t> preference{made, cublasLtMatmulPreferenceDestroy};
  set(made, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, std::uint64_t{most_scratch_bytes});
  for (const auto operand :
       {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES}) {
    set(made, operand, operand_alignment_bytes(product.type));
  }
  if (context.deterministic) {
    // Not in place, where counters keep the parts apart and not in order.
    set(made, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
        std::uint32_t{CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE |
                      CUBLASLT_REDUCTION_SCHEME_OUTPUT_TYPE});
  }
  int found = 0;
  const cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(
      context.handle.get(), matmul->operation_.get(), matmul->left_.get(), matmul->right_.get(),
      matmul->result_.get(), matmul->result_.get(), made, 1, &matmul->algorithm_, &found);
  if (status == CUBLAS_STATUS_NOT_SUPPORTED || (status == CUBLAS_STATUS_SUCCESS && found == 0)) {
    return nullptr;
  }
  check(status, "cublasLtMatmulAlgoGetHeuristic");
  check(matmul->algorithm_.state, "cublasLtMatmulAlgoGetHeuristic");
  return matmul;
}

void Matmul::enqueue(StreamHandle stream, const void* a, const void* b, void* d, void* vector,
                     void* scratch) {
  if (vector != nullptr) set(operation_.get(), CUBLASLT_MATMUL_DESC_BIAS_POINTER, vector);
  const float one = 1.0F, zero = 0.0F;
  check(cublasLtMatmul(context_.handle.get(), operation_.get(), &one, b, left_.get(), a,
                       right_.get(), &zero, d, result_.get(), d, result_.get(), &algorithm_.algo,
                       scratch, algorithm_.workspaceSize, stream),
        "cublasLtMatmul");
}

std::string Matmul::description() const {
  const cublasLtMatmulAlgo_t& chosen = algorithm_.algo;
  return "algorithm " + std::to_string(configured<std::int32_t>(chosen, CUBLASLT_ALGO_CONFIG_ID)) +
         ", tile " +
         std::to_string(configured<std::uint32_t>(chosen, CUBLASLT_ALGO_CONFIG_TILE_ID)) +
         ", stages " +
         std::to_string(configured<std::uint32_t>(chosen, CUBLASLT_ALGO_CONFIG_STAGES_ID)) +
         ", split " +
         std::to_string(configured<std::int32_t>(chosen, CUBLASLT_ALGO_CONFIG_SPLITK_NUM)) +
         ", reduction " +
         std::to_string(configured<std::uint32_t>(chosen, CUBLASLT_ALGO_CONFIG_REDUCTION_SCHEME));
}

}  // namespace troupe::gpu::cuda
