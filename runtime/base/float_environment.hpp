#pragma once

#include <cstdint>

namespace troupe {

/// The floating-point environment of JOB-6, for this thread, while the object lives: subnormal
/// inputs and results count as zero, rounding is to nearest, no exception traps. What was set before
/// comes back at the end. Every executor job starts with one, since a library may change the
/// register when it is loaded. Costs a few nanoseconds.
///
/// x86-64: MXCSR = 0x9FC0 (FTZ, DAZ, all masked). AArch64: FPCR with FZ alone set. Elsewhere nothing
/// is changed, and float_environment_is_set() says so.
class FloatEnvironment {
 public:
  FloatEnvironment() noexcept;
  ~FloatEnvironment();
  FloatEnvironment(const FloatEnvironment&) = delete;
  FloatEnvironment& operator=(const FloatEnvironment&) = delete;

 private:
  std::uint64_t before_;
};

/// Whether this thread computes as JOB-6 demands. Exceptions already raised do not matter.
bool float_environment_is_set() noexcept;

}  // namespace troupe
