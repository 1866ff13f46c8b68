#include "tests/support/mnist_job.hpp"

#include <algorithm>
#include <cstring>

#include "gpu/transform/transform_chain.hpp"
#include "runtime/base/permutation.hpp"

namespace troupe::test {

using namespace troupe::gpu;

struct MnistBatches::Impl {
  const MnistPart& part;
  std::uint64_t seed;
  TransformChain train, plain;
  TransformScratch scratch;

  static std::vector<Transform> transforms(bool augment) {
    std::vector<Transform> chain{Scale{1.0 / 255.0, 0.0}};
    if (augment) {
      chain.emplace_back(Rotate{8.0});
      chain.emplace_back(Shift{1.0, true});
    }
    chain.emplace_back(Normalize{{0.1307}, {0.3081}});
    return chain;
  }

  void row(const TransformChain& chain, std::uint64_t record, std::uint64_t position,
           std::uint64_t at, std::span<std::byte* const> inputs) {
    constexpr std::size_t bytes = 28 * 28 * sizeof(float);
    chain.apply(part.images.record(record), seed, position, {inputs[0] + at * bytes, bytes},
                scratch);
    const auto label = static_cast<std::int32_t>(part.labels.record(record)[0]);
    std::memcpy(inputs[1] + at * sizeof label, &label, sizeof label);
  }
};

MnistBatches::MnistBatches(const MnistPart& part, std::uint64_t seed, bool augment)
    : impl_{new Impl{part,
                     seed,
                     TransformChain{Impl::transforms(augment), Shape{28, 28, 1}, DType::u8},
                     TransformChain{Impl::transforms(false), Shape{28, 28, 1}, DType::u8},
                     {}}} {}
MnistBatches::~MnistBatches() = default;

gpu::nn::BatchSource MnistBatches::source() {
  return [this](PositionRange positions, std::span<std::byte* const> inputs) {
    for (std::uint64_t position = positions.first; position < positions.last; ++position) {
      impl_->row(impl_->train, sample_index(impl_->seed, position, size()), position,
                 position - positions.first, inputs);
    }
  };
}

void MnistBatches::rows(std::uint64_t first, std::span<std::byte* const> inputs,
                        std::uint64_t count) {
  for (std::uint64_t i = 0; i < count && first + i < size(); ++i)
    impl_->row(impl_->plain, first + i, 0, i, inputs);
}

std::uint64_t MnistBatches::size() const {
  return impl_->part.images.size();
}

double accuracy(const gpu::nn::Graph& graph, const gpu::nn::StateLayout& layout, Device& device,
                std::span<const std::byte> state, MnistBatches& data, std::int64_t batch) {
  nn::Plan plan{graph, layout, device, {nn::Mode::evaluate, batch}};
  const auto stream = device.make_stream();
  const auto sums = allocate_host(layout.sums_bytes);
  const auto images = allocate_host(plan.input_bytes(0)),
             labels = allocate_host(plan.input_bytes(1));
  const std::array<std::byte*, 2> inputs{images->data(), labels->data()};
  const std::array<BatchRing, 2> rings{BatchRing{images->data(), plan.input_bytes(0)},
                                       BatchRing{labels->data(), plan.input_bytes(1)}};
  std::uint64_t right = 0;
  for (std::uint64_t first = 0; first < data.size(); first += static_cast<std::uint64_t>(batch)) {
    const std::uint64_t rows =
        std::min<std::uint64_t>(static_cast<std::uint64_t>(batch), data.size() - first);
    data.rows(first, inputs, rows);
    StepState step;
    step.rows = static_cast<std::uint32_t>(rows);
    Bindings bindings;
    bindings.state = state.data();
    bindings.inputs = rings;
    bindings.sums = sums->data();
    bindings.step = &step;
    plan.run(*stream, bindings);
    stream->synchronize();
    const std::span<const float> logits = plan.prediction().values<float>();
    for (std::uint64_t i = 0; i < rows; ++i) {
      const auto row = logits.subspan(i * 10, 10);
      const auto best = std::ranges::max_element(row) - row.begin();
      right += best == reinterpret_cast<const std::int32_t*>(labels->data())[i] ? 1 : 0;
    }
  }
  return static_cast<double>(right) / static_cast<double>(data.size());
}

}  // namespace troupe::test
