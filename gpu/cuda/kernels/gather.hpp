#pragma once

#include <cstddef>
#include <cstdint>

#include "gpu/cuda/node.hpp"
#include "gpu/dtype.hpp"
#include "gpu/formulas/resampling.hpp"
#include "gpu/step_state.hpp"
#include "runtime/base/permutation_inline.hpp"

/// Batches made of records in device memory, with the CPU's bits: TransformChain, as tables that a kernel reads.
namespace troupe::gpu::cuda {

/// A transform. Its place in the table is the layer of its draws.
struct GatherStep {
  enum class Kind : std::uint8_t { scale, normalize, noise, shift, rotate, flip, crop, cutout };
  Kind kind = Kind::scale;
  bool subpixel = false;                       ///< shift
  float factor = 1.0F, offset = 0.0F;          ///< scale
  double amount = 0.0;                         ///< shift: pixels; rotate: degrees; noise: deviation
  double horizontal = 0.0, vertical = 0.0;     ///< flip
  std::int64_t height = 0, width = 0;          ///< crop; cutout: both its side
  std::int64_t padding = 0;                    ///< crop
  std::uint32_t first_pair = 0, channels = 0;  ///< normalize: of GatherTables::factors
};

/// Once over all elements of a row: each is fetched from where the row stood before, then changed by itself.
struct GatherPass {
  enum class Fetch : std::uint8_t { plain, moved, flipped, cropped, cut };
  Fetch fetch = Fetch::plain;
  /// Steps [first, changes) say how it is fetched: as many as move pixels for `moved`, none for `plain`, else one;
  /// [changes, end) are a scale, normalize or noise each.
  std::uint32_t first = 0, changes = 0, end = 0;
  std::uint32_t height = 0, width = 0, channels = 0;  ///< of the row before, unless plain
  std::uint32_t out_width = 0, out_elements = 0;
};

/// What is drawn for a pass at one position.
struct GatherDraws {
  formulas::Affine map;       ///< moved
  formulas::FixedPoint step;  ///< moved: line_step(map)
  std::int64_t top, left;     ///< cropped, cut
  bool horizontal, vertical;  ///< flipped
};

/// All in device memory.
struct GatherTables {
  const std::byte* features = nullptr;  ///< of all samples, one after another
  const std::uint32_t* labels = nullptr;
  std::uint64_t feature_bytes = 0;  ///< of a sample
  DType type = DType::f32;          ///< of its elements
  Feistel samples{};
  std::uint64_t seed = 0, rows = 0;
  const GatherStep* steps = nullptr;
  const GatherPass* passes = nullptr;
  const float* factors = nullptr;  ///< pairs of mean and inverse deviation
  std::uint32_t pass_count = 0;    ///< 0: a row is the sample as it is
  GatherDraws* draws = nullptr;    ///< `pass_count` for each block of threads
  float* images = nullptr;  ///< two a block at most: where a pass leaves what the next one fetches
  std::uint64_t image_elements = 0, block_elements = 0;
};

/// How many blocks of threads there are: one a row, but no more than the largest GPUs hold at once.
unsigned gather_blocks(std::uint64_t rows);

/// Row i is that of position step->position + i; one launch. `features` and `labels` lie at multiples of 4.
void gather(StreamHandle stream, const GatherTables& tables, const StepState* step,
            std::byte* features, std::byte* labels);

}  // namespace troupe::gpu::cuda
