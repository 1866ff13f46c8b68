#include "gpu/cuda/update_tables.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "gpu/nn/update_pieces.hpp"
#include "runtime/base/error.hpp"

namespace troupe::gpu::cuda {
namespace {

constexpr std::size_t table_alignment_bytes = 256;

/// Places one table behind another.
class Places {
 public:
  std::size_t take(std::size_t bytes) {
    const std::size_t at = next_;
    next_ += (bytes + table_alignment_bytes - 1) / table_alignment_bytes * table_alignment_bytes;
    return at;
  }
  std::size_t bytes() const { return next_; }

 private:
  std::size_t next_ = 0;
};

template <class T>
std::size_t bytes_of(const std::vector<T>& table) {
  return table.size() * sizeof(T);
}

template <class T>
void put(std::vector<std::byte>& contents, std::size_t offset_bytes, const std::vector<T>& table) {
  if (!table.empty()) std::memcpy(contents.data() + offset_bytes, table.data(), bytes_of(table));
}

}  // namespace

UpdateTables::UpdateTables(const nn::StateLayout& layout, const nn::OptimizerSpec& optimizer)
    : layout_{layout}, rule_{nn::make_update_rule(optimizer)} {
  nn::check_updatable(layout, optimizer);
  if (layout.buckets.size() > most_buckets) {
    throw Error{ErrorCode::unsupported,
                "cuda: update: expected at most " + std::to_string(most_buckets) +
                    " buckets of gradients, got " + std::to_string(layout.buckets.size())};
  }
  const std::vector<nn::UpdatePiece> pieces = nn::cut_into_pieces(layout);
  for (const nn::UpdatePiece& piece : pieces) {
    const std::size_t gradient = piece.begin - layout.buckets[piece.bucket].begin;
    pieces_.push_back({piece.begin, piece.end, gradient, piece.bucket});
    for (std::size_t begin = piece.begin; begin < piece.end; begin += update_item_elements) {
      const std::size_t elements = std::min(piece.end - begin, update_item_elements);
      items_.push_back({begin, gradient + (begin - piece.begin), piece.bucket, piece.parameter,
                        static_cast<std::uint32_t>(elements),
                        layout.parameters[piece.parameter].decay ? 1U : 0U});
    }
  }
  if (rule_.clip_norm > 0.0) {
    for (const nn::NormBlock& block : nn::cut_into_norm_blocks(layout, pieces)) {
      blocks_.push_back({block.begin, block.end, block.piece});
    }
  }
  for (const nn::StatisticEntry& entry : layout.statistics) {
    statistics_.push_back({entry.channels, entry.momentum, entry.mean_offset_bytes,
                           entry.variance_offset_bytes, entry.moments_offset_bytes});
  }
  Places places;
  items_offset_bytes_ = places.take(bytes_of(items_));
  pieces_offset_bytes_ = places.take(bytes_of(pieces_));
  blocks_offset_bytes_ = places.take(bytes_of(blocks_));
  statistics_offset_bytes_ = places.take(bytes_of(statistics_));
  sums_offset_bytes_ = places.take(squares_scratch(blocks_.size()) * sizeof(double));
  result_offset_bytes_ = places.take(sizeof(UpdateResult));
  bytes_ = places.bytes();
}

std::vector<std::byte> UpdateTables::contents() const {
  std::vector<std::byte> contents(bytes_);
  put(contents, items_offset_bytes_, items_);
  put(contents, pieces_offset_bytes_, pieces_);
  put(contents, blocks_offset_bytes_, blocks_);
  put(contents, statistics_offset_bytes_, statistics_);
  put(contents, result_offset_bytes_, std::vector<UpdateResult>(1));
  return contents;
}

void UpdateTables::prepare(StreamHandle stream, std::byte* memory,
                           const UpdateBindings& bindings) const {
  nn::check_update_bindings(layout_, bindings);
  prepare_update(stream, memory_at(memory), rule_,
                 {bindings.from, bindings.to, bindings.sums, bindings.step}, buckets_of(bindings));
}

void UpdateTables::update(StreamHandle stream, std::byte* memory, const UpdateBindings& bindings,
                          std::size_t begin, std::size_t end) const {
  nn::check_update_bindings(layout_, bindings);
  nn::check_update_range(layout_, begin, end);
  const auto first = std::ranges::upper_bound(
      items_, begin, {}, [](const UpdateItem& item) { return item.begin + item.elements; });
  const auto last = std::ranges::lower_bound(items_, end, {}, &UpdateItem::begin);
  cuda::update(stream, memory_at(memory), rule_,
               {bindings.from, bindings.to, bindings.sums, bindings.step}, buckets_of(bindings),
               layout_.parameter_elements, static_cast<std::size_t>(first - items_.begin()),
               static_cast<std::size_t>(last - items_.begin()), begin, end);
}

std::string UpdateTables::not_finite(const UpdateResult& result) const {
  if (result.first_not_finite != UpdateResult::none) {
    return layout_.parameters[result.first_not_finite].name;
  }
  return result.loss_is_finite != 0 ? "" : "loss";
}

bool UpdateTables::stayed_finite(const UpdateResult& result) {
  return result.ever_not_finite == 0;
}

UpdateMemory UpdateTables::memory_at(std::byte* memory) const {
  return {reinterpret_cast<const UpdateItem*>(memory + items_offset_bytes_),
          reinterpret_cast<const GradientPiece*>(memory + pieces_offset_bytes_),
          reinterpret_cast<const SquaresBlock*>(memory + blocks_offset_bytes_),
          reinterpret_cast<const RunningEntry*>(memory + statistics_offset_bytes_),
          blocks_.size(),
          statistics_.size(),
          reinterpret_cast<double*>(memory + sums_offset_bytes_),
          reinterpret_cast<UpdateResult*>(memory + result_offset_bytes_)};
}

GradientBuckets UpdateTables::buckets_of(const UpdateBindings& bindings) const {
  GradientBuckets buckets{};
  for (std::size_t i = 0; i < bindings.buckets.size(); ++i) {
    buckets.at[i] = reinterpret_cast<const float*>(bindings.buckets[i]);
  }
  return buckets;
}

}  // namespace troupe::gpu::cuda
