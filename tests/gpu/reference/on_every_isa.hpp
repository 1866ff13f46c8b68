#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "gpu/reference/contraction.hpp"
#include "gpu/reference/isa.hpp"
#include "runtime/base/float_environment.hpp"
#include "tests/support/doctest_std.hpp"

/// Runs a contraction on every instruction set of this processor, and compares the bits.
namespace troupe::test {

using Bytes = std::vector<std::byte>;

template <class T>
Bytes bytes_of(const std::vector<T>& values) {
  Bytes bytes(values.size() * sizeof(T));
  if (!bytes.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

template <class T>
std::vector<T> values_of(const Bytes& bytes) {
  std::vector<T> values(bytes.size() / sizeof(T));
  if (!bytes.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

inline Bytes floats(const std::vector<float>& values) {
  return bytes_of(values);
}

/// The outputs' bytes. Every instruction set, and a kernel's second run, must give the same (JOB-6).
inline std::vector<Bytes> run_on_every_isa(const gpu::Operation& operation,
                                           std::vector<Bytes> inputs,
                                           const std::vector<std::size_t>& output_bytes) {
  namespace reference = gpu::reference;
  const FloatEnvironment environment;
  std::vector<Bytes> first;
  for (int isa = 0; isa <= static_cast<int>(reference::isa()); ++isa) {
    const auto kernel = reference::make_contraction(operation, reference::Isa{isa});
    REQUIRE(kernel != nullptr);
    for (int run = 0; run < 2; ++run) {
      // All ones: an output that is not written stays a NaN.
      std::vector<Bytes> outputs;
      for (const std::size_t size : output_bytes) outputs.emplace_back(size, std::byte{0xFF});
      std::vector<void*> operands;
      for (Bytes& bytes : inputs) operands.push_back(bytes.data());
      for (Bytes& bytes : outputs) operands.push_back(bytes.data());
      kernel->run(operands.data());
      if (first.empty()) first = outputs;
      CHECK_MESSAGE(first == outputs, gpu::name_of(operation)
                                          << " on " << std::string{to_string(reference::Isa{isa})});
    }
  }
  return first;
}

/// For operations with one output of floats.
inline std::vector<float> run_for_floats(const gpu::Operation& operation,
                                         const std::vector<Bytes>& inputs, std::int64_t elements) {
  const auto size = static_cast<std::size_t>(elements) * sizeof(float);
  return values_of<float>(run_on_every_isa(operation, inputs, {size}).front());
}

/// Uniform in [-1, 1), of all bits.
inline std::vector<float> random_floats(std::int64_t count, unsigned seed) {
  std::mt19937 bits{seed};
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) value = static_cast<float>(bits() >> 8) * 0x1p-23F - 1.0F;
  return values;
}

/// Whole numbers in [-4, 4]: their sums are exact, so a plain loop in any order tells the right value.
inline std::vector<float> whole_floats(std::int64_t count, unsigned seed) {
  std::mt19937 bits{seed};
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) value = static_cast<float>(bits() % 9) - 4.0F;
  return values;
}

}  // namespace troupe::test
