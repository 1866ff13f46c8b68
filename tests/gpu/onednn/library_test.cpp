#include "gpu/kernel_module.hpp"

#include <cstdlib>
#include <thread>

#include "gpu/kernel.hpp"
#include "gpu/operation.hpp"
#include "gpu/tensor.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/float_environment.hpp"
#include "tests/support/skip.hpp"

namespace troupe::gpu {
namespace {

std::shared_ptr<KernelLibrary> library_or_skip() {
  std::string why_not;
  auto library = load_kernel_module("onednn", &why_not);
  if (!library) test::skip(why_not);
  return library;
}

/// Operands of `sizes` floats each, `shift` blocks of 64 bytes into their memory, filled from a fixed sequence.
struct Operands {
  Operands(const std::vector<std::size_t>& counts, std::size_t shift) {
    std::uint32_t state = 12345;
    for (const std::size_t count : counts) {
      const auto elements = static_cast<std::int64_t>(count + 16 * shift);
      tensors.push_back(Tensor::zeros(DType::f32, {elements}));
      values.push_back(tensors.back().values<float>().subspan(16 * shift));
      for (float& value : values.back()) {
        state = state * 1664525U + 1013904223U;
        value = static_cast<float>(state >> 8) / 16777216.0F - 0.5F;
      }
      addresses.push_back(values.back().data());
    }
  }
  /// The bits of all of them, outputs and inputs alike.
  std::vector<std::uint32_t> bits() const {
    std::vector<std::uint32_t> all;
    for (const auto& operand : values)
      for (const float value : operand) all.push_back(std::bit_cast<std::uint32_t>(value));
    return all;
  }
  std::vector<Tensor> tensors;
  std::vector<std::span<float>> values;
  std::vector<void*> addresses;
};

struct Example {
  Operation operation;
  std::vector<std::size_t> counts;  ///< floats of each operand
};

ConvolutionGeometry image(std::int64_t rows, std::int64_t side, std::int64_t in, std::int64_t out,
                          std::int64_t stride = 1) {
  return {.rows = rows,
          .in_height = side,
          .in_width = side,
          .in_channels = in,
          .out_height = (side - 1) / stride + 1,
          .out_width = (side - 1) / stride + 1,
          .out_channels = out,
          .kernel_height = 3,
          .kernel_width = 3,
          .stride_height = stride,
          .stride_width = stride,
          .pad_top = 1,
          .pad_bottom = 1,
          .pad_left = 1,
          .pad_right = 1};
}

ConvolutionGeometry window(std::int64_t rows, std::int64_t side, std::int64_t channels) {
  return {.rows = rows,
          .in_height = side,
          .in_width = side,
          .in_channels = channels,
          .out_height = side / 2,
          .out_width = side / 2,
          .out_channels = channels,
          .kernel_height = 2,
          .kernel_width = 2,
          .stride_height = 2,
          .stride_width = 2};
}

/// Every operation of the module, at sizes that divide evenly by nothing, and at those where its code changes.
std::vector<Example> examples(KernelLibrary& library) {
  std::vector<Example> all;
  for (const std::size_t rows : {7U, 37U}) {
    const std::size_t in = 61, out = 11;
    const auto r = static_cast<std::int64_t>(rows);
    for (const auto activation : {Activation::none, Activation::relu, Activation::gelu,
                                  Activation::silu, Activation::sigmoid, Activation::tanh})
      all.push_back({Dense{r, 61, 11, true, activation}, {rows * in, out * in, out, rows * out}});
    all.push_back({Dense{r, 61, 11, false}, {rows * in, out * in, rows * out}});
    all.push_back({DenseBackwardData{r, 61, 11}, {rows * out, out * in, rows * in}});
    all.push_back({DenseBackwardWeights{r, 61, 11, true}, {rows * in, rows * out, out * in, out}});
    all.push_back({DenseBackwardWeights{r, 61, 11, false}, {rows * in, rows * out, out * in}});
  }
  for (const auto& g : {image(3, 9, 1, 32), image(3, 9, 3, 16), image(5, 7, 16, 24),
                        image(2, 8, 32, 16, 2), image(2, 8, 3, 5, 2)}) {
    const auto x = static_cast<std::size_t>(g.rows * g.in_height * g.in_width * g.in_channels);
    const auto y = static_cast<std::size_t>(g.rows * g.out_height * g.out_width * g.out_channels);
    const auto w = static_cast<std::size_t>(g.out_channels * 9 * g.in_channels);
    const auto b = static_cast<std::size_t>(g.out_channels);
    all.push_back({Convolution{g, true, Activation::relu}, {x, w, b, y}});
    all.push_back({Convolution{g, false}, {x, w, y}});
    all.push_back({ConvolutionBackwardData{g}, {y, w, x}});
    all.push_back({ConvolutionBackwardWeights{g, true}, {x, y, w, b}});
    all.push_back({ConvolutionBackwardWeights{g, false}, {x, y, w}});
  }
  for (const auto kind : {PoolKind::max, PoolKind::average}) {
    const auto g = window(3, 9, 20);
    const std::size_t x = 3 * 9 * 9 * 20, y = 3 * 4 * 4 * 20;
    const Operation pool = Pool{kind, g};
    if (kind == PoolKind::average) {
      all.push_back({pool, {x, y}});
      all.push_back({PoolBackward{kind, g}, {y, x}});
    } else {
      all.push_back({pool, {x, y, library.workspace_bytes(pool) / sizeof(float) + 1}});
    }
  }
  const std::size_t count = 50;
  for (const std::size_t channels : {33U, 48U}) {
    const auto c = static_cast<std::int64_t>(channels);
    for (const auto activation : {Activation::none, Activation::relu}) {
      const Operation norm = BatchNorm{50, c, 1e-5F, activation};
      const std::size_t workspace = library.workspace_bytes(norm) / sizeof(float) + 1;
      all.push_back({norm,
                     {count * channels, channels, channels, count * channels, channels, channels,
                      workspace, 2 * (1 + 2 * channels)}});
      all.push_back({BatchNormInference{50, c, 1e-5F, activation},
                     {count * channels, channels, channels, channels, channels, count * channels}});
    }
  }
  return all;
}

}  // namespace

TEST_CASE(
    "oneDNN: equal inputs give equal bits, in another run, kernel, library or memory (JOB-6)") {
  const auto library = library_or_skip();
  if (!library) return;
  const auto another = load_kernel_module("onednn", nullptr);
  REQUIRE(another != nullptr);
  const FloatEnvironment environment;
  for (const Example& example : examples(*library)) {
    CAPTURE(name_of(example.operation));
    const auto kernel = library->make(example.operation, {});
    const auto twin = another->make(example.operation, {});
    if (!kernel) continue;  // the portable kernels serve here
    REQUIRE(twin != nullptr);
    Operands first{example.counts, 0};
    const auto untouched = first.bits();
    kernel->run(first.addresses.data());
    const auto expected = first.bits();
    CHECK(expected != untouched);
    kernel->run(first.addresses.data());
    CHECK(first.bits() == expected);
    for (const std::size_t shift : {1U, 63U}) {
      Operands moved{example.counts, shift};
      twin->run(moved.addresses.data());
      CHECK(moved.bits() == expected);
    }
  }
}

TEST_CASE("oneDNN: backward kernels find in the workspace what the forward ones left there") {
  const auto library = library_or_skip();
  if (!library) return;
  const FloatEnvironment environment;
  SUBCASE(
      "max pool: the gradient goes to the maximum of each window, and to the first of equal ones") {
    const ConvolutionGeometry g = window(1, 4, 16);
    const Operation pool = Pool{PoolKind::max, g};
    const auto forward = library->make(pool, {});
    const auto backward = library->make(PoolBackward{PoolKind::max, g}, {});
    REQUIRE((forward != nullptr && backward != nullptr));
    const Tensor x = Tensor::zeros(DType::f32, {4, 4, 16}),
                 y = Tensor::zeros(DType::f32, {2, 2, 16}),
                 dx = Tensor::zeros(DType::f32, {4, 4, 16}),
                 workspace = Tensor::zeros(
                     DType::u8, {static_cast<std::int64_t>(library->workspace_bytes(pool))});
    x.values<float>()[(1 * 4 + 2) * 16 + 5] = 7.0F;  // row 1, column 2, channel 5
    std::array<void*, 3> operands{x.data(), y.data(), workspace.data()};
    forward->run(operands.data());
    CHECK(y.values<float>()[16 + 5] == 7.0F);
    std::ranges::fill(y.values<float>(), 1.0F);  // now its gradient
    operands = {y.data(), workspace.data(), dx.data()};
    backward->run(operands.data());
    for (int pixel = 0; pixel < 16; ++pixel) {
      CAPTURE(pixel);
      const bool first = (pixel / 4) % 2 == 0 && pixel % 2 == 0;
      CHECK(dx.values<float>()[pixel * 16] == (first ? 1.0F : 0.0F));
      const bool largest = pixel == 6 || (first && pixel != 2);
      CHECK(dx.values<float>()[pixel * 16 + 5] == (largest ? 1.0F : 0.0F));
    }
  }
  SUBCASE("batch norm: where relu cut the output off, no gradient passes") {
    const std::int64_t count = 40;
    const std::int64_t channels = 16;
    const auto library_forward =
        library->make(BatchNorm{count, channels, 1e-5F, Activation::relu}, {});
    const auto library_backward =
        library->make(BatchNormBackward{count, channels, 1e-5F, Activation::relu}, {});
    REQUIRE((library_forward != nullptr && library_backward != nullptr));
    const auto image = [&] { return Tensor::zeros(DType::f32, {count, channels}); };
    const auto channel = [&] { return Tensor::zeros(DType::f32, {channels}); };
    const Tensor x = image(), y = image(), dy = image(), dx = image(), scale = channel(),
                 shift = channel(), mean = channel(), variance = channel(), dscale = channel(),
                 dshift = channel(), moments = Tensor::zeros(DType::f64, {1 + 2 * channels}),
                 workspace = Tensor::zeros(
                     DType::u8, {static_cast<std::int64_t>(library->workspace_bytes(
                                    BatchNorm{count, channels, 1e-5F, Activation::relu}))});
    for (std::int64_t i = 0; i < count * channels; ++i)
      x.values<float>()[i] = static_cast<float>((i / channels * 7 + i) % 11);
    std::ranges::fill(scale.values<float>(), 1.0F);
    std::ranges::fill(dy.values<float>(), 1.0F);
    std::array<void*, 9> operands{x.data(),    scale.data(),    shift.data(),     y.data(),
                                  mean.data(), variance.data(), workspace.data(), moments.data()};
    library_forward->run(operands.data());
    operands = {x.data(),         dy.data(), scale.data(),  mean.data(),  variance.data(),
                workspace.data(), dx.data(), dscale.data(), dshift.data()};
    library_backward->run(operands.data());
    for (std::int64_t c = 0; c < channels; ++c) {
      double sum = 0, squares = 0, passed = 0;
      for (std::int64_t row = 0; row < count; ++row) {
        const double value = x.values<float>()[row * channels + c];
        sum += value;
        squares += value * value;
        passed += y.values<float>()[row * channels + c] > 0 ? 1 : 0;
      }
      CHECK(dshift.values<float>()[c] == passed);
      CHECK(moments.values<double>()[1 + c] == doctest::Approx(sum).epsilon(1e-6));
      CHECK(moments.values<double>()[1 + channels + c] == doctest::Approx(squares).epsilon(1e-6));
    }
    CHECK(moments.values<double>()[0] == count);
  }
}

TEST_CASE("oneDNN: kernels that share a workspace exist together and agree on its size") {
  const auto library = library_or_skip();
  if (!library) return;
  const auto check = [&](const Operation& forward, const Operation& backward) {
    const bool made = library->make(forward, {}) != nullptr;
    CHECK(made == (library->make(backward, {}) != nullptr));
    if (made) CHECK(library->workspace_bytes(forward) == library->workspace_bytes(backward));
  };
  for (const int channels : {1, 3, 16, 20, 48}) {
    CAPTURE(channels);
    const ConvolutionGeometry g = window(2, 7, channels);
    check(Pool{PoolKind::max, g}, PoolBackward{PoolKind::max, g});
    check(BatchNorm{35, channels, 1e-5F, Activation::relu},
          BatchNormBackward{35, channels, 1e-5F, Activation::relu});
    check(BatchNorm{35, channels, 1e-5F}, BatchNormBackward{35, channels, 1e-5F});
  }
}

TEST_CASE("oneDNN: two threads give equal bits each time (JOB-2)") {
#if defined(__SANITIZE_THREAD__)
  return test::skip("libgomp is not instrumented, so that its forks and joins look like races");
#endif
  const auto library = library_or_skip();
  if (!library) return;
  // On a thread of its own, as an executor's: OpenMP's threads end with the one that they work for.
  std::thread executor{[&] {
    const FloatEnvironment environment;
    for (const Example& example : examples(*library)) {
      CAPTURE(name_of(example.operation));
      const auto kernel = library->make(example.operation, {.threads = 2});
      if (!kernel) continue;
      Operands first{example.counts, 0};
      kernel->run(first.addresses.data());
      for (int repeat = 0; repeat < 2; ++repeat) {
        Operands second{example.counts, 1};
        kernel->run(second.addresses.data());
        CHECK(second.bits() == first.bits());
      }
    }
  }};
  executor.join();
}

TEST_CASE("oneDNN: a number of threads that cannot be is refused") {
  const auto library = library_or_skip();
  if (!library) return;
  CHECK_THROWS_WITH_AS(library->make(Dense{4, 4, 4}, {.threads = 0}),
                       "onednn: expected 1 to 256 threads, got 0", Error);
  CHECK_THROWS_WITH_AS(library->make(Dense{4, 4, 4}, {.threads = 100000}),
                       "onednn: expected 1 to 256 threads, got 100000", Error);
}

TEST_CASE("oneDNN: operations that are not its business have no kernel") {
  const auto library = library_or_skip();
  if (!library) return;
  for (const Operation& operation :
       {Operation{Dropout{4, 4, 0.5F, 0}}, Operation{SoftmaxCrossEntropy{4, 4}},
        Operation{Zero{64}}, Operation{Signal{0}}, Operation{CastScale{DType::u8, 4}},
        Operation{StridedCopy{1, 4, 4, 4}}}) {
    CAPTURE(name_of(operation));
    CHECK(library->make(operation, {}) == nullptr);
  }
}

TEST_CASE("oneDNN: the machine record names what its bits depend on (JOB-6)") {
  const auto library = library_or_skip();
  if (!library) return;
  std::vector<std::string> keys;
  for (const auto& [key, value] : library->machine_record()) {
    keys.push_back(key);
    CHECK_FALSE(value.empty());
  }
  CHECK(keys == std::vector<std::string>{"onednn.version", "onednn.isa", "onednn.openmp"});
}

}  // namespace troupe::gpu
