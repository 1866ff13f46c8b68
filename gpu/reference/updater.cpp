#include "gpu/reference/updater.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <numeric>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "gpu/reference/isa.hpp"
#include "gpu/reference/update_kernels.hpp"
#include "runtime/base/canonical_tree.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/float_environment.hpp"

namespace troupe::gpu::reference {
namespace {

constexpr std::size_t lane_elements = 16;
constexpr std::size_t block_elements = 4096;  // of the gradient's norm (JOB-4)

[[noreturn]] void refuse(const std::string& what) {
  throw Error{ErrorCode::bad_input, "update: " + what};
}

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

/// Elements [begin, end) of the parameter space, of one parameter in one bucket; without padding.
struct Piece {
  std::size_t begin, end;
  std::uint32_t parameter, bucket;
};

std::vector<Piece> cut_into_pieces(const nn::StateLayout& layout) {
  std::vector<Piece> pieces;
  std::uint32_t bucket = 0;
  for (std::uint32_t parameter = 0; parameter < layout.parameters.size(); ++parameter) {
    const nn::ParameterEntry& entry = layout.parameters[parameter];
    const std::size_t end = entry.begin + static_cast<std::size_t>(entry.shape.elements());
    for (std::size_t begin = entry.begin; begin < end;) {
      while (layout.buckets[bucket].end <= begin) ++bucket;
      const std::size_t until = std::min(end, layout.buckets[bucket].end);
      pieces.push_back({begin, until, parameter, bucket});
      begin = until;
    }
  }
  return pieces;
}

/// The kernel of an algorithm.
struct PickKernel {
  const UpdateTable& table;

  UpdateTable::Update operator()(const nn::Sgd& sgd) const {
    if (sgd.momentum == 0.0) return table.sgd;
    return sgd.nesterov ? table.nesterov : table.momentum;
  }
  UpdateTable::Update operator()(const nn::Adagrad&) const { return table.adagrad; }
  UpdateTable::Update operator()(const nn::Adam&) const { return table.adam; }
  UpdateTable::Update operator()(const nn::AdamW&) const { return table.adam; }
};

/// What an algorithm makes of a step, for a parameter that decays or does not.
struct MakeScalars {
  const StepState& step;
  float factor;
  bool decays;

  UpdateScalars operator()(const nn::Sgd& sgd) const {
    UpdateScalars scalars = common(sgd.weight_decay);
    scalars.momentum = static_cast<float>(sgd.momentum);
    return scalars;
  }
  UpdateScalars operator()(const nn::Adagrad& adagrad) const {
    UpdateScalars scalars = common(adagrad.weight_decay);
    scalars.epsilon = static_cast<float>(adagrad.epsilon);
    return scalars;
  }
  UpdateScalars operator()(const nn::Adam& adam) const {
    return any_adam(common(adam.weight_decay), adam.beta1, adam.beta2, adam.epsilon);
  }
  UpdateScalars operator()(const nn::AdamW& adam) const {
    UpdateScalars scalars = any_adam(common(0.0), adam.beta1, adam.beta2, adam.epsilon);
    if (decays) scalars.shrink = static_cast<float>(step.learning_rate * adam.weight_decay);
    return scalars;
  }

  UpdateScalars common(double decay) const {
    UpdateScalars scalars;
    scalars.factor = factor;
    scalars.rate = static_cast<float>(step.learning_rate);
    scalars.decay = decays ? static_cast<float>(decay) : 0.0F;
    return scalars;
  }
  UpdateScalars any_adam(UpdateScalars scalars, double beta1, double beta2, double epsilon) const {
    const double root = std::sqrt(step.bias_correction_2);  // IEEE 754 fixes its bits
    scalars.rate = static_cast<float>(step.learning_rate * root / step.bias_correction_1);
    scalars.rest1 = static_cast<float>(1.0 - beta1);
    scalars.rest2 = static_cast<float>(1.0 - beta2);
    scalars.epsilon = static_cast<float>(epsilon * root);
    return scalars;
  }
};

class CpuUpdater final : public Updater {
 public:
  CpuUpdater(const nn::StateLayout& layout, const nn::OptimizerSpec& optimizer)
      : layout_{layout},
        optimizer_{optimizer},
        pieces_{cut_into_pieces(layout_)},
        table_{TROUPE_PICK_ISA(update_table)},
        kernel_{std::visit(PickKernel{table_}, optimizer_.algorithm)} {
    if (optimizer_.clip_norm) order_for_norm();
  }

  void prepare(Stream&, const UpdateBindings& bindings) override {
    const FloatEnvironment environment;
    check_bindings(bindings);
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
    check_bindings(bindings);
    check_range(begin, end);
    const UpdateScalars plain =
        std::visit(MakeScalars{*bindings.step, factor_, false}, optimizer_.algorithm);
    const UpdateScalars decaying =
        std::visit(MakeScalars{*bindings.step, factor_, true}, optimizer_.algorithm);
    auto piece = std::ranges::upper_bound(pieces_, begin, {}, &Piece::end);
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

 private:
  static constexpr std::uint32_t none = std::numeric_limits<std::uint32_t>::max();

  void check_bindings(const UpdateBindings& bindings) const {
    const std::less<const std::byte*> before;
    if (before(bindings.from, bindings.to + layout_.slot_bytes) &&
        before(bindings.to, bindings.from + layout_.slot_bytes)) {
      refuse("expected two slots, got one to update in place");
    }
    if (bindings.buckets.size() != layout_.buckets.size()) {
      refuse("expected " + std::to_string(layout_.buckets.size()) + " buckets, got " +
             std::to_string(bindings.buckets.size()));
    }
  }

  void check_range(std::size_t begin, std::size_t end) const {
    if (begin <= end && end <= layout_.parameter_elements && begin % lane_elements == 0 &&
        end % lane_elements == 0) {
      return;
    }
    refuse("expected a range of multiples of 16 in [0, " +
           std::to_string(layout_.parameter_elements) + "], got [" + std::to_string(begin) + ", " +
           std::to_string(end) + ")");
  }

  const float* gradient(const UpdateBindings& bindings, const Piece& piece,
                        std::size_t element) const {
    return floats(bindings.buckets[piece.bucket]) + (element - layout_.buckets[piece.bucket].begin);
  }

  /// The pieces by name of their parameter, and room for a sum a block.
  void order_for_norm() {
    std::size_t blocks = 0;
    for (const nn::ParameterEntry& parameter : layout_.parameters) {
      const auto elements = static_cast<std::size_t>(parameter.shape.elements());
      blocks += (elements + block_elements - 1) / block_elements;
    }
    block_sums_.resize(blocks);
    by_name_.resize(pieces_.size());
    std::iota(by_name_.begin(), by_name_.end(), std::size_t{0});
    std::ranges::stable_sort(by_name_, {}, [this](std::size_t piece) -> const std::string& {
      return layout_.parameters[pieces_[piece].parameter].name;
    });
  }

  /// L2 norm of the gradient times `mean_factor` (JOB-4).
  double norm(const UpdateBindings& bindings, float mean_factor) {
    std::size_t block = 0;
    std::array<double, lane_elements> lanes{};
    for (const std::size_t index : by_name_) {
      const Piece& piece = pieces_[index];
      const nn::ParameterEntry& parameter = layout_.parameters[piece.parameter];
      const std::size_t end =
          parameter.begin + static_cast<std::size_t>(parameter.shape.elements());
      for (std::size_t at = piece.begin; at < piece.end;) {
        const std::size_t into_block = (at - parameter.begin) % block_elements;
        const std::size_t count = std::min(block_elements - into_block, piece.end - at);
        table_.add_squares(gradient(bindings, piece, at), count, mean_factor, lanes.data());
        at += count;
        if (into_block + count == block_elements || at == end) {
          block_sums_[block++] = take_sum(lanes);
        }
      }
    }
    if (block_sums_.empty()) return 0.0;
    return std::sqrt(tree_sum(
        block_sums_.size(), [this](std::uint64_t index) { return block_sums_[index]; },
        [](double left, double right) { return left + right; }));
  }

  /// Halves onto halves: the same order on every ISA. Leaves zeros.
  static double take_sum(std::array<double, lane_elements>& lanes) {
    for (std::size_t width = lane_elements / 2; width > 0; width /= 2) {
      for (std::size_t lane = 0; lane < width; ++lane) lanes[lane] += lanes[lane + width];
    }
    const double sum = lanes[0];
    lanes.fill(0.0);
    return sum;
  }

  float factor(const UpdateBindings& bindings, double rows) {
    const auto mean_factor = static_cast<float>(1.0 / rows);
    if (!optimizer_.clip_norm) return mean_factor;
    const double length = norm(bindings, mean_factor);
    if (!(length > *optimizer_.clip_norm)) return mean_factor;
    return static_cast<float>(*optimizer_.clip_norm / length / rows);
  }

  /// running = (1 - momentum) · running + momentum · measured, of one batch norm.
  void run(const nn::StatisticEntry& statistic, const UpdateBindings& bindings) const {
    const auto channels = static_cast<std::size_t>(statistic.channels);
    const std::byte* const moments = bindings.sums + statistic.moments_offset_bytes;
    const auto count = load<double>(moments);
    const double momentum = count > 0.0 ? statistic.momentum : 0.0;
    const double mean_scale = count > 0.0 ? 1.0 / count : 0.0;
    const double unbiased = count > 1.0 ? count / (count - 1.0) : 1.0;
    const float* const from_mean = floats(bindings.from + statistic.mean_offset_bytes);
    const float* const from_variance = floats(bindings.from + statistic.variance_offset_bytes);
    float* const to_mean = floats(bindings.to + statistic.mean_offset_bytes);
    float* const to_variance = floats(bindings.to + statistic.variance_offset_bytes);
    for (std::size_t channel = 0; channel < channels; ++channel) {
      const std::byte* const first = moments + (1 + channel) * sizeof(double);
      const double mean = load<double>(first) * mean_scale;
      const double square = load<double>(first + channels * sizeof(double)) * mean_scale;
      const double variance = std::max(square - mean * mean, 0.0) * unbiased;
      to_mean[channel] =
          static_cast<float>((1.0 - momentum) * from_mean[channel] + momentum * mean);
      to_variance[channel] =
          static_cast<float>((1.0 - momentum) * from_variance[channel] + momentum * variance);
    }
  }

  void note_not_finite(std::uint32_t parameter) {
    std::uint32_t first = first_not_finite_.load(std::memory_order_relaxed);
    while (parameter < first &&
           !first_not_finite_.compare_exchange_weak(first, parameter, std::memory_order_relaxed)) {
    }
  }

  nn::StateLayout layout_;
  nn::OptimizerSpec optimizer_;
  std::vector<Piece> pieces_;
  const UpdateTable& table_;
  UpdateTable::Update kernel_;
  std::vector<std::size_t> by_name_;  // pieces; filled only when there is a norm to compute
  std::vector<double> block_sums_;
  float factor_ = 0.0F;
  bool loss_is_finite_ = true;
  std::atomic<std::uint32_t> first_not_finite_{none};
};

}  // namespace

std::unique_ptr<Updater> make_cpu_updater(const nn::StateLayout& layout,
                                          const nn::OptimizerSpec& optimizer) {
  nn::check(optimizer);
  if (layout.optimizer_states != nn::state_names(optimizer)) {
    refuse("expected a layout with the states that the optimizer keeps, got others");
  }
  return std::make_unique<CpuUpdater>(layout, optimizer);
}

}  // namespace troupe::gpu::reference
