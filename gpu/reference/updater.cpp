#include "gpu/reference/updater.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "gpu/formulas/update.hpp"
#include "gpu/nn/update_pieces.hpp"
#include "gpu/reference/isa.hpp"
#include "gpu/reference/update_kernels.hpp"
#include "runtime/base/canonical_tree.hpp"
#include "runtime/base/float_environment.hpp"

namespace troupe::gpu::reference {
namespace {

template <class T>
T load(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

const float* floats(const std::byte* bytes) {
  return reinterpret_cast<const float*>(bytes);
}
float* floats(std::byte* bytes) {
  return reinterpret_cast<float*>(bytes);
}

UpdateTable::Update pick(const UpdateTable& table, formulas::UpdateKind kind) {
  switch (kind) {
    case formulas::UpdateKind::sgd:
      return table.sgd;
    case formulas::UpdateKind::momentum:
      return table.momentum;
    case formulas::UpdateKind::nesterov:
      return table.nesterov;
    case formulas::UpdateKind::adagrad:
      return table.adagrad;
    case formulas::UpdateKind::adam:
      return table.adam;
  }
  return nullptr;
}

class CpuUpdater final : public Updater {
 public:
  CpuUpdater(const nn::StateLayout& layout, const nn::OptimizerSpec& optimizer)
      : layout_{layout},
        rule_{nn::make_update_rule(optimizer)},
        pieces_{nn::cut_into_pieces(layout_)},
        table_{TROUPE_PICK_ISA(update_table)},
        kernel_{pick(table_, rule_.kind)} {
    if (rule_.clip_norm > 0.0) {
      norm_blocks_ = nn::cut_into_norm_blocks(layout_, pieces_);
      block_sums_.resize(norm_blocks_.size());
    }
  }

  void prepare(Stream&, const UpdateBindings& bindings) override {
    const FloatEnvironment environment;
    nn::check_update_bindings(layout_, bindings);
    stayed_finite_ = stayed_finite();
    first_not_finite_.store(none, std::memory_order_relaxed);
    const auto loss = load<double>(bindings.sums + nn::StateLayout::loss_offset_bytes);
    loss_is_finite_ = std::isfinite(loss);
    const auto rows = load<std::int64_t>(bindings.sums + nn::StateLayout::rows_offset_bytes);
    factor_ = rows > 0 ? factor(bindings, static_cast<double>(rows)) : 0.0F;
    for (const nn::StatisticEntry& statistic : layout_.statistics) run(statistic, bindings);
  }

  void update(Stream&, const UpdateBindings& bindings, std::size_t begin,
              std::size_t end) override {
    const FloatEnvironment environment;
    nn::check_update_bindings(layout_, bindings);
    nn::check_update_range(layout_, begin, end);
    const UpdateScalars plain = formulas::update_scalars(rule_, *bindings.step, factor_, false);
    const UpdateScalars decaying = formulas::update_scalars(rule_, *bindings.step, factor_, true);
    auto piece = std::ranges::upper_bound(pieces_, begin, {}, &nn::UpdatePiece::end);
    for (; piece != pieces_.end() && piece->begin < end; ++piece) {
      const std::size_t from = std::max(begin, piece->begin);
      const std::size_t until = std::min(end, piece->end);
      const UpdatePiece part{gradient(bindings, *piece, from), floats(bindings.from) + from,
                             floats(bindings.to) + from, layout_.parameter_elements, until - from};
      const bool decays = layout_.parameters[piece->parameter].decay;
      if (kernel_(part, decays ? decaying : plain) != 0) note_not_finite(piece->parameter);
    }
  }

  std::string not_finite() const override {
    const std::uint32_t parameter = first_not_finite_.load(std::memory_order_relaxed);
    if (parameter != none) return layout_.parameters[parameter].name;
    return loss_is_finite_ ? "" : "loss";
  }

  bool stayed_finite() const override {
    return stayed_finite_ && loss_is_finite_ &&
           first_not_finite_.load(std::memory_order_relaxed) == none;
  }

 private:
  static constexpr std::uint32_t none = std::numeric_limits<std::uint32_t>::max();

  const float* gradient(const UpdateBindings& bindings, const nn::UpdatePiece& piece,
                        std::size_t element) const {
    return floats(bindings.buckets[piece.bucket]) + (element - layout_.buckets[piece.bucket].begin);
  }

  /// L2 norm of the gradient times `mean_factor` (JOB-4).
  double norm(const UpdateBindings& bindings, float mean_factor) {
    if (norm_blocks_.empty()) return 0.0;
    for (std::size_t block = 0; block < norm_blocks_.size(); ++block) {
      block_sums_[block] = sum_of_squares(norm_blocks_[block], bindings, mean_factor);
    }
    return std::sqrt(tree_sum(
        block_sums_.size(), [this](std::uint64_t index) { return block_sums_[index]; },
        [](double left, double right) { return left + right; }));
  }

  /// In lanes, then halves onto halves: the same order on every ISA.
  double sum_of_squares(const nn::NormBlock& block, const UpdateBindings& bindings,
                        float mean_factor) const {
    std::array<double, nn::norm_lanes> lanes{};
    std::size_t at = block.begin;
    for (std::size_t piece = block.piece; at < block.end; ++piece) {
      const std::size_t until = std::min(block.end, pieces_[piece].end);
      table_.add_squares(gradient(bindings, pieces_[piece], at), until - at, mean_factor,
                         lanes.data());
      at = until;
    }
    for (std::size_t width = nn::norm_lanes / 2; width > 0; width /= 2) {
      for (std::size_t lane = 0; lane < width; ++lane) lanes[lane] += lanes[lane + width];
    }
    return lanes[0];
  }

  float factor(const UpdateBindings& bindings, double rows) {
    const float mean_factor = formulas::mean_factor(rows);
    if (rule_.clip_norm <= 0.0) return mean_factor;
    return formulas::clipped_factor(norm(bindings, mean_factor), rule_.clip_norm, rows);
  }

  /// Of one batch norm.
  void run(const nn::StatisticEntry& statistic, const UpdateBindings& bindings) const {
    const auto channels = static_cast<std::size_t>(statistic.channels);
    const std::byte* const moments = bindings.sums + statistic.moments_offset_bytes;
    const formulas::RunningStatistics running{load<double>(moments), statistic.momentum};
    const float* const from_mean = floats(bindings.from + statistic.mean_offset_bytes);
    const float* const from_variance = floats(bindings.from + statistic.variance_offset_bytes);
    float* const to_mean = floats(bindings.to + statistic.mean_offset_bytes);
    float* const to_variance = floats(bindings.to + statistic.variance_offset_bytes);
    for (std::size_t channel = 0; channel < channels; ++channel) {
      const std::byte* const first = moments + (1 + channel) * sizeof(double);
      const auto mean = load<double>(first);
      const auto square = load<double>(first + channels * sizeof(double));
      to_mean[channel] = running.mean(from_mean[channel], mean);
      to_variance[channel] = running.variance(from_variance[channel], mean, square);
    }
  }

  void note_not_finite(std::uint32_t parameter) {
    std::uint32_t first = first_not_finite_.load(std::memory_order_relaxed);
    while (parameter < first &&
           !first_not_finite_.compare_exchange_weak(first, parameter, std::memory_order_relaxed)) {
    }
  }

  nn::StateLayout layout_;
  formulas::UpdateRule rule_;
  std::vector<nn::UpdatePiece> pieces_;
  const UpdateTable& table_;
  UpdateTable::Update kernel_;
  std::vector<nn::NormBlock> norm_blocks_;  // filled only when there is a norm to compute
  std::vector<double> block_sums_;
  float factor_ = 0.0F;
  bool loss_is_finite_ = true;
  bool stayed_finite_ = true;  // before the latest prepare()
  std::atomic<std::uint32_t> first_not_finite_{none};
};

}  // namespace

std::unique_ptr<Updater> make_cpu_updater(const nn::StateLayout& layout,
                                          const nn::OptimizerSpec& optimizer) {
  nn::check_updatable(layout, optimizer);
  return std::make_unique<CpuUpdater>(layout, optimizer);
}

}  // namespace troupe::gpu::reference
