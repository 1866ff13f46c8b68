#include "gpu/cuda/stream.hpp"

#include <cstddef>
#include <vector>

#include "runtime/base/error.hpp"
#include "tests/gpu/cuda/test_device.hpp"

using namespace troupe;
using namespace troupe::gpu;

TEST_CASE("CudaStream: copies in order, done when somebody has waited") {
  const auto device = test::cuda::make_test_device();
  const auto stream = device->make_stream();
  const auto there = device->allocate(64, "a test");
  std::vector<std::byte> out(64, std::byte{7}), back(64, std::byte{1});
  stream->copy(back.data(), there->data(), 64);
  CHECK(back[0] == std::byte{1});  // the emulator does nothing before it is waited for
  stream->synchronize();
  CHECK(back == std::vector<std::byte>(64));  // memory is zeroed
  stream->copy(there->data(), out.data(), 64);
  stream->copy(back.data(), there->data(), 64);
  stream->copy(back.data(), there->data(), 0);
  stream->synchronize();
  CHECK(back == out);
}

TEST_CASE("CudaEvent: counts its records as they are reached") {
  const auto device = test::cuda::make_test_device();
  const auto stream = device->make_stream();
  const auto event = device->make_event();
  event->wait(0);
  CHECK(event->reached() == 0);
  stream->record(*event);
  stream->record(*event);
  CHECK(event->reached() == 0);
  event->wait(1);
  CHECK(event->reached() == 2);
  stream->record(*event);
  stream->synchronize();
  CHECK(event->reached() == 3);
}

TEST_CASE("CudaEvent: a stream waits for another one's record") {
  const auto device = test::cuda::make_test_device();
  const auto first = device->make_stream(), second = device->make_stream();
  const auto event = device->make_event();
  const auto there = device->allocate(8, "a test");
  std::uint64_t value = 5, seen = 0;
  first->copy(there->data(), reinterpret_cast<const std::byte*>(&value), 8);
  first->record(*event);
  second->wait(*event, 1);
  second->copy(reinterpret_cast<std::byte*>(&seen), there->data(), 8);
  second->synchronize();
  CHECK(seen == 5);
}

TEST_CASE("CudaEvent: what waits for it may outlive it") {
  const auto device = test::cuda::make_test_device();
  const auto first = device->make_stream(), second = device->make_stream();
  auto event = device->make_event();
  const auto there = device->allocate(8, "a test");
  std::uint64_t value = 5;
  first->record(*event);
  first->synchronize();
  second->wait(*event, 1);
  second->copy(there->data(), reinterpret_cast<const std::byte*>(&value), 8);
  event.reset();
  second->synchronize();
  std::uint64_t seen = 0;
  second->copy(reinterpret_cast<std::byte*>(&seen), there->data(), 8);
  second->synchronize();
  CHECK(seen == 5);
}
