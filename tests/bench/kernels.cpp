// What each CPU kernel reaches on one core, at the shapes of the training benchmarks: microseconds of one run,
// GFLOP/s of the arithmetic that its definition names (taps on padding included), GB/s of its operands.
// Usage: OMP_NUM_THREADS=1 taskset -c 1 bench_kernels [part of a name]
#include <array>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gpu/kernel.hpp"
#include "gpu/kernel_module.hpp"
#include "gpu/operation.hpp"
#include "gpu/reference/library.hpp"
#include "gpu/tensor.hpp"
#include "runtime/base/float_environment.hpp"
#include "tests/bench/measure.hpp"

namespace troupe::bench {
namespace {

using namespace troupe::gpu;

struct Case {
  std::string name;
  Operation operation;
  std::vector<std::int64_t> floats;  ///< of each operand; 0: the workspace
  double flops = 0;
};

void add_dense(std::vector<Case>& cases, std::int64_t rows, std::int64_t in, std::int64_t out) {
  const std::string shape =
      std::to_string(rows) + " x " + std::to_string(in) + " x " + std::to_string(out);
  const double flops = 2.0 * static_cast<double>(rows * in * out);
  const std::int64_t x = rows * in, w = in * out, y = rows * out;
  cases.push_back({"dense forward " + shape,
                   Dense{rows, in, out, true, Activation::relu},
                   {x, w, out, y},
                   flops});
  cases.push_back({"dense data    " + shape, DenseBackwardData{rows, in, out}, {y, w, x}, flops});
  cases.push_back(
      {"dense weights " + shape, DenseBackwardWeights{rows, in, out}, {x, y, w, out}, flops});
}

ConvolutionGeometry square(std::int64_t rows, std::int64_t side, std::int64_t in, std::int64_t out,
                           std::int64_t kernel, std::int64_t stride, std::int64_t pad) {
  const std::int64_t to = (side + 2 * pad - kernel) / stride + 1;
  return {.rows = rows,
          .in_height = side,
          .in_width = side,
          .in_channels = in,
          .out_height = to,
          .out_width = to,
          .out_channels = out,
          .kernel_height = kernel,
          .kernel_width = kernel,
          .stride_height = stride,
          .stride_width = stride,
          .pad_top = pad,
          .pad_bottom = pad,
          .pad_left = pad,
          .pad_right = pad};
}

void add_convolution(std::vector<Case>& cases, std::int64_t side, std::int64_t in, std::int64_t out,
                     std::int64_t kernel, std::int64_t stride, std::int64_t rows) {
  const ConvolutionGeometry g = square(rows, side, in, out, kernel, stride, kernel / 2);
  const std::string shape = std::to_string(rows) + " x " + std::to_string(side) + "^2 x " +
                            std::to_string(in) + " -> " + std::to_string(out) + ", " +
                            std::to_string(kernel) + "x" + std::to_string(kernel) + "/" +
                            std::to_string(stride);
  const std::int64_t x = rows * side * side * in, w = kernel * kernel * in * out,
                     y = rows * g.out_height * g.out_width * out;
  const double flops = 2.0 * static_cast<double>(y * kernel * kernel * in);
  cases.push_back(
      {"conv forward " + shape, Convolution{g, true, Activation::relu}, {x, w, out, y}, flops});
  if (in > 3)  // the first layer's input needs no gradient
    cases.push_back({"conv data    " + shape, ConvolutionBackwardData{g}, {y, w, x}, flops});
  cases.push_back({"conv weights " + shape, ConvolutionBackwardWeights{g}, {x, y, w, out}, flops});
}

void add_pool(std::vector<Case>& cases, std::int64_t rows, std::int64_t side,
              std::int64_t channels) {
  const ConvolutionGeometry g = square(rows, side, channels, channels, 2, 2, 0);
  const std::string shape =
      std::to_string(rows) + " x " + std::to_string(side) + "^2 x " + std::to_string(channels);
  const std::int64_t x = rows * side * side * channels, y = x / 4;
  cases.push_back({"max pool 2x2 forward " + shape, Pool{PoolKind::max, g}, {x, y, 0}});
  cases.push_back({"max pool 2x2 data    " + shape, PoolBackward{PoolKind::max, g}, {y, 0, x}});
}

void add_batch_norm(std::vector<Case>& cases, std::int64_t count, std::int64_t channels) {
  const std::string shape = std::to_string(count) + " x " + std::to_string(channels);
  const std::int64_t x = count * channels, c = channels;
  const float epsilon = 1e-5F;
  cases.push_back({"batch norm + relu forward " + shape,
                   BatchNorm{count, channels, epsilon, Activation::relu},
                   {x, c, c, x, c, c, 0, 2 + 4 * c}});
  cases.push_back({"batch norm + relu data    " + shape,
                   BatchNormBackward{count, channels, epsilon, Activation::relu},
                   {x, x, c, c, c, 0, x, c, c}});
}

std::vector<Case> all_cases() {
  std::vector<Case> cases;
  for (const auto& [rows, in, out] :
       {std::array{32, 784, 128}, std::array{256, 784, 128}, std::array{32, 128, 10},
        std::array{64, 128, 10}, std::array{256, 128, 10}, std::array{64, 3136, 128},
        std::array{8, 3136, 128}, std::array{8, 128, 10}})
    add_dense(cases, rows, in, out);
  for (const int rows : {64, 8}) {
    add_convolution(cases, 28, 1, 32, 3, 1, rows);
    add_convolution(cases, 14, 32, 64, 3, 1, rows);
  }
  for (const int rows : {64, 32}) {
    add_convolution(cases, 32, 3, 16, 3, 1, rows);
    add_convolution(cases, 32, 16, 16, 3, 1, rows);
    add_convolution(cases, 32, 16, 32, 3, 2, rows);
    add_convolution(cases, 32, 16, 32, 1, 2, rows);
    add_convolution(cases, 16, 32, 32, 3, 1, rows);
    add_convolution(cases, 16, 32, 64, 3, 2, rows);
    add_convolution(cases, 16, 32, 64, 1, 2, rows);
    add_convolution(cases, 8, 64, 64, 3, 1, rows);
  }
  for (const int rows : {64, 8}) {
    add_pool(cases, rows, 28, 32);
    add_pool(cases, rows, 14, 64);
  }
  for (const auto& [side, channels] : {std::pair{32, 16}, std::pair{16, 32}, std::pair{8, 64}})
    add_batch_norm(cases, 64 * side * side, channels);
  return cases;
}

void measure(const Case& wanted, const std::string& library_name, KernelLibrary& library) {
  const auto kernel = library.make(wanted.operation, {});
  if (!kernel) return;
  std::vector<Tensor> memory;
  std::vector<void*> operands;
  std::size_t bytes = 0;
  for (const std::int64_t floats : wanted.floats) {
    const std::size_t size = floats > 0 ? static_cast<std::size_t>(floats) * sizeof(float)
                                        : library.workspace_bytes(wanted.operation);
    memory.push_back(Tensor::zeros(
        DType::f32, {static_cast<std::int64_t>((size + sizeof(float) - 1) / sizeof(float))}));
    if (floats > 0) {
      float value = -0.5F;
      for (float& element : memory.back().values<float>())
        element = value = value > 0.49F ? -0.5F : value + 0.013F;
    }
    operands.push_back(memory.back().data());
    bytes += size;
  }
  const double seconds = median_seconds([&] { kernel->run(operands.data()); });
  std::printf("%-50s %-10s %9.2f us", wanted.name.c_str(), library_name.c_str(), seconds * 1e6);
  if (wanted.flops > 0) std::printf(" %7.1f GFLOP/s", wanted.flops / seconds * 1e-9);
  std::printf(" %7.1f GB/s\n", static_cast<double>(bytes) / seconds * 1e-9);
}

}  // namespace
}  // namespace troupe::bench

int main(int argc, char** argv) {
  using namespace troupe;
  const FloatEnvironment environment;
  const std::string_view part = argc > 1 ? argv[1] : "";
  std::vector<std::pair<std::string, std::shared_ptr<gpu::KernelLibrary>>> libraries;
  std::string why_not;
  if (auto module = gpu::load_kernel_module("onednn", &why_not))
    libraries.emplace_back("onednn", std::move(module));
  else
    std::fprintf(stderr, "%s\n", why_not.c_str());
  libraries.emplace_back("portable", std::make_shared<gpu::reference::ReferenceLibrary>());
  for (const bench::Case& wanted : bench::all_cases()) {
    if (wanted.name.find(part) == std::string::npos) continue;
    for (const auto& [name, library] : libraries) bench::measure(wanted, name, *library);
  }
  return 0;
}
