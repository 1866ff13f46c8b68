#include "gpu/reference/pointwise.hpp"

#include <cmath>
#include <cstdint>
#include <vector>

#include "gpu/step_state.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/float_environment.hpp"
#include "runtime/base/random.hpp"

using namespace troupe;
using namespace troupe::gpu;
using gpu::reference::make_pointwise;

namespace {

void run(const Operation& operation, std::vector<void*> operands) {
  const FloatEnvironment environment;
  CHECK(operands.size() == operand_count(operation));
  make_pointwise(operation)->run(operands.data());
}

}  // namespace

TEST_CASE("Pointwise: operands go where the operation names them") {
  std::vector<float> x{-1.0F, 0.0F, 2.0F, 3.0F}, y(4), other{1.0F, 1.0F, 1.0F, 1.0F};
  run(Activate{Activation::relu, 4}, {x.data(), y.data()});
  CHECK(y == std::vector<float>{0.0F, 0.0F, 2.0F, 3.0F});
  run(ActivateBackward{Activation::relu, 4}, {y.data(), other.data(), x.data()});
  CHECK(x == std::vector<float>{0.0F, 0.0F, 1.0F, 1.0F});
  run(Add{4, 2}, {x.data(), other.data(), x.data()});
  CHECK(x == std::vector<float>{1.0F, 1.0F, 2.0F, 2.0F});
  run(Softmax{2, 2}, {x.data(), y.data()});
  CHECK(y == std::vector<float>{0.5F, 0.5F, 0.5F, 0.5F});
  std::vector<float> dy{1.0F, 0.0F, 0.0F, 0.0F}, dx(4);
  run(SoftmaxBackward{2, 2}, {y.data(), dy.data(), dx.data()});
  CHECK(dx == std::vector<float>{0.25F, -0.25F, 0.0F, 0.0F});
  std::vector<std::uint8_t> pixels{0, 255};
  run(CastScale{DType::u8, 2, 2.0F, 1.0F}, {pixels.data(), dx.data()});
  CHECK(dx[1] == 511.0F);
}

TEST_CASE("Pointwise: copies rows between strides, and zeroes bytes") {
  std::vector<char> from{'a', 'b', '-', 'c', 'd', '-'}, to(8, '.');
  run(StridedCopy{2, 2, 3, 4}, {from.data(), to.data() + 1});
  CHECK(to == std::vector<char>{'.', 'a', 'b', '.', '.', 'c', 'd', '.'});
  run(StridedCopy{2, 3, 3, 3}, {from.data(), to.data()});
  CHECK(to == std::vector<char>{'a', 'b', '-', 'c', 'd', '-', 'd', '.'});
  run(Zero{3}, {to.data() + 1});
  CHECK(to == std::vector<char>{'a', 0, 0, 0, 'd', '-', 'd', '.'});
}

TEST_CASE("Pointwise: dropout is keyed by the StepState, and its own backward (JOB-3)") {
  StepState step;
  step.seed = 7;
  step.position = 1000;
  std::vector<float> x(100, 1.0F), y(100);
  run(Dropout{2, 50, 0.5F, 9}, {x.data(), &step, y.data()});
  for (std::size_t i = 0; i < 100; ++i) {
    const auto bits = draw_bits(7, 1000 + i / 50, Purpose::dropout, 9, i % 50);
    CHECK(y[i] == (uniform(bits) < 0.5F ? 0.0F : 2.0F));
  }
}

TEST_CASE("Pointwise: losses read the rows of the StepState and write loss and count") {
  StepState step;
  step.rows = 1;
  std::vector<float> x{1.0F, 1.0F, 5.0F, 7.0F}, dx(4, 9.0F), target(4, 0.0F);
  std::vector<std::int32_t> labels{0, 1};
  double loss = -1.0;
  std::int64_t counted = -1;
  run(SoftmaxCrossEntropy{2, 2}, {x.data(), labels.data(), &step, dx.data(), &loss, &counted});
  CHECK(loss == doctest::Approx(std::log(2.0)).epsilon(1e-15));
  CHECK(counted == 1);
  CHECK(dx == std::vector<float>{-0.5F, 0.5F, 0.0F, 0.0F});
  run(MeanSquaredError{2, 2, false}, {x.data(), target.data(), &step, &loss, &counted});
  CHECK(loss == 1.0);
  step.rows = 1000;  // never more than there are
  run(MeanSquaredError{2, 2, true}, {x.data(), target.data(), &step, dx.data(), &loss, &counted});
  CHECK(counted == 2);
  CHECK(loss == 1.0 + 37.0);
  CHECK(dx[3] == 7.0F);
  step.rows = 0;
  run(BinaryCrossEntropy{2, 2}, {x.data(), target.data(), &step, dx.data(), &loss, &counted});
  CHECK(counted == 0);
  CHECK(loss == 0.0);
  CHECK(dx == std::vector<float>(4, 0.0F));
}

TEST_CASE("Pointwise: refuses what is out of range, and leaves other operations to others") {
  CHECK_THROWS_WITH_AS(make_pointwise(Dropout{1, 1, 1.0F, 0}), "dropout: expected a rate in [0, 1)",
                       Error);
  CHECK_THROWS_AS(make_pointwise(Dropout{1, 1, std::nanf(""), 0}), Error);
  CHECK_THROWS_AS(make_pointwise(Dropout{1, 1, 0.5F, 1U << 24}), Error);
  CHECK_THROWS_AS(make_pointwise(Add{1, 0}), Error);
  CHECK_THROWS_AS(make_pointwise(Softmax{1, 0}), Error);
  CHECK_THROWS_AS(make_pointwise(SoftmaxCrossEntropy{1, 0}), Error);
  CHECK_THROWS_AS(make_pointwise(SoftmaxCrossEntropy{1, 2, 1.0F}), Error);
  CHECK_THROWS_AS(make_pointwise(Zero{-1}), Error);
  CHECK(make_pointwise(Dense{1, 1, 1}) == nullptr);
  CHECK(make_pointwise(CastScale{DType::f64, 1}) == nullptr);
}
