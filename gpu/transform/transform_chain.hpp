#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "gpu/dtype.hpp"
#include "gpu/shape.hpp"
#include "gpu/transform/transform.hpp"

namespace troupe::gpu {

/// Memory that TransformChain::apply works in: one for each thread, for any chains in turn. It grows to
/// what a chain needs at the first call and stays so.
class TransformScratch {
 private:
  friend class TransformChain;
  std::vector<float> values_;  // the sample as far as it has come
  std::vector<float> source_;  // what a step that moves pixels reads from
};

/// Transforms one after another, checked once for samples of one shape and type.
///
/// The result is a function of (sample, seed, position): transform i of the chain takes its n-th random
/// draw from element n of (seed, position, augment, layer i), or a gaussian one from elements 2n and
/// 2n + 1 (JOB-3), and computes in f32 in a fixed order (JOB-6), so its bits depend neither on thread nor on order. Immutable, and safe to use from
/// any thread.
class TransformChain {
 public:
  /// @throws Error bad_input that lists every problem that check() finds.
  TransformChain(std::vector<Transform> transforms, const Shape& in, DType in_dtype);

  const std::vector<Transform>& transforms() const { return transforms_; }
  /// Before each transform, and after the last.
  const std::vector<Shape>& shapes() const { return shapes_; }
  /// Mean and inverse deviation of each channel in turn, or once for all, where transform i is a Normalize.
  std::span<const float> factors(std::size_t i) const { return factors_[i]; }
  const Shape& in_shape() const { return shapes_.front(); }
  const Shape& out_shape() const { return shapes_.back(); }
  DType in_dtype() const { return in_dtype_; }
  /// f32, or that of the samples for a chain without transforms.
  DType out_dtype() const { return out_dtype_; }

  /// Transforms one sample; both spans are row-major, have exactly the sizes of their shapes, need no
  /// alignment and do not overlap. Allocates nothing, once `scratch` has served this chain.
  /// @throws Error bad_input for spans of other sizes and for a label that is not in its range.
  void apply(std::span<const std::byte> in, std::uint64_t seed, std::uint64_t position,
             std::span<std::byte> out, TransformScratch& scratch) const;

 private:
  class Run;

  std::vector<Transform> transforms_;
  std::vector<Shape> shapes_;
  std::vector<std::vector<float>> factors_;
  DType in_dtype_;
  DType out_dtype_;
  std::size_t values_size_ = 0;  // elements of scratch
  std::size_t source_size_ = 0;
};

}  // namespace troupe::gpu
