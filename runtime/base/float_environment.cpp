#include "runtime/base/float_environment.hpp"

#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

namespace troupe {
namespace {
#if defined(__SSE2__)
constexpr std::uint64_t wanted = 0x9FC0;
constexpr std::uint64_t raised_flags = 0x3F;  // sticky, and without influence on results
std::uint64_t read_control() {
  return _mm_getcsr();
}
void write_control(std::uint64_t value) {
  _mm_setcsr(static_cast<unsigned int>(value));
}
#elif defined(__aarch64__)
constexpr std::uint64_t wanted = std::uint64_t{1} << 24;  // FZ; RMode 0 is to nearest
constexpr std::uint64_t raised_flags = 0;                 // they live in FPSR
std::uint64_t read_control() {
  std::uint64_t value = 0;
  __asm__ volatile("mrs %0, fpcr" : "=r"(value));
  return value;
}
void write_control(std::uint64_t value) {
  __asm__ volatile("msr fpcr, %0" : : "r"(value));
}
#else
constexpr std::uint64_t wanted = 1;
constexpr std::uint64_t raised_flags = 0;
std::uint64_t read_control() {
  return 0;
}
void write_control(std::uint64_t) {}
#endif
}  // namespace

FloatEnvironment::FloatEnvironment() noexcept : before_{read_control()} {
  write_control(wanted);
}

FloatEnvironment::~FloatEnvironment() {
  write_control(before_);
}

bool float_environment_is_set() noexcept {
  return (read_control() & ~raised_flags) == wanted;
}

}  // namespace troupe
