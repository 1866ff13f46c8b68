#pragma once

#include <vector>

#include "actors/loader/data_spec.hpp"
#include "gpu/shape.hpp"
#include "gpu/transform/transform.hpp"
#include "gpu/transform/transform_chain.hpp"

namespace troupe::actors {

/// What the transforms of a spec are used for.
enum class ChainUse {
  training,    ///< all of them
  evaluation,  ///< the random ones left out: also for predictions
  measuring    ///< those of evaluation, up to the `normalize` that is measured
};

/// The transforms from raw features (a sample of `shape` in u8 or f32) to the f32 that a model takes. For who
/// predicts too: shape, dtype and `measured` stand in the prepared data's manifest, and in a checkpoint. Samples in u8
/// are first converted to f32 as they are, unless the chain begins with a scale.
/// @param measured goes into the `normalize` that has no values; unused if there is none.
/// @throws Error bad_input if the transforms do not fit the sample, or if a random crop that has to be left out
/// would change the shape.
gpu::TransformChain raw_chain(const PreprocessSpec& spec, const gpu::Shape& shape, gpu::DType dtype,
                              const gpu::Normalize& measured, ChainUse use);

}  // namespace troupe::actors
