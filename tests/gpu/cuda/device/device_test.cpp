#include "gpu/cuda/device.hpp"

#include <array>
#include <string>
#include <vector>

#include "runtime/base/error.hpp"
#include "tests/gpu/cuda/test_device.hpp"
#include "tests/support/cuda_emulator/device.hpp"

using namespace troupe;
using namespace troupe::gpu;

TEST_CASE("CudaDevice: memory that is not there is told with what it was for") {
  const auto device = test::cuda::make_test_device();
  const auto held = device->allocate(1 << 20, "a test");
  try {
    device->allocate(std::size_t{1} << 40, "a test");
    FAIL("it was there");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::exhausted);
    const std::string text = error.what();
    CHECK(text.starts_with("cuda: expected 1099511627776 bytes for a test, got out of memory: "));
    CHECK(text.find("of 268435456 bytes are free, 1048576 are this process's") !=
          std::string::npos);
  }
  ProgramSpec spec;
  spec.arena_bytes = std::size_t{1} << 40;
  spec.largest_layer = "conv";
  spec.largest_bytes = 12345;
  CHECK_THROWS_WITH_AS(
      device->compile(spec),
      doctest::Contains(
          "for the activations of a plan, of which layer 'conv' has the largest, of 12345 bytes"),
      Error);
  CHECK_THROWS_WITH_AS(
      device->allocate_staging(std::size_t{1} << 40, "a test"),
      doctest::Contains("1099511627776 bytes of host memory, locked in place, for a test, got out "
                        "of memory: "),
      Error);
}

TEST_CASE("CudaDevice: what is given back is taken again, and memory does not grow") {
  const auto device = test::cuda::make_test_device();
  device->allocate(100'000, "a test");
  const std::size_t before = test::cuda_emulator::free_bytes();
  for (int i = 0; i < 100; ++i) device->allocate(100'000, "a test");
  CHECK(test::cuda_emulator::free_bytes() == before);
}

TEST_CASE("CudaDevice: a storage outlives its device") {
  auto device = test::cuda::make_test_device();
  auto storage = device->allocate(100, "a test");
  auto staging = device->allocate_staging(100, "a test");
  CHECK(staging->data()[99] == std::byte{0});
  device.reset();
  storage.reset();
  staging.reset();
}

TEST_CASE("CudaDevice: adds chains as the CPU does") {
  const auto device = test::cuda::make_test_device();
  const auto stream = device->make_stream();
  std::vector<float> a(1000), b(1000), c(1000), sum(1000);
  for (std::size_t i = 0; i < a.size(); ++i) {
    a[i] = 1.0F / static_cast<float>(i + 1);
    b[i] = 1e-3F * static_cast<float>(i);
    c[i] = -a[i] * 0.3F;
  }
  std::vector<std::shared_ptr<Storage>> memory;
  std::vector<const std::byte*> terms;
  for (const auto* const values : {&a, &b, &c}) {
    memory.push_back(device->allocate(4000, "a test"));
    stream->copy(memory.back()->data(), reinterpret_cast<const std::byte*>(values->data()), 4000);
    terms.push_back(memory.back()->data());
  }
  device->add_chain(*stream, DType::f32, terms, memory[0]->data(), 1000);
  stream->copy(reinterpret_cast<std::byte*>(sum.data()), memory[0]->data(), 4000);
  stream->synchronize();
  for (std::size_t i = 0; i < a.size(); ++i) CHECK(sum[i] == a[i] + (b[i] + c[i]));
}

TEST_CASE("CudaDevice: a layer that nobody can compute is named") {
  const auto device = test::cuda::make_test_device();
  ProgramSpec spec;
  spec.arena_bytes = 4096;
  spec.instructions.push_back({Activate{Activation::relu, 4, DType::i64}, {{}, {}}, "relu_7"});
  CHECK_THROWS_WITH_AS(device->compile(spec), doctest::Contains("layer relu_7: "), Error);
}

TEST_CASE("CudaDevice: from a program's second run on, one launch a run") {
  const auto device = test::cuda::make_test_device();
  const auto stream = device->make_stream();
  ProgramSpec spec;
  spec.arena_bytes = 128;
  spec.instructions.push_back({Zero{64}, {{Space::arena, 0, 0}}, "zero"});
  spec.instructions.push_back(
      {Activate{Activation::relu, 16}, {{Space::arena, 0, 0}, {Space::arena, 0, 64}}, "relu"});
  const auto program = device->compile(spec);
  const auto before = test::cuda_emulator::counts();
  program->run(*stream, {}, nullptr);
  const auto first = test::cuda_emulator::counts();
  CHECK(first.launches == before.launches);
  CHECK(first.enqueued == before.enqueued + 2);
  for (int i = 0; i < 5; ++i) program->run(*stream, {}, nullptr);
  stream->synchronize();
  const auto after = test::cuda_emulator::counts();
  CHECK(after.launches == first.launches + 5);
  CHECK(after.enqueued == first.enqueued);
}
