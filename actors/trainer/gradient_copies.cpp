#include "actors/trainer/gradient_copies.hpp"

#include <cstring>

namespace troupe::actors {

using namespace gpu;

GradientCopies::GradientCopies(Device& device, const nn::StateLayout& layout)
    : layout_{layout},
      stream_{device.make_stream()},
      copied_{device.make_event()},
      staging_{
          device.allocate_staging(layout.parameter_elements * sizeof(float) + layout.sums_bytes,
                                  "the gradients of a part")} {}

void GradientCopies::begin(const nn::Plan& plan, std::uint64_t runs, nn::ShardReduction& reduction,
                           const nn::ShardReduction::Additions& additions) {
  const nn::ShardReduction::Buffers sum = reduction.result();
  // The sums are complete before backward begins.
  plan.event(layout_.buckets.size()).wait(runs);
  reduction.add_sums(*stream_, additions);
  stream_->copy(staging_->data() + layout_.parameter_elements * sizeof(float), sum.sums,
                layout_.sums_bytes);
  stream_->record(*copied_);
  for (std::size_t i = 0; i < layout_.buckets.size(); ++i) {
    plan.event(i).wait(runs);
    reduction.add_bucket(*stream_, additions, i);
    stream_->copy(staging_->data() + layout_.buckets[i].begin * sizeof(float), sum.buckets[i],
                  layout_.buckets[i].size_bytes());
    stream_->record(*copied_);
  }
}

void GradientCopies::finish(std::span<std::byte> gradient, std::span<std::byte> sums) {
  const std::byte* const from = staging_->data();
  copied_->wait(++copies_);
  std::memcpy(sums.data(), from + layout_.parameter_elements * sizeof(float), sums.size());
  for (const nn::Bucket& bucket : layout_.buckets) {
    copied_->wait(++copies_);
    std::memcpy(gradient.data() + bucket.begin * sizeof(float), from + bucket.begin * sizeof(float),
                bucket.size_bytes());
  }
}

}  // namespace troupe::actors
