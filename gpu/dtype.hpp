#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace troupe::gpu {

/// Element types. The numbers are part of the state hash (JOB-8) and of files: none is ever reused.
enum class DType : std::uint8_t {
  f32 = 1,
  bf16 = 2,
  i32 = 3,
  i64 = 4,
  u8 = 5,
  f64 = 6,  ///< sums and moments (JOB-4); no layer computes in it
};

constexpr std::size_t size_bytes(DType type) {
  switch (type) {
    case DType::f32:
    case DType::i32:
      return 4;
    case DType::bf16:
      return 2;
    case DType::i64:
    case DType::f64:
      return 8;
    case DType::u8:
      return 1;
  }
  return 0;
}

constexpr std::string_view to_string(DType type) {
  switch (type) {
    case DType::f32:
      return "f32";
    case DType::bf16:
      return "bf16";
    case DType::i32:
      return "i32";
    case DType::i64:
      return "i64";
    case DType::u8:
      return "u8";
    case DType::f64:
      return "f64";
  }
  return "?";
}

}  // namespace troupe::gpu
