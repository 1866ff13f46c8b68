#include "gpu/cuda/kernels/gather.hpp"

#include "gpu/cuda/kernels/elements.cuh"
#include "gpu/formulas/draws.hpp"
#include "gpu/formulas/values.hpp"
#include "runtime/base/normal_inline.hpp"
#include "runtime/base/trigonometry_inline.hpp"

namespace troupe::gpu::cuda {
namespace {

using formulas::Affine;
using formulas::FixedPoint;
using Kind = GatherStep::Kind;
using Fetch = GatherPass::Fetch;

/// A thread takes so many neighbours at once: those that a block of draws gives two normal ones.
constexpr std::uint32_t at_once = 2;

__device__ math::SineCosine sine_and_cosine(double angle) {
  return math::sin_cos_inline(angle);
}

__device__ __forceinline__ Draw4 drawn_bits(const GatherTables& tables, std::uint64_t position,
                                            std::uint32_t layer, std::uint32_t block) {
  return philox4x32_10(philox_key(tables.seed),
                       draw_counter(position, Purpose::augment, layer, block));
}

__device__ Affine drawn_move(const GatherStep& step, const GatherPass& pass, const Draw4& bits) {
  if (step.kind == Kind::shift) {
    return Affine::shift(formulas::shift_distance(bits[0], step.amount, step.subpixel),
                         formulas::shift_distance(bits[1], step.amount, step.subpixel));
  }
  const auto [sine, cosine] = sine_and_cosine(formulas::rotation_angle(bits[0], step.amount));
  return Affine::turn(cosine, sine, pass.height, pass.width);
}

__device__ void draw(const GatherTables& tables, const GatherPass& pass, std::uint64_t position,
                     GatherDraws& drawn) {
  if (pass.fetch == Fetch::plain) return;
  const GatherStep& step = tables.steps[pass.first];
  const Draw4 bits = drawn_bits(tables, position, pass.first, 0);
  switch (pass.fetch) {
    case Fetch::plain:
      break;
    case Fetch::moved: {
      Affine map = drawn_move(step, pass, bits);
      for (std::uint32_t i = pass.first + 1; i < pass.changes; ++i) {
        map = map.then(drawn_move(tables.steps[i], pass, drawn_bits(tables, position, i, 0)));
      }
      drawn.map = map;
      drawn.step = formulas::line_step(map);
      break;
    }
    case Fetch::flipped:
      drawn.horizontal = formulas::happens(bits[0], step.horizontal);
      drawn.vertical = formulas::happens(bits[1], step.vertical);
      break;
    case Fetch::cropped:
      drawn.top = formulas::crop_start(bits[0], pass.height, step.height, step.padding);
      drawn.left = formulas::crop_start(bits[1], pass.width, step.width, step.padding);
      break;
    case Fetch::cut:
      drawn.top = formulas::cutout_start(bits[0], pass.height, step.height);
      drawn.left = formulas::cutout_start(bits[1], pass.width, step.width);
      break;
  }
}

__device__ __forceinline__ float element(const void* from, DType type, std::uint32_t i) {
  switch (type) {
    case DType::u8:
      return static_cast<float>(static_cast<const std::uint8_t*>(from)[i]);
    case DType::i32:
      return static_cast<float>(static_cast<const std::int32_t*>(from)[i]);
    case DType::i64:
      return static_cast<float>(static_cast<const std::int64_t*>(from)[i]);
    case DType::f64:
      return static_cast<float>(static_cast<const double*>(from)[i]);
    default:
      return static_cast<const float*>(from)[i];
  }
}

/// One channel of the pixel in line y and column x, and 0 outside of the image.
__device__ __forceinline__ float pixel(const float* from, const GatherPass& pass, std::int64_t y,
                                       std::int64_t x, std::uint32_t channel) {
  if (y < 0 || y >= pass.height || x < 0 || x >= pass.width) return 0.0F;
  const auto line = static_cast<std::uint32_t>(y), column = static_cast<std::uint32_t>(x);
  return from[(line * pass.width + column) * pass.channels + channel];
}

__device__ __forceinline__ float fetch(const GatherTables& tables, const GatherPass& pass,
                                       const GatherDraws& drawn, const void* source, DType type,
                                       std::uint32_t i) {
  if (pass.fetch == Fetch::plain) return element(source, type, i);
  const auto* const from = static_cast<const float*>(source);
  const std::uint32_t place = i / pass.channels, channel = i % pass.channels;
  const std::int64_t y = place / pass.out_width, x = place % pass.out_width;
  switch (pass.fetch) {
    case Fetch::plain:
      break;
    case Fetch::moved: {
      const FixedPoint start = formulas::line_start(drawn.map, y);
      const FixedPoint at{start.x + x * drawn.step.x, start.y + x * drawn.step.y};
      const std::int64_t line = formulas::whole(at.y), column = formulas::whole(at.x);
      return formulas::mix4(pixel(from, pass, line, column, channel),
                            pixel(from, pass, line, column + 1, channel),
                            pixel(from, pass, line + 1, column, channel),
                            pixel(from, pass, line + 1, column + 1, channel),
                            formulas::fraction(at.x), formulas::fraction(at.y));
    }
    case Fetch::flipped:
      return pixel(from, pass, drawn.vertical ? pass.height - 1 - y : y,
                   drawn.horizontal ? pass.width - 1 - x : x, channel);
    case Fetch::cropped:
      return pixel(from, pass, y + drawn.top, x + drawn.left, channel);
    case Fetch::cut: {
      const std::int64_t side = tables.steps[pass.first].height;
      const bool cut =
          y >= drawn.top && y < drawn.top + side && x >= drawn.left && x < drawn.left + side;
      return cut ? 0.0F : from[i];
    }
  }
  return 0.0F;
}

/// Elements first and first + 1.
__device__ __forceinline__ void change(const GatherTables& tables, std::uint32_t layer,
                                       std::uint64_t position, std::uint32_t first,
                                       float (&values)[at_once]) {
  const GatherStep& step = tables.steps[layer];
  switch (step.kind) {
    case Kind::scale:
      for (float& value : values) value = formulas::scaled(value, step.factor, step.offset);
      break;
    case Kind::normalize:
      for (std::uint32_t k = 0; k < at_once; ++k) {
        const float* const pair =
            tables.factors + 2 * (step.first_pair + (first + k) % step.channels);
        values[k] = formulas::normalized(values[k], pair[0], pair[1]);
      }
      break;
    case Kind::noise: {
      const NormalPolar both = normal_polar(drawn_bits(tables, position, layer, first / at_once));
      const double radius = __builtin_sqrt(both.radius_squared);
      const auto [sine, cosine] = sine_and_cosine(both.angle);
      values[0] = formulas::noisy(values[0], step.amount, radius * cosine);
      values[1] = formulas::noisy(values[1], step.amount, radius * sine);
      break;
    }
    default:
      break;
  }
}

__device__ __forceinline__ void run(const GatherTables& tables, const GatherPass& pass,
                                    const GatherDraws& drawn, std::uint64_t position,
                                    const void* from, DType type, float* to) {
  for (std::uint32_t i = threadIdx.x * at_once; i < pass.out_elements;
       i += block_threads * at_once) {
    const bool pair = i + 1 < pass.out_elements;
    float values[at_once];
    values[0] = fetch(tables, pass, drawn, from, type, i);
    values[1] = pair ? fetch(tables, pass, drawn, from, type, i + 1) : 0.0F;
    for (std::uint32_t layer = pass.changes; layer < pass.end; ++layer) {
      change(tables, layer, position, i, values);
    }
    to[i] = values[0];
    if (pair) to[i + 1] = values[1];
  }
}

/// By one thread of a block.
__device__ std::uint64_t find_sample(const GatherTables& tables, std::uint64_t position,
                                     std::uint32_t* label) {
  const std::uint64_t sample = sample_index_inline(tables.samples, tables.seed, position);
  *label = tables.labels[sample];
  return sample;
}

/// A block of threads a row. Between its passes the row stands in one of two images by turns.
__global__ void __launch_bounds__(block_threads)
    gather_rows(const __grid_constant__ GatherTables tables, const StepState* step, float* features,
                std::uint32_t* labels) {
  __shared__ std::uint64_t sample;
  GatherDraws* const draws = tables.draws + std::size_t{blockIdx.x} * tables.pass_count;
  float* const images = tables.images + blockIdx.x * tables.block_elements;
  for (std::uint64_t row = blockIdx.x; row < tables.rows; row += gridDim.x) {
    const std::uint64_t position = step->position + row;
    for (std::uint32_t p = threadIdx.x; p < tables.pass_count; p += block_threads) {
      draw(tables, tables.passes[p], position, draws[p]);
    }
    // By another warp, as it takes as long as the draws.
    if (threadIdx.x == block_threads - 1) sample = find_sample(tables, position, labels + row);
    for (std::uint32_t p = 0; p < tables.pass_count; ++p) {
      __syncthreads();
      const GatherPass pass = tables.passes[p];
      const bool first = p == 0, last = p + 1 == tables.pass_count;
      const void* from = tables.features + sample * tables.feature_bytes;
      if (!first) from = images + (p - 1) % 2 * tables.image_elements;
      float* const to =
          last ? features + row * pass.out_elements : images + p % 2 * tables.image_elements;
      run(tables, pass, draws[p], position, from, first ? tables.type : DType::f32, to);
    }
    __syncthreads();
  }
}

template <class Word>
__global__ void __launch_bounds__(block_threads)
    gather_words(const __grid_constant__ GatherTables tables, const StepState* step, Word* features,
                 std::uint32_t* labels) {
  __shared__ std::uint64_t sample;
  const std::uint64_t words = tables.feature_bytes / sizeof(Word);
  for (std::uint64_t row = blockIdx.x; row < tables.rows; row += gridDim.x) {
    if (threadIdx.x == 0) sample = find_sample(tables, step->position + row, labels + row);
    __syncthreads();
    const Word* const from = reinterpret_cast<const Word*>(tables.features) + sample * words;
    for (std::uint64_t i = threadIdx.x; i < words; i += block_threads) {
      features[row * words + i] = from[i];
    }
    __syncthreads();
  }
}

template <class Element>
void enqueue(void (*kernel)(GatherTables, const StepState*, Element*, std::uint32_t*),
             StreamHandle stream, const GatherTables& tables, const StepState* step,
             std::byte* features, std::byte* labels) {
  launch(kernel, {gather_blocks(tables.rows)}, {block_threads}, stream, tables, step,
         reinterpret_cast<Element*>(features), reinterpret_cast<std::uint32_t*>(labels));
}

}  // namespace

unsigned gather_blocks(std::uint64_t rows) {
  return static_cast<unsigned>(std::clamp(rows, std::uint64_t{1}, std::uint64_t{1024}));
}

void gather(StreamHandle stream, const GatherTables& tables, const StepState* step,
            std::byte* features, std::byte* labels) {
  if (tables.rows == 0) return;
  using Sixteen = Packet<std::uint32_t, 4>;
  const bool in_sixteens = tables.feature_bytes % sizeof(Sixteen) == 0 &&
                           reinterpret_cast<std::uintptr_t>(features) % sizeof(Sixteen) == 0;
  if (tables.pass_count > 0) {
    enqueue(gather_rows, stream, tables, step, features, labels);
  } else if (in_sixteens) {
    enqueue(gather_words<Sixteen>, stream, tables, step, features, labels);
  } else {
    enqueue(gather_words<std::byte>, stream, tables, step, features, labels);
  }
}

}  // namespace troupe::gpu::cuda
