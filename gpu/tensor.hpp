#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "gpu/dtype.hpp"
#include "gpu/shape.hpp"

namespace troupe::gpu {

/// Tensors, payloads and slots start at multiples of this.
inline constexpr std::size_t alignment_bytes = 64;

/// One block of a device's memory, freed when its last holder lets go. Neither copied nor moved.
class Storage {
 public:
  using Release = std::function<void(std::byte*)>;
  /// `data` is aligned to `alignment_bytes`; `release` is called once with it.
  Storage(std::byte* data, std::size_t bytes, Release release)
      : data_{data}, size_bytes_{bytes}, release_{std::move(release)} {}
  ~Storage() { release_(data_); }
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  std::byte* data() const { return data_; }
  std::size_t size_bytes() const { return size_bytes_; }

 private:
  std::byte* data_;
  std::size_t size_bytes_;
  Release release_;
};

/// Host memory, zeroed. @throws Error exhausted, naming the size.
std::shared_ptr<Storage> allocate_host(std::size_t bytes);

/// A typed view of a block of memory. Copies share the memory; the count of holders is thread-safe, the
/// contents are whoever's turn it is by streams and events. Row-major unless strides are given.
class Tensor {
 public:
  Tensor() = default;
  /// Contiguous, at `offset_bytes` of `storage`. @throws Error bad_input if it does not fit there.
  Tensor(std::shared_ptr<Storage> storage, DType dtype, const Shape& shape,
         std::size_t offset_bytes = 0);
  /// Host memory of its own, zeroed.
  static Tensor zeros(DType dtype, const Shape& shape);

  DType dtype() const { return dtype_; }
  const Shape& shape() const { return shape_; }
  /// In elements, one an axis; empty stands for row-major and contiguous.
  const Shape& strides() const { return strides_; }
  bool contiguous() const;
  std::int64_t elements() const { return shape_.elements(); }
  std::size_t size_bytes() const;
  std::byte* data() const { return storage_ ? storage_->data() + offset_bytes_ : nullptr; }

  /// The same memory seen otherwise. @throws Error bad_input if the count of elements differs, or if the
  /// tensor is not contiguous.
  Tensor reshaped(const Shape& shape) const;
  /// Rows [begin, end) of the outermost axis. @throws Error bad_input outside of it.
  Tensor rows(std::int64_t begin, std::int64_t end) const;
  /// Two axes exchanged, without a copy: the result has strides.
  Tensor transposed(int first, int second) const;

  /// Host access, contiguous tensors only. @throws Error bad_input if T is not the dtype.
  template <class T>
  std::span<T> values() const {
    check_access(dtype_of<T>());
    return {reinterpret_cast<T*>(data()), static_cast<std::size_t>(elements())};
  }
  std::span<std::byte> bytes() const { return {data(), size_bytes()}; }

 private:
  template <class T>
  static constexpr DType dtype_of() {
    if constexpr (std::is_same_v<T, float>)
      return DType::f32;
    else if constexpr (std::is_same_v<T, double>)
      return DType::f64;
    else if constexpr (std::is_same_v<T, std::int32_t>)
      return DType::i32;
    else if constexpr (std::is_same_v<T, std::int64_t>)
      return DType::i64;
    else if constexpr (std::is_same_v<T, std::uint16_t>)
      return DType::bf16;
    else
      return DType::u8;
  }
  void check_access(DType wanted) const;

  std::shared_ptr<Storage> storage_;
  DType dtype_ = DType::f32;
  Shape shape_;
  Shape strides_;
  std::size_t offset_bytes_ = 0;
};

/// bf16 is the upper half of an f32; to_bf16 rounds to nearest even and keeps NaN a NaN.
std::uint16_t to_bf16(float value);
float from_bf16(std::uint16_t bits);

}  // namespace troupe::gpu
