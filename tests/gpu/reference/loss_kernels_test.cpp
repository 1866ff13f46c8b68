#include "gpu/reference/loss_kernels.hpp"

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "runtime/base/float_environment.hpp"
#include "tests/gpu/reference/each_isa.hpp"

using namespace troupe;
using gpu::reference::LossSum;
using gpu::reference::LossTable;

namespace {

std::vector<float> waves(std::int64_t count, float height) {
  std::vector<float> values(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = height * std::sin(static_cast<float>(i * i % 977));
  }
  return values;
}

}  // namespace

TEST_CASE("LossTable: cross-entropy by hand, padding and ignored rows left out (JOB-4, JOB-7)") {
  const FloatEnvironment environment;
  const float log3 = std::log(3.0F);
  for (const LossTable* table : TROUPE_EACH_ISA(loss_table)) {
    // Probabilities 1/4, 3/4 in each row; the second is ignored and the fourth is padding.
    const std::vector<float> x{0.0F, log3, 0.0F, log3, log3, 0.0F, std::nanf(""), 0.0F};
    const std::vector<std::int32_t> labels{1, -1, 1, 77};
    std::vector<float> dx(8, 9.0F);
    const LossSum sum = table->cross_entropy(x.data(), labels.data(), dx.data(), 4, 3, 2, 0.0, -1);
    CHECK(sum.counted == 2);
    CHECK(sum.loss == doctest::Approx(std::log(4.0 / 3.0) + std::log(4.0)).epsilon(1e-7));
    const std::vector<float> want{0.25F, -0.25F, 0.0F, 0.0F, 0.75F, -0.75F, 0.0F, 0.0F};
    for (std::size_t i = 0; i < 8; ++i) CHECK(dx[i] == doctest::Approx(want[i]).epsilon(1e-6));
    CHECK(table->cross_entropy(x.data(), labels.data(), nullptr, 4, 3, 2, 0.0, -1).loss ==
          sum.loss);

    // Smoothing 0.2: targets 0.1 and 0.9.
    const LossSum smooth =
        table->cross_entropy(x.data(), labels.data(), dx.data(), 1, 1, 2, 0.2, -1);
    CHECK(smooth.loss ==
          doctest::Approx(0.9 * std::log(4.0 / 3.0) + 0.1 * std::log(4.0)).epsilon(1e-7));
    CHECK(dx[0] == doctest::Approx(0.15).epsilon(1e-6));
    CHECK(dx[1] == doctest::Approx(-0.15).epsilon(1e-6));
  }
}

TEST_CASE("LossTable: a label that is no class gives a NaN loss and stays in its row") {
  const FloatEnvironment environment;
  for (const LossTable* table : TROUPE_EACH_ISA(loss_table)) {
    for (const std::int32_t label : {2, -2, std::numeric_limits<std::int32_t>::min(),
                                     std::numeric_limits<std::int32_t>::max()}) {
      const std::vector<float> x(6, 0.0F);
      const std::vector<std::int32_t> labels{0, label, 1};
      std::vector<float> dx(6, 9.0F);
      const LossSum sum =
          table->cross_entropy(x.data(), labels.data(), dx.data(), 3, 3, 2, 0.0, -1);
      CHECK(std::isnan(sum.loss));
      CHECK(sum.counted == 3);
      CHECK(dx[0] == -0.5F);
      CHECK(std::isnan(dx[2]));
      CHECK(dx[4] == 0.5F);
    }
  }
}

TEST_CASE("LossTable: extreme logits keep the loss finite where it is") {
  const FloatEnvironment environment;
  constexpr float infinity = std::numeric_limits<float>::infinity();
  for (const LossTable* table : TROUPE_EACH_ISA(loss_table)) {
    const std::vector<std::int32_t> label{0};
    const auto loss = [&](std::vector<float> x) {
      return table->cross_entropy(x.data(), label.data(), nullptr, 1, 1, 2, 0.0, -1).loss;
    };
    CHECK(loss({-1e30F, 1e30F}) == doctest::Approx(2e30));
    CHECK(loss({0.0F, -infinity}) == 0.0);
    CHECK(loss({-infinity, 0.0F}) == std::numeric_limits<double>::infinity());
    CHECK(std::isnan(loss({std::nanf(""), 0.0F})));
    CHECK(std::isnan(loss({infinity, 0.0F})));

    const std::vector<float> x{200.0F, -200.0F}, target{1.0F, 0.0F};
    std::vector<float> dx(2);
    const LossSum sum = table->binary_cross_entropy(x.data(), target.data(), dx.data(), 1, 1, 2);
    // The mean of two losses of log(1 + e^-200) = e^-200.
    CHECK(sum.loss == doctest::Approx(std::exp(-200.0)).epsilon(1e-12).scale(0.0));
    CHECK(dx[0] == 0.0F);
    CHECK(dx[1] == 0.0F);
  }
}

TEST_CASE(
    "LossTable: binary cross-entropy and squared error are means over a row, sums over rows "
    "(JOB-4)") {
  const FloatEnvironment environment;
  for (const LossTable* table : TROUPE_EACH_ISA(loss_table)) {
    const std::vector<float> x{0.0F, 1.0F, -2.0F, 3.0F, 5.0F, 5.0F};
    const std::vector<float> t{0.5F, 1.0F, 0.0F, 0.25F, 0.0F, 0.0F};
    std::vector<float> dx(6, 9.0F);
    const LossSum square = table->squared_error(x.data(), t.data(), dx.data(), 3, 2, 2);
    CHECK(square.counted == 2);
    CHECK(square.loss == 0.125 + (4.0 + 2.75 * 2.75) / 2.0);
    CHECK(dx == std::vector<float>{-0.5F, 0.0F, -2.0F, 2.75F, 0.0F, 0.0F});

    const LossSum binary = table->binary_cross_entropy(x.data(), t.data(), dx.data(), 3, 2, 2);
    const auto element = [](double logit, double target) {
      return std::max(logit, 0.0) - logit * target + std::log1p(std::exp(-std::fabs(logit)));
    };
    CHECK(binary.loss == doctest::Approx((element(0.0, 0.5) + element(1.0, 1.0)) / 2.0 +
                                         (element(-2.0, 0.0) + element(3.0, 0.25)) / 2.0)
                             .epsilon(1e-15));
    for (std::size_t i = 0; i < 4; ++i) {
      const double slope = (1.0 / (1.0 + std::exp(-static_cast<double>(x[i]))) - t[i]) / 2.0;
      CHECK(dx[i] == doctest::Approx(slope).epsilon(1e-7));
    }
    CHECK(dx[4] == 0.0F);
  }
}

TEST_CASE("LossTable: one's bits on every instruction set (JOB-6)") {
  const FloatEnvironment environment;
  constexpr std::int64_t rows = 5;
  for (const std::int64_t width : {1, 7, 10, 16, 100, 256, 300}) {
    const std::vector<float> x = waves(rows * width, 9.0F), target = waves(rows * width, 0.5F);
    std::vector<std::int32_t> labels;
    for (std::int64_t row = 0; row < rows; ++row) {
      labels.push_back(static_cast<std::int32_t>(row * 3 % width));
    }
    std::vector<std::vector<float>> first_gradients;
    std::vector<double> first_losses;
    for (const LossTable* table : TROUPE_EACH_ISA(loss_table)) {
      std::vector<std::vector<float>> gradients(3, std::vector<float>(x.size()));
      const std::vector<double> losses{
          table
              ->cross_entropy(x.data(), labels.data(), gradients[0].data(), rows, rows, width, 0.1,
                              -1)
              .loss,
          table
              ->binary_cross_entropy(x.data(), target.data(), gradients[1].data(), rows, rows,
                                     width)
              .loss,
          table->squared_error(x.data(), target.data(), gradients[2].data(), rows, rows, width)
              .loss};
      if (first_losses.empty()) {
        first_losses = losses;
        first_gradients = gradients;
      }
      CHECK(std::memcmp(losses.data(), first_losses.data(), 3 * sizeof(double)) == 0);
      for (std::size_t i = 0; i < 3; ++i) {
        CHECK(std::memcmp(gradients[i].data(), first_gradients[i].data(),
                          x.size() * sizeof(float)) == 0);
      }
    }
  }
}
