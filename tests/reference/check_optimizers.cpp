#include "tests/reference/check_optimizers.hpp"

#include <cstdint>
#include <string>
#include <vector>

#include "gpu/cpu_device.hpp"
#include "gpu/nn/optimizer.hpp"
#include "gpu/nn/state_layout.hpp"
#include "tests/reference/compare.hpp"
#include "tests/reference/optimizers.hpp"
#include "tests/reference/updater_run.hpp"
#include "tests/support/doctest_std.hpp"

namespace troupe::test::reference {

using namespace gpu::nn;

namespace {

struct NamedSpec {
  std::string name;
  OptimizerSpec spec;
};

std::vector<NamedSpec> all_specs() {
  std::vector<NamedSpec> specs = {
      {"SGD", {Sgd{}, {}}},
      {"SGD with decay", {Sgd{0.0, false, 0.05}, {}}},
      {"SGD with momentum", {Sgd{0.9, false, 0.0}, {}}},
      {"SGD with momentum and decay", {Sgd{0.9, false, 0.05}, {}}},
      {"SGD with Nesterov's momentum", {Sgd{0.9, true, 0.05}, {}}},
      {"Adagrad", {Adagrad{}, {}}},
      {"Adagrad with decay", {Adagrad{1e-3, 0.05}, {}}},
      {"Adam", {Adam{}, {}}},
      {"Adam with decay", {Adam{0.8, 0.99, 1e-3, 0.05}, {}}},
      {"AdamW", {AdamW{}, {}}},
      {"AdamW with much decay", {AdamW{0.8, 0.99, 1e-3, 0.5}, {}}},
  };
  const std::size_t unclipped = specs.size();
  for (std::size_t i = 0; i < unclipped; ++i) {
    specs.push_back({specs[i].name + ", clipped", {specs[i].spec.algorithm, 0.7}});
    specs.push_back({specs[i].name + ", clipped far away", {specs[i].spec.algorithm, 1e6}});
  }
  return specs;
}

// Odd sizes, a size that fills its vectors, and one that spans buckets of 256 bytes (64 elements).
const std::vector<ParameterEntry> parameters = {
    {"a", {1}, false, 0},     {"b", {17}, true, 0}, {"c", {16}, false, 0},
    {"d", {13, 25}, true, 0}, {"e", {3}, true, 0},  {"f", {129}, false, 0},
};

}  // namespace

void check_optimizers(gpu::Device& device) {
  const auto cpu = gpu::make_cpu_device();
  for (const NamedSpec& named : all_specs()) {
    const StateLayout layout = make_state_layout(parameters, {}, state_names(named.spec), 256);
    REQUIRE(layout.buckets.size() > parameters.size());
    std::vector<bool> decays;
    for (const ParameterEntry& entry : parameters) {
      decays.insert(decays.end(), static_cast<std::size_t>(entry.shape.elements()), entry.decay);
    }
    for (const std::uint64_t seed : {1U, 1000U}) {
      const Values start = random_values(decays.size(), seed);
      Optimizer expected{named.spec, start, decays};
      UpdaterRun updater{device, layout, named.spec, start};
      UpdaterRun of_cpu{*cpu, layout, named.spec, start};
      for (std::uint64_t t = 0; t < 12; ++t) {
        // Away from zero, where Adagrad's and Adam's first steps divide a rounding error by itself.
        Values sums = random_values(decays.size(), seed + 1 + t, 0.1, 10.0);
        const Values signs = random_values(decays.size(), seed + 100 + t);
        for (std::size_t i = 0; i < sums.size(); ++i) sums[i] *= signs[i] < 0 ? -1.0 : 1.0;
        const std::int64_t rows = 7 + static_cast<std::int64_t>(t);
        const double rate = 0.05 / static_cast<double>(t + 1);
        expected.step(sums, rows, rate);
        updater.step(sums, rows, rate);
        of_cpu.step(sums, rows, rate);
        const std::string label = named.name + ", step " + std::to_string(t);
        check_close(updater.parameters(), expected.parameters(), label);
        CHECK_MESSAGE(updater.parameters() == of_cpu.parameters(),
                      label << ": other bits than the CPU's");
        for (int which = 0; which < static_cast<int>(layout.optimizer_states.size()); ++which) {
          check_close(updater.state(which), expected.state(which),
                      label + ", " + layout.optimizer_states[static_cast<std::size_t>(which)]);
        }
      }
    }
  }
}

}  // namespace troupe::test::reference
