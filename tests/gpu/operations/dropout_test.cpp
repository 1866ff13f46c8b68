#include "tests/reference/dropout.hpp"

#include <algorithm>

#include "gpu/operation.hpp"
#include "tests/gpu/cuda/emulated_library.hpp"
#include "tests/reference/arguments.hpp"
#include "tests/reference/compare.hpp"
#include "tests/reference/libraries.hpp"

using namespace troupe::test::reference;
using troupe::gpu::Dropout;
using troupe::gpu::StepState;
using troupe::test::cuda::emulated;

namespace {

const std::vector<Dropout> shapes = {
    {1, 1, 0.5F, 0},    {1, 3, 0.3F, 1},    {3, 4, 0.9F, 2},  {17, 5, 0.1F, 3},
    {32, 129, 0.5F, 7}, {2, 1000, 0.2F, 4}, {5, 33, 0.0F, 5}, {7, 67, 0.25F, (1U << 24) - 1},
};
// Draws are keyed with all of a position's 64 bits.
const std::vector<StepState> steps = {
    {.position = 0, .seed = 0},
    {.step = 9, .position = 1234, .seed = 42, .rows = 1},
    {.position = (std::uint64_t{1} << 32) - 2, .seed = std::uint64_t{7} << 40},
};

void check_all(const Subject& subject) {
  for (const Dropout& shape : shapes) {
    for (const StepState& step : steps) {
      const std::string name = subject.name + " dropout " + std::to_string(shape.rows) + "x" +
                               std::to_string(shape.width) + ", rate " +
                               std::to_string(shape.rate) + ", position " +
                               std::to_string(step.position);
      const Values x = random_values(static_cast<std::size_t>(shape.rows * shape.width),
                                     step.seed + 1, 0.5, 2.0);
      const Values expected = dropout(shape, step, x);
      const std::vector<bool> keeps = dropout_keeps(shape, step);
      Arguments apart, in_place;
      apart.in(x);
      apart.in(std::vector<StepState>{step});
      apart.out(x.size());
      in_place.in_place(x);
      in_place.in(std::vector<StepState>{step});
      in_place.out_at(0);
      if (!apart.run(subject, shape, name)) continue;
      in_place.run(subject, shape, name + ", in place");
      for (const auto y : {apart.get(2), in_place.get(2)}) {
        check_close(y, expected, name);
        bool same_mask = true;
        for (std::size_t i = 0; i < y.size(); ++i) same_mask &= (y[i] != 0.0F) == keeps[i];
        CHECK_MESSAGE(same_mask, name << ": the mask is not that of the draws");
      }
    }
  }
}

void check_share(const Subject& subject) {
  constexpr std::int64_t elements = 100'000;
  for (const float rate : {0.1F, 0.5F, 0.8F}) {
    const Dropout shape{100, elements / 100, rate, 1};
    Arguments arguments;
    arguments.in(Values(elements, 1.0));
    arguments.in(std::vector<StepState>{{.position = 500, .seed = 11}});
    arguments.out(elements);
    if (!arguments.run(subject, shape, "keep share")) return;
    const auto y = arguments.get(2);
    const auto kept = static_cast<double>(elements - std::count(y.begin(), y.end(), 0.0F));
    const double share = 1.0 - static_cast<double>(rate);
    // Five standard deviations of the binomial distribution.
    CHECK(std::abs(kept - elements * share) < 5 * std::sqrt(elements * share * (1.0 - share)));
  }
}

}  // namespace

TEST_CASE("Dropout: portable kernels drop by the draws of JOB-3") {
  check_all(portable());
}
TEST_CASE("Dropout: portable kernels keep the share that the rate says") {
  check_share(portable());
}
TEST_CASE("Dropout: oneDNN's kernels, if there are any, drop by the draws of JOB-3") {
  if (const auto onednn = find_onednn()) check_all(*onednn);
}
TEST_CASE("Dropout: CUDA kernels, emulated, drop by the draws of JOB-3") {
  check_all(emulated());
}
TEST_CASE("Dropout: CUDA kernels, emulated, keep the share that the rate says") {
  check_share(emulated());
}
