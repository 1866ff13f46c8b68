#include "gpu/kernel_module.hpp"

#include <array>

#include "gpu/kernel.hpp"
#include "gpu/operation.hpp"
#include "gpu/tensor.hpp"
#include "runtime/base/float_environment.hpp"
#include "tests/support/skip.hpp"

// The module's own code, which takes over from oneDNN at certain shapes, against plain loops in double precision.
namespace troupe::gpu {
namespace {

std::shared_ptr<KernelLibrary> library_or_skip() {
  std::string why_not;
  auto library = load_kernel_module("onednn", &why_not);
  if (!library) test::skip(why_not);
  return library;
}

Tensor random_values(std::int64_t elements, std::uint32_t seed, float offset = 0.0F) {
  const Tensor tensor = Tensor::zeros(DType::f32, {elements});
  for (float& value : tensor.values<float>()) {
    seed = seed * 1664525U + 1013904223U;
    value = static_cast<float>(seed >> 8) / 16777216.0F - 0.5F + offset;
  }
  return tensor;
}

/// The largest distance from `expected`, as a part of its largest value.
double distance(const Tensor& got, const std::vector<double>& expected) {
  double largest = 0;
  double worst = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    largest = std::max(largest, std::abs(expected[i]));
    worst = std::max(worst, std::abs(static_cast<double>(got.values<float>()[i]) - expected[i]));
  }
  return worst / largest;
}

struct Expected {
  std::vector<double> y, dweight, dbias;
};

Expected convolve(const ConvolutionGeometry& g, std::span<const float> x,
                  std::span<const float> weight, std::span<const float> bias,
                  std::span<const float> dy) {
  Expected result{std::vector<double>(dy.size()), std::vector<double>(weight.size()),
                  std::vector<double>(bias.size())};
  std::size_t out = 0;
  for (std::int64_t n = 0; n < g.rows; ++n)
    for (std::int64_t i = 0; i < g.out_height; ++i)
      for (std::int64_t j = 0; j < g.out_width; ++j)
        for (std::int64_t o = 0; o < g.out_channels; ++o, ++out) {
          double sum = bias[o];
          for (std::int64_t a = 0; a < g.kernel_height; ++a)
            for (std::int64_t b = 0; b < g.kernel_width; ++b)
              for (std::int64_t c = 0; c < g.in_channels; ++c) {
                const std::int64_t row = i * g.stride_height - g.pad_top + a;
                const std::int64_t column = j * g.stride_width - g.pad_left + b;
                if (row < 0 || row >= g.in_height || column < 0 || column >= g.in_width) continue;
                const double value =
                    x[((n * g.in_height + row) * g.in_width + column) * g.in_channels + c];
                const std::int64_t tap =
                    ((o * g.kernel_height + a) * g.kernel_width + b) * g.in_channels + c;
                sum += value * weight[tap];
                result.dweight[tap] += value * dy[out];
              }
          result.y[out] = std::max(sum, 0.0);
          result.dbias[o] += dy[out];
        }
  return result;
}

}  // namespace

TEST_CASE("oneDNN: a first convolution agrees with double precision at every edge") {
  const auto library = library_or_skip();
  if (!library) return;
  const FloatEnvironment environment;
  struct Example {
    std::int64_t kernel, in, out, height, width, stride, top, bottom, left, right;
  };
  for (const Example& e :
       {Example{3, 1, 32, 7, 31, 1, 1, 1, 1, 1}, Example{3, 1, 48, 6, 5, 1, 0, 0, 0, 0},
        Example{3, 3, 16, 9, 17, 1, 1, 1, 1, 1}, Example{3, 3, 80, 8, 30, 2, 0, 1, 1, 0},
        Example{5, 1, 16, 6, 15, 1, 2, 2, 2, 2}, Example{5, 1, 32, 9, 11, 2, 1, 2, 0, 2}}) {
    const ConvolutionGeometry g{
        .rows = 3,
        .in_height = e.height,
        .in_width = e.width,
        .in_channels = e.in,
        .out_height = (e.height + e.top + e.bottom - e.kernel) / e.stride + 1,
        .out_width = (e.width + e.left + e.right - e.kernel) / e.stride + 1,
        .out_channels = e.out,
        .kernel_height = e.kernel,
        .kernel_width = e.kernel,
        .stride_height = e.stride,
        .stride_width = e.stride,
        .pad_top = e.top,
        .pad_bottom = e.bottom,
        .pad_left = e.left,
        .pad_right = e.right};
    CAPTURE(e.kernel);
    CAPTURE(e.in);
    CAPTURE(e.out);
    const std::int64_t taps = e.kernel * e.kernel * e.in;
    const Tensor x = random_values(3 * e.height * e.width * e.in, 1),
                 weight = random_values(e.out * taps, 2), bias = random_values(e.out, 3),
                 dy = random_values(3 * g.out_height * g.out_width * e.out, 4),
                 y = random_values(dy.elements(), 5), dweight = random_values(e.out * taps, 6),
                 dbias = random_values(e.out, 7);
    const Expected expected = convolve(g, x.values<float>(), weight.values<float>(),
                                       bias.values<float>(), dy.values<float>());
    // Sums of up to 28 products, or of 31 · 7 · 3, in f32.
    const auto forward = library->make(Convolution{g, true, Activation::relu}, {});
    REQUIRE(forward != nullptr);
    std::array<void*, 4> operands{x.data(), weight.data(), bias.data(), y.data()};
    forward->run(operands.data());
    CHECK(distance(y, expected.y) < 1e-6);
    const auto backward = library->make(ConvolutionBackwardWeights{g, true}, {});
    REQUIRE(backward != nullptr);
    operands = {x.data(), dy.data(), dweight.data(), dbias.data()};
    backward->run(operands.data());
    CHECK(distance(dweight, expected.dweight) < 4e-6);
    CHECK(distance(dbias, expected.dbias) < 4e-6);
  }
}

TEST_CASE("oneDNN: batch norm agrees with double precision, far from zero and over many blocks") {
  const auto library = library_or_skip();
  if (!library) return;
  const FloatEnvironment environment;
  for (const auto& [count, channels] :
       {std::pair{1, 16}, std::pair{3, 48}, std::pair{1003, 32}, std::pair{77, 1040}}) {
    CAPTURE(count);
    CAPTURE(channels);
    constexpr float epsilon = 1e-3F;
    const std::int64_t elements = std::int64_t{count} * channels;
    const Operation norm = BatchNorm{count, channels, epsilon, Activation::relu};
    const Tensor x = random_values(elements, 1, 10.0F), dy = random_values(elements, 2),
                 scale = random_values(channels, 3), shift = random_values(channels, 4),
                 y = random_values(elements, 5), dx = random_values(elements, 6),
                 mean = random_values(channels, 7), variance = random_values(channels, 8),
                 dscale = random_values(channels, 9), dshift = random_values(channels, 10),
                 moments = Tensor::zeros(DType::f64, {1 + 2 * std::int64_t{channels}}),
                 workspace = Tensor::zeros(
                     DType::u8, {static_cast<std::int64_t>(library->workspace_bytes(norm))});
    const auto forward = library->make(norm, {});
    const auto backward =
        library->make(BatchNormBackward{count, channels, epsilon, Activation::relu}, {});
    REQUIRE((forward != nullptr && backward != nullptr));
    std::array<void*, 9> operands{x.data(),    scale.data(),    shift.data(),     y.data(),
                                  mean.data(), variance.data(), workspace.data(), moments.data()};
    forward->run(operands.data());
    operands = {x.data(),         dy.data(), scale.data(),  mean.data(),  variance.data(),
                workspace.data(), dx.data(), dscale.data(), dshift.data()};
    backward->run(operands.data());

    std::vector<double> means(channels), variances(channels), ys(elements), dxs(elements),
        dscales(channels), dshifts(channels);
    for (int c = 0; c < channels; ++c) {
      const auto at = [&](const Tensor& tensor, int row) {
        return static_cast<double>(tensor.values<float>()[std::int64_t{row} * channels + c]);
      };
      for (int row = 0; row < count; ++row) means[c] += at(x, row) / count;
      for (int row = 0; row < count; ++row)
        variances[c] += (at(x, row) - means[c]) * (at(x, row) - means[c]) / count;
      const double inverse = 1 / std::sqrt(variances[c] + static_cast<double>(epsilon));
      const auto normal = [&](int row) { return (at(x, row) - means[c]) * inverse; };
      const auto passed = [&](int row) { return at(y, row) > 0 ? at(dy, row) : 0.0; };
      for (int row = 0; row < count; ++row) {
        ys[std::int64_t{row} * channels + c] =
            std::max(normal(row) * at(scale, 0) + at(shift, 0), 0.0);
        dscales[c] += passed(row) * normal(row);
        dshifts[c] += passed(row);
      }
      for (int row = 0; row < count; ++row)
        dxs[std::int64_t{row} * channels + c] =
            at(scale, 0) * inverse *
            (passed(row) - dshifts[c] / count - normal(row) * dscales[c] / count);
    }
    // A mean of 10 beside deviations of 0.3 takes 5 bits of x, and eps 1e-3 multiplies dx by up to 30.
    CHECK(distance(mean, means) < 1e-6);
    if (count > 1) CHECK(distance(variance, variances) < 1e-6);
    CHECK(distance(y, ys) < 1e-5);
    CHECK(distance(dshift, dshifts) < 1e-6);
    if (count > 1) CHECK(distance(dscale, dscales) < 1e-5);
    if (count > 1) CHECK(distance(dx, dxs) < 1e-5);
    CHECK(moments.values<double>()[0] == count);
    CHECK(moments.values<double>()[1] == doctest::Approx(means[0] * count).epsilon(1e-6));
  }
}

}  // namespace troupe::gpu
