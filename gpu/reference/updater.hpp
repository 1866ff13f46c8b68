#pragma once

#include <memory>

#include "gpu/device.hpp"
#include "gpu/nn/optimizer.hpp"
#include "gpu/nn/state_layout.hpp"

namespace troupe::gpu::reference {

/// The updater of host memory. It computes on the calling thread, under FloatEnvironment (JOB-6), and leaves the
/// stream alone. Equal inputs give equal bits, however [begin, end) is cut or
/// shared among threads. Bound memory is aligned to 64 bytes.
///
/// - Scalars are computed in f64 and rounded once, elements in f32; nothing is contracted.
/// - The factor is f32(1 / rows); with a clip_norm, and a norm of the elements f32(sum · f32(1 / rows)) above it,
///   f32(clip_norm / norm / rows). Without counted rows it is 0.
/// - Running statistics, in f64: mean = Σ n·mean / Σ n, variance = Σ n·(var + mean²) / Σ n - mean², of which the
///   unbiased n / (n - 1) fold is what runs. Without counted values they stay.
/// - Neither the gradient's padding nor its values where no element lies are read; the slot's padding stays zero.
/// - not_finite() speaks of the gradient's sums, since the latest prepare(); where those were finite and the loss
///   was not, it says "loss".
///
/// prepare() and update() allocate nothing, and throw Error bad_input for a `to` that overlaps `from`, a wrong
/// count of buckets, or a range that is none.
///
/// @throws Error bad_input if the optimizer fails its check or keeps other states than the layout has.
std::unique_ptr<Updater> make_cpu_updater(const nn::StateLayout& layout,
                                          const nn::OptimizerSpec& optimizer);

}  // namespace troupe::gpu::reference
