#include "tests/reference/dropout.hpp"

#include "runtime/base/random.hpp"

namespace troupe::test::reference {

std::vector<bool> dropout_keeps(const gpu::Dropout& shape, const gpu::StepState& step) {
  std::vector<bool> keeps;
  for (std::int64_t r = 0; r < shape.rows; ++r) {
    const Draws draws{step.seed, step.position + static_cast<std::uint64_t>(r), Purpose::dropout,
                      shape.layer};
    for (std::int64_t e = 0; e < shape.width; ++e) {
      keeps.push_back(draws.uniform(static_cast<std::uint64_t>(e)) >= shape.rate);
    }
  }
  return keeps;
}

Values dropout(const gpu::Dropout& shape, const gpu::StepState& step, const Values& x) {
  const std::vector<bool> keeps = dropout_keeps(shape, step);
  Values y(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    y[i] = keeps[i] ? x[i] / (1.0 - static_cast<double>(shape.rate)) : 0.0;
  }
  return y;
}

}  // namespace troupe::test::reference
