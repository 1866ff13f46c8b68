#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

#include "tests/support/doctest_std.hpp"
#include "tests/support/shard_run.hpp"

namespace troupe::test {

/// Compares the gradient that `run` last left with central differences of its loss, at about `each` elements of every
/// parameter. The rounding of the f32 logits over 2 h bounds the difference's own error; a kink of relu or max within
/// h of an element would add to it, so h is small. @return how many elements were compared.
inline std::size_t check_gradient(ShardRun& run, std::size_t each) {
  constexpr float h = 1e-3F;
  const std::vector<float> gradient = run.gradient();
  std::size_t checked = 0;
  for (const gpu::nn::ParameterEntry& entry : run.layout.parameters) {
    const auto elements = static_cast<std::size_t>(entry.shape.elements());
    double squares = 0.0;
    for (const float g : std::span{gradient}.subspan(entry.begin, elements))
      squares += std::pow(double{g}, 2);
    const double rms = std::sqrt(squares / static_cast<double>(elements));
    for (std::size_t i = 0; i < elements; i += 1 + elements / each, ++checked) {
      float& value = run.parameters()[entry.begin + i];
      const float saved = value;
      value = saved + h;
      run.run();
      const double above = run.loss();
      value = saved - h;
      run.run();
      const double difference = (above - run.loss()) / (2.0 * double{h});
      value = saved;
      const double wanted = gradient[entry.begin + i];
      CAPTURE(entry.name);
      CAPTURE(i);
      CAPTURE(difference);
      CAPTURE(wanted);
      CHECK(std::abs(difference - wanted) <= 5e-3 * std::max(std::abs(wanted), rms) + 2e-3);
    }
  }
  return checked;
}

}  // namespace troupe::test
