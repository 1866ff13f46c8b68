#include "gpu/cuda/kernels/update.hpp"

#include "gpu/cuda/kernels/block_sum.cuh"
#include "gpu/cuda/kernels/elements.cuh"
#include "gpu/nn/state_layout.hpp"
#include "gpu/nn/update_pieces.hpp"

namespace troupe::gpu::cuda {
namespace {

constexpr int at_once = packet_of<float>;
static_assert(update_item_elements == block_threads * at_once);

__device__ __forceinline__ double counted_rows(const std::byte* sums) {
  return static_cast<double>(
      *reinterpret_cast<const std::int64_t*>(sums + nn::StateLayout::rows_offset_bytes));
}

/// The leaves of the norm's tree. A block of threads brings a leaf's elements near; sixteen of them add up, since each of
/// sixteen lanes has an order (JOB-4).
__global__ void __launch_bounds__(block_threads)
    sum_squares(const __grid_constant__ UpdateMemory memory,
                const __grid_constant__ UpdateAddresses addresses,
                const __grid_constant__ GradientBuckets buckets) {
  constexpr unsigned lanes = nn::norm_lanes;
  __shared__ float elements[nn::norm_block_elements];
  const float factor = formulas::mean_factor(counted_rows(addresses.sums));
  for (std::uint64_t index = blockIdx.x; index < memory.block_count; index += gridDim.x) {
    const SquaresBlock block = memory.blocks[index];
    std::uint64_t at = block.begin;
    for (std::uint64_t piece = block.piece; at < block.end; ++piece) {
      const GradientPiece part = memory.pieces[piece];
      const std::uint64_t until = part.end < block.end ? part.end : block.end;
      const float* const gradient = buckets.at[part.bucket] + part.gradient + (at - part.begin);
      for (std::uint64_t i = threadIdx.x; i < until - at; i += block_threads) {
        elements[at - block.begin + i] = gradient[i];
      }
      at = until;
    }
    __syncthreads();
    if (threadIdx.x < warp_threads) {
      double sum = 0.0;
      if (threadIdx.x < lanes) {
        for (std::uint64_t i = threadIdx.x; i < block.end - block.begin; i += lanes) {
          sum += formulas::mean_square(elements[i], factor);
        }
      }
#pragma unroll
      for (int half = lanes / 2; half > 0; half /= 2) {
        sum += __shfl_xor_sync(all_lanes, sum, half);
      }
      if (threadIdx.x == 0) memory.sums[index] = sum;
    }
    __syncthreads();
  }
}

/// The canonical tree over values[0 … count - 1], by one block: neighbours in pairs, level by level, where an odd last
/// one is carried up. Leaves its sum in the place that it returns, and nothing else.
__device__ const double* sum_by_tree(double* values, std::size_t count) {
  double* from = values;
  double* to = values + count;
  while (count > 1) {
    const std::size_t pairs = count / 2;
    for (std::size_t i = threadIdx.x; i < pairs; i += block_threads) {
      to[i] = from[2 * i] + from[2 * i + 1];
    }
    if (count % 2 == 1 && threadIdx.x == 0) to[pairs] = from[count - 1];
    count = (count + 1) / 2;
    double* const next = from;
    from = to;
    to = next;
    __syncthreads();
  }
  return from;
}

__device__ void prepare_scalars(const UpdateMemory& memory, const formulas::UpdateRule& rule,
                                const UpdateAddresses& addresses) {
  const double* square = nullptr;
  if (memory.block_count > 0) square = sum_by_tree(memory.sums, memory.block_count);
  if (threadIdx.x != 0) return;
  const double rows = counted_rows(addresses.sums);
  const double norm = square != nullptr ? __builtin_sqrt(*square) : 0.0;
  float factor = 0.0F;
  if (rows > 0.0) {
    factor = square != nullptr ? formulas::clipped_factor(norm, rule.clip_norm, rows)
                               : formulas::mean_factor(rows);
  }
  const double loss =
      *reinterpret_cast<const double*>(addresses.sums + nn::StateLayout::loss_offset_bytes);
  UpdateResult& result = *memory.result;
  result.norm = norm;
  result.plain = formulas::update_scalars(rule, *addresses.step, factor, false);
  result.decaying = formulas::update_scalars(rule, *addresses.step, factor, true);
  result.first_not_finite = UpdateResult::none;
  result.loss_is_finite = loss - loss == 0.0 ? 1 : 0;
  if (result.loss_is_finite == 0) result.ever_not_finite = 1;
}

__device__ void run_statistics(const RunningEntry& entry, const UpdateAddresses& addresses) {
  const auto* const moments =
      reinterpret_cast<const double*>(addresses.sums + entry.moments_offset_bytes);
  const auto at = [](auto* slot, std::uint64_t offset_bytes, std::int64_t channel) {
    return slot + offset_bytes + static_cast<std::uint64_t>(channel) * sizeof(float);
  };
  const formulas::RunningStatistics running{moments[0], entry.momentum};
  for (std::int64_t c = threadIdx.x; c < entry.channels; c += block_threads) {
    const double mean = moments[1 + c], square = moments[1 + entry.channels + c];
    *reinterpret_cast<float*>(at(addresses.to, entry.mean_offset_bytes, c)) = running.mean(
        *reinterpret_cast<const float*>(at(addresses.from, entry.mean_offset_bytes, c)), mean);
    *reinterpret_cast<float*>(at(addresses.to, entry.variance_offset_bytes, c)) = running.variance(
        *reinterpret_cast<const float*>(at(addresses.from, entry.variance_offset_bytes, c)), mean,
        square);
  }
}

/// The first block has the scalars, the others the running statistics.
__global__ void __launch_bounds__(block_threads)
    prepare(const __grid_constant__ UpdateMemory memory,
            const __grid_constant__ formulas::UpdateRule rule,
            const __grid_constant__ UpdateAddresses addresses) {
  if (blockIdx.x == 0) return prepare_scalars(memory, rule, addresses);
  for (std::size_t i = blockIdx.x - 1; i < memory.statistic_count; i += gridDim.x - 1) {
    run_statistics(memory.statistics[i], addresses);
  }
}

using Four = Packet<float, at_once>;

/// The gradient of elements that the parameter has, and 0 for its padding, of which nothing is known.
__device__ __forceinline__ Four load_gradient(const float* gradient, std::int64_t known) {
  if (known >= at_once) return *reinterpret_cast<const Four*>(gradient);
  Four values;
#pragma unroll
  for (int k = 0; k < at_once; ++k) values.at[k] = k < known ? gradient[k] : 0.0F;
  return values;
}

template <class Rule>
__global__ void __launch_bounds__(block_threads)
    update_items(const __grid_constant__ UpdateMemory memory,
                 const __grid_constant__ UpdateAddresses addresses,
                 const __grid_constant__ GradientBuckets buckets, std::uint64_t state_stride,
                 std::uint64_t first_item, std::uint64_t end_item, std::uint64_t begin,
                 std::uint64_t end) {
  constexpr std::uint64_t padded = nn::norm_lanes;
  const auto* const from = reinterpret_cast<const float*>(addresses.from);
  auto* const to = reinterpret_cast<float*>(addresses.to);
  for (std::uint64_t index = first_item + blockIdx.x; index < end_item; index += gridDim.x) {
    const UpdateItem item = memory.items[index];
    const std::uint64_t within = std::uint64_t{threadIdx.x} * at_once;
    const std::uint64_t element = item.begin + within;
    if (within >= (item.elements + padded - 1) / padded * padded) continue;
    if (element < begin || element >= end) continue;
    const formulas::UpdateScalars scalars =
        item.decays != 0 ? memory.result->decaying : memory.result->plain;
    const Four gradient = load_gradient(buckets.at[item.bucket] + item.gradient + within,
                                        item.elements - static_cast<std::int64_t>(within));
    Four parameter = *reinterpret_cast<const Four*>(from + element);
    Four first{}, second{};
    if constexpr (Rule::states > 0) {
      first = *reinterpret_cast<const Four*>(from + state_stride + element);
    }
    if constexpr (Rule::states > 1) {
      second = *reinterpret_cast<const Four*>(from + 2 * state_stride + element);
    }
    std::uint32_t bits = 0;
#pragma unroll
    for (int k = 0; k < at_once; ++k) {
      bits |= formulas::not_finite_bits(gradient.at[k]);
      parameter.at[k] =
          Rule::next(scalars, gradient.at[k], parameter.at[k], first.at[k], second.at[k]);
    }
    *reinterpret_cast<Four*>(to + element) = parameter;
    if constexpr (Rule::states > 0) {
      *reinterpret_cast<Four*>(to + state_stride + element) = first;
    }
    if constexpr (Rule::states > 1) {
      *reinterpret_cast<Four*>(to + 2 * state_stride + element) = second;
    }
    if (bits != 0) {
      atomicMin(&memory.result->first_not_finite, item.parameter);
      memory.result->ever_not_finite = 1;
    }
  }
}

/// Calls visit(Rule{}).
template <class Visit>
void with_rule(formulas::UpdateKind kind, Visit visit) {
  switch (kind) {
    case formulas::UpdateKind::sgd:
      return visit(formulas::Sgd{});
    case formulas::UpdateKind::momentum:
      return visit(formulas::SgdWithMomentum<false>{});
    case formulas::UpdateKind::nesterov:
      return visit(formulas::SgdWithMomentum<true>{});
    case formulas::UpdateKind::adagrad:
      return visit(formulas::Adagrad{});
    case formulas::UpdateKind::adam:
      return visit(formulas::Adam{});
  }
}

/// A block for each of `count` things, up to the most.
dim3 one_block_each(std::size_t count, unsigned others = 0) {
  return {others + static_cast<unsigned>(std::min(count, static_cast<std::size_t>(most_blocks)))};
}

}  // namespace

void prepare_update(StreamHandle stream, const UpdateMemory& memory,
                    const formulas::UpdateRule& rule, const UpdateAddresses& addresses,
                    const GradientBuckets& buckets) {
  if (memory.block_count > 0) {
    launch(sum_squares, one_block_each(memory.block_count), {block_threads}, stream, memory,
           addresses, buckets);
  }
  launch(prepare, one_block_each(memory.statistic_count, 1), {block_threads}, stream, memory, rule,
         addresses);
}

void update(StreamHandle stream, const UpdateMemory& memory, const formulas::UpdateRule& rule,
            const UpdateAddresses& addresses, const GradientBuckets& buckets,
            std::size_t state_stride, std::size_t first_item, std::size_t end_item,
            std::size_t begin, std::size_t end) {
  if (first_item >= end_item) return;
  with_rule(rule.kind, [&]<class Rule>(Rule) {
    launch(update_items<Rule>, one_block_each(end_item - first_item), {block_threads}, stream,
           memory, addresses, buckets, state_stride, first_item, end_item, begin, end);
  });
}

}  // namespace troupe::gpu::cuda
