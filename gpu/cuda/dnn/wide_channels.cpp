#include "gpu/cuda/dnn/wide_channels.hpp"

#include <utility>

#include "gpu/cuda/dnn/scratch.hpp"
#include "gpu/cuda/kernels/copy.hpp"

namespace troupe::gpu::cuda::dnn {
namespace {

class WideNode final : public Node {
 public:
  WideNode(std::unique_ptr<Node> inner, std::int64_t channels, std::int64_t wide,
           std::size_t operand_count, std::vector<ChannelOperand> operands)
      : inner_{std::move(inner)},
        channels_{channels},
        wide_{wide},
        operand_count_{operand_count},
        operands_{std::move(operands)} {
    for (const ChannelOperand& operand : operands_) offsets_.push_back(parts_.add(bytes(operand)));
    inner_at_ = parts_.add(inner_->scratch_bytes());
  }

  std::size_t scratch_bytes() const override { return parts_.bytes(); }

  void enqueue(StreamHandle stream, void* const* operands, void* scratch) override {
    std::vector<void*> inner_operands{operands, operands + operand_count_};
    for (std::size_t i = 0; i < operands_.size(); ++i) {
      const ChannelOperand& operand = operands_[i];
      void* const copy = part_of(scratch, offsets_[i]);
      inner_operands[operand.index] = copy;
      if (operand.output) continue;
      zero(stream, copy, bytes(operand));
      move(stream, operand, operands[operand.index], row_bytes(operand, channels_), copy,
           row_bytes(operand, wide_));
    }
    inner_->enqueue(stream, inner_operands.data(), part_of(scratch, inner_at_));
    for (std::size_t i = 0; i < operands_.size(); ++i) {
      const ChannelOperand& operand = operands_[i];
      if (!operand.output) continue;
      move(stream, operand, part_of(scratch, offsets_[i]), row_bytes(operand, wide_),
           operands[operand.index], row_bytes(operand, channels_));
    }
  }

 private:
  static std::int64_t row_bytes(const ChannelOperand& operand, std::int64_t channels) {
    return channels * static_cast<std::int64_t>(operand.element_bytes);
  }
  std::size_t bytes(const ChannelOperand& operand) const {
    return operand.leading_bytes +
           static_cast<std::size_t>(operand.rows * row_bytes(operand, wide_));
  }
  /// The channels that there are, from rows of one length to rows of another.
  void move(StreamHandle stream, const ChannelOperand& operand, const void* from,
            std::int64_t from_bytes, void* to, std::int64_t to_bytes) const {
    const auto leading = static_cast<std::int64_t>(operand.leading_bytes);
    if (leading > 0) strided_copy(stream, {1, leading, leading, leading}, from, to);
    strided_copy(
        stream,
        {operand.rows, row_bytes(operand, channels_), from_bytes, to_bytes, leading, leading}, from,
        to);
  }

  std::unique_ptr<Node> inner_;
  std::int64_t channels_, wide_;
  std::size_t operand_count_;
  std::vector<ChannelOperand> operands_;
  std::vector<std::size_t> offsets_;
  ScratchParts parts_;
  std::size_t inner_at_ = 0;
};

}  // namespace

std::int64_t wide_channels(std::int64_t channels, DType type) {
  const auto run = std::int64_t{16} / static_cast<std::int64_t>(size_bytes(type));
  return (channels + run - 1) / run * run;
}

std::unique_ptr<Node> with_wide_channels(std::unique_ptr<Node> inner, std::int64_t channels,
                                         std::int64_t wide, std::size_t operand_count,
                                         std::vector<ChannelOperand> operands) {
  return std::make_unique<WideNode>(std::move(inner), channels, wide, operand_count,
                                    std::move(operands));
}

}  // namespace troupe::gpu::cuda::dnn
