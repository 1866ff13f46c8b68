#include "gpu/cuda/program.hpp"

#include <array>
#include <cstdint>
#include <vector>

#include "runtime/base/error.hpp"
#include "tests/gpu/cuda/test_device.hpp"

using namespace troupe;
using namespace troupe::gpu;

namespace {

constexpr std::int64_t elements = 4;
constexpr std::size_t bytes = elements * sizeof(float);

/// bucket 0 = relu(batch + state), signal; bucket 1 = bucket 0 + state, signal.
ProgramSpec example() {
  ProgramSpec spec;
  spec.arena_bytes = 256;
  const Operand batch{Space::input, 0, 0}, state{Space::state, 0, 64}, sum{Space::arena, 0, 64};
  const Operand first{Space::gradient, 0, 0}, second{Space::gradient, 1, 0};
  spec.instructions.push_back({Add{elements, 2}, {batch, state, sum}, "sum"});
  spec.instructions.push_back({Activate{Activation::relu, elements}, {sum, first}, "relu"});
  spec.instructions.push_back({Signal{0}, {}, "relu"});
  spec.instructions.push_back({Add{elements, 2}, {first, state, second}, "again"});
  spec.instructions.push_back({Signal{1}, {}, "again"});
  return spec;
}

class Listener final : public SignalListener {
 public:
  void signalled(std::uint32_t bucket) override { heard.push_back(bucket); }
  std::vector<std::uint32_t> heard;
};

struct Run {
  explicit Run(Device& device_of)
      : device{device_of},
        stream{device.make_stream()},
        program{device.compile(example())},
        state{device.allocate(128, "a test")},
        ring_memory{device.allocate(3 * 64, "a test")},
        step{device.allocate(sizeof(StepState), "a test")} {
    for (auto& bucket : buckets) bucket = device.allocate(64, "a test");
    for (std::size_t i = 0; i < buckets.size(); ++i) bucket_pointers[i] = buckets[i]->data();
    for (auto& event : events) event = device.make_event();
    for (std::size_t i = 0; i < events.size(); ++i) event_pointers[i] = events[i].get();
    ring = {ring_memory->data(), 64};
  }

  void put(std::byte* to, std::vector<float> values) {
    stream->copy(to, reinterpret_cast<const std::byte*>(values.data()),
                 values.size() * sizeof(float));
    stream->synchronize();
  }
  std::vector<float> get(const std::byte* from) {
    std::vector<float> values(elements);
    stream->copy(reinterpret_cast<std::byte*>(values.data()), from, bytes);
    stream->synchronize();
    return values;
  }
  void go(std::uint32_t slot, SignalListener* listener = nullptr) {
    StepState now;
    now.batch_slot = slot;
    stream->copy(step->data(), reinterpret_cast<const std::byte*>(&now), sizeof now);
    Bindings bindings;
    bindings.state = state->data();
    bindings.inputs = std::span{&ring, 1};
    bindings.buckets = bucket_pointers;
    bindings.step = reinterpret_cast<const StepState*>(step->data());
    bindings.events = event_pointers;
    program->run(*stream, bindings, listener);
    stream->synchronize();
  }

  Device& device;
  std::unique_ptr<Stream> stream;
  std::unique_ptr<Program> program;
  std::shared_ptr<Storage> state, ring_memory, step;
  std::array<std::shared_ptr<Storage>, 2> buckets;
  std::array<std::byte*, 2> bucket_pointers;
  std::array<std::unique_ptr<Event>, 2> events;
  std::array<Event*, 2> event_pointers;
  BatchRing ring;
};

}  // namespace

TEST_CASE(
    "CudaProgram: the same by itself, recorded, and launched again, from any slot of the ring") {
  for (const bool graphs : {false, true}) {
    const auto device = test::cuda::make_test_device(graphs);
    Run run{*device};
    run.put(run.state->data() + 64, {1, 1, -3, 0});
    for (std::uint32_t slot = 0; slot < 3; ++slot) {
      const float x = static_cast<float>(slot);
      run.put(run.ring_memory->data() + slot * 64, {x, -x, x, -1});
    }
    for (const std::uint32_t slot : {0U, 2U, 1U, 1U, 0U}) {
      const float x = static_cast<float>(slot);
      run.go(slot);
      const auto relu = [](float value) { return value <= 0.0F ? 0.0F : value; };
      const std::vector<float> first = {relu(x + 1), relu(1 - x), relu(x - 3), 0};
      CHECK(run.get(run.bucket_pointers[0]) == first);
      CHECK(run.get(run.bucket_pointers[1]) ==
            std::vector<float>{first[0] + 1, first[1] + 1, first[2] - 3, first[3]});
    }
  }
}

TEST_CASE("CudaProgram: events are reached once a run, and listeners hear in order") {
  for (const bool graphs : {false, true}) {
    const auto device = test::cuda::make_test_device(graphs);
    Run run{*device};
    Listener one, other;
    for (std::uint64_t i = 1; i <= 4; ++i) {
      Listener& listener = i % 2 == 0 ? one : other;
      listener.heard.clear();
      run.go(0, &listener);
      CHECK(listener.heard == std::vector<std::uint32_t>{0, 1});
      for (const auto& event : run.events) {
        CHECK(event->reached() == i);
        event->wait(i);
      }
    }
    one.heard.clear();
    run.go(0);
    CHECK(one.heard.empty());
  }
}

TEST_CASE("CudaProgram: other bindings are another recording, and the oldest makes room") {
  const auto device = test::cuda::make_test_device();
  Run run{*device};
  std::vector<std::shared_ptr<Storage>> states;
  for (std::size_t i = 0; i < cuda::CudaProgram::most_recordings + 10; ++i) {
    states.push_back(device->allocate(128, "a test"));
    const float x = static_cast<float>(i);
    run.put(states.back()->data() + 64, {x, x, x, x});
  }
  for (int round = 0; round < 3; ++round) {
    for (std::size_t i = 0; i < states.size(); ++i) {
      run.state = states[i];
      run.go(0);
      const float x = static_cast<float>(i);
      CHECK(run.get(run.bucket_pointers[1]) == std::vector<float>(elements, 2 * x));
    }
  }
}

TEST_CASE("CudaProgram: batches of another size are taken as they come") {
  const auto device = test::cuda::make_test_device();
  Run run{*device};
  run.go(0);
  run.go(0);
  const auto larger = device->allocate(2 * 128, "a test");
  run.ring = {larger->data(), 128};
  run.put(larger->data() + 128, {1, 2, 3, 4});
  run.go(1);
  CHECK(run.get(run.bucket_pointers[0]) == std::vector<float>{1, 2, 3, 4});
}

TEST_CASE("CudaProgram: what is not bound is refused") {
  const auto device = test::cuda::make_test_device();
  Run run{*device};
  CHECK_THROWS_AS(run.program->run(*run.stream, {}, nullptr), Error);
}
