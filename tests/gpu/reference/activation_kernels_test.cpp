#include "gpu/reference/activation_kernels.hpp"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "gpu/operation.hpp"
#include "runtime/base/float_environment.hpp"
#include "tests/gpu/reference/each_isa.hpp"

using namespace troupe;
using namespace troupe::gpu;
using gpu::reference::ActivationTable;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

/// Everything that matters: both tails, around 0, and the largest; a size that no vector divides.
std::vector<float> arguments() {
  std::vector<float> x;
  for (int i = -2000; i <= 2000; ++i) x.push_back(static_cast<float>(i) / 37.0F);
  for (int e = -120; e <= 120; e += 3) {
    x.push_back(std::ldexp(1.3F, e));
    x.push_back(-std::ldexp(1.7F, e));
  }
  x.push_back(std::numeric_limits<float>::max());
  x.push_back(-std::numeric_limits<float>::max());
  return x;
}

double sigmoid(double x) {
  return 1.0 / (1.0 + std::exp(-x));
}
double gelu_argument(double x) {
  return 2.0 * std::sqrt(2.0 / 3.14159265358979323846) * (x + 0.044715 * x * x * x);
}
double expected(Activation activation, double x) {
  switch (activation) {
    case Activation::none:
      return x;
    case Activation::relu:
      return x > 0.0 ? x : 0.0;
    case Activation::gelu:
      return x * sigmoid(gelu_argument(x));
    case Activation::silu:
      return x * sigmoid(x);
    case Activation::sigmoid:
      return sigmoid(x);
    case Activation::tanh:
      return std::tanh(x);
  }
  return 0.0;
}

float forward_of(Activation activation, float x) {
  float y = 0.0F;
  reference::baseline::activation_table.forward[static_cast<std::size_t>(activation)](&x, &y, 1);
  return y;
}
float backward_of(Activation activation, float saved, float dy) {
  float dx = 0.0F;
  reference::baseline::activation_table.backward[static_cast<std::size_t>(activation)](&saved, &dy,
                                                                                       &dx, 1);
  return dx;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

}  // namespace

TEST_CASE("ActivationTable: values are within 1 ulp of the true ones") {
  const FloatEnvironment environment;
  const std::vector<float> x = arguments();
  std::vector<float> y(x.size());
  for (std::size_t a = 0; a < ActivationTable::activations; ++a) {
    reference::baseline::activation_table.forward[a](x.data(), y.data(),
                                                     static_cast<std::int64_t>(x.size()));
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double want = expected(static_cast<Activation>(a), x[i]);
      // Below the smallest normal number results are flushed.
      const double ulp = std::ldexp(1.0, std::max(std::ilogb(want), -126) - 23);
      const double allowed = std::fabs(want) < 0x1p-125 ? 0x1p-125 : ulp;
      CHECK_MESSAGE(std::fabs(y[i] - want) <= allowed, to_string(static_cast<Activation>(a)), "(",
                    x[i], ") = ", y[i], ", expected ", want);
    }
  }
}

TEST_CASE("ActivationTable: derivatives agree with differences of the true values") {
  const FloatEnvironment environment;
  for (std::size_t a = 0; a < ActivationTable::activations; ++a) {
    const auto activation = static_cast<Activation>(a);
    for (const float x : {-9.0F, -3.1F, -1.0F, -0.3F, 0.4F, 1.0F, 2.2F, 6.0F}) {
      const double h = 1e-5;
      const double slope = (expected(activation, x + h) - expected(activation, x - h)) / (2.0 * h);
      const float saved = differentiable_from_output(activation) ? forward_of(activation, x) : x;
      // Saved to f32, an output near 1 is off by 3e-8, and 2 · (1 - y²) by 1.2e-7.
      CHECK(backward_of(activation, saved, 2.0F) ==
            doctest::Approx(2.0 * slope).epsilon(1e-6).scale(0.2));
    }
  }
}

TEST_CASE("ActivationTable: special values") {
  const FloatEnvironment environment;
  for (std::size_t a = 0; a < ActivationTable::activations; ++a) {
    CHECK(std::isnan(forward_of(static_cast<Activation>(a), not_a_number)));
    CHECK(std::isnan(backward_of(static_cast<Activation>(a), 0.5F, not_a_number)));
  }
  CHECK(forward_of(Activation::relu, infinity) == infinity);
  CHECK(forward_of(Activation::relu, -infinity) == 0.0F);
  CHECK(std::bit_cast<std::uint32_t>(forward_of(Activation::relu, -0.0F)) == 0);
  CHECK(backward_of(Activation::relu, 0.0F, not_a_number) == 0.0F);
  CHECK(forward_of(Activation::gelu, infinity) == infinity);
  CHECK(forward_of(Activation::silu, infinity) == infinity);
  CHECK(forward_of(Activation::sigmoid, infinity) == 1.0F);
  CHECK(forward_of(Activation::sigmoid, -infinity) == 0.0F);
  CHECK(forward_of(Activation::tanh, infinity) == 1.0F);
  CHECK(forward_of(Activation::tanh, -infinity) == -1.0F);
}

TEST_CASE(
    "ActivationTable: one's bits on every instruction set, in place, whatever the size (JOB-6)") {
  const FloatEnvironment environment;
  const std::vector<float> x = arguments();
  const std::vector<float> dy(x.rbegin(), x.rend());
  for (const ActivationTable* table : TROUPE_EACH_ISA(activation_table)) {
    for (std::size_t a = 0; a < ActivationTable::activations; ++a) {
      std::vector<float> y(x.size()), dx(x.size());
      for (std::size_t i = 0; i < x.size(); ++i) {
        y[i] = forward_of(static_cast<Activation>(a), x[i]);
        dx[i] = backward_of(static_cast<Activation>(a), x[i], dy[i]);
      }
      for (const std::size_t count : {std::size_t{1}, std::size_t{15}, std::size_t{47}, x.size()}) {
        std::vector<float> values = x, gradient = dy;
        table->forward[a](values.data(), values.data(), static_cast<std::int64_t>(count));
        table->backward[a](x.data(), gradient.data(), gradient.data(),
                           static_cast<std::int64_t>(count));
        std::vector<float> want_values = x, want_gradient = dy;
        std::copy_n(y.begin(), count, want_values.begin());
        std::copy_n(dx.begin(), count, want_gradient.begin());
        CHECK(same_bits(values, want_values));
        // sigmoid and tanh overflow for outputs that do not exist; the sign of such a NaN is not promised.
        for (std::size_t i = 0; i < x.size(); ++i) {
          if (std::isnan(gradient[i]) && std::isnan(want_gradient[i]))
            gradient[i] = want_gradient[i];
        }
        CHECK(same_bits(gradient, want_gradient));
      }
    }
  }
}

TEST_CASE("ActivationTable: adds from the left, then activates, into the first input") {
  const FloatEnvironment environment;
  for (const ActivationTable* table : TROUPE_EACH_ISA(activation_table)) {
    for (const std::size_t count : {std::size_t{3}, std::size_t{1029}}) {
      std::vector<float> a(count, 1e8F), b(count, -1e8F), c(count, 0.25F);
      a[2] = -3e8F;
      const std::array<const void*, 3> inputs{a.data(), b.data(), c.data()};
      table->add(inputs.data(), 3, table->forward[static_cast<std::size_t>(Activation::relu)],
                 a.data(), static_cast<std::int64_t>(count));
      CHECK(a[0] == 0.25F);  // c first would have been lost
      CHECK(a[2] == 0.0F);
      CHECK(a[count - 1] == (count == 3 ? 0.0F : 0.25F));
    }
  }
}

TEST_CASE("ActivationTable: casts from every type") {
  const FloatEnvironment environment;
  for (const ActivationTable* table : TROUPE_EACH_ISA(activation_table)) {
    std::array<float, 3> y{};
    const std::array<std::uint8_t, 3> u8{0, 128, 255};
    table->cast_u8(u8.data(), 0.5F, -1.0F, y.data(), 3);
    CHECK(y == std::array{-1.0F, 63.0F, 126.5F});
    const std::array<std::int32_t, 3> i32{-7, 0, 16777217};  // 2^24 + 1 rounds to even
    table->cast_i32(i32.data(), 1.0F, 0.0F, y.data(), 3);
    CHECK(y == std::array{-7.0F, 0.0F, 16777216.0F});
    const std::array<std::int64_t, 3> i64{std::numeric_limits<std::int64_t>::min(), -1, 5};
    table->cast_i64(i64.data(), 1.0F, 0.0F, y.data(), 3);
    CHECK(y == std::array{-0x1p63F, -1.0F, 5.0F});
    const std::array<std::uint16_t, 3> bf16{0x3f80, 0xc000, 0x7f80};
    table->cast_bf16(bf16.data(), 2.0F, 0.0F, y.data(), 3);
    CHECK(y == std::array{2.0F, -4.0F, infinity});
    const std::array<float, 3> f32{1.0F, 2.0F, -3.0F};
    table->cast_f32(f32.data(), 10.0F, 1.0F, y.data(), 3);
    CHECK(y == std::array{11.0F, 21.0F, -29.0F});
  }
}
