#include "actors/evaluator/row_source.hpp"

#include <cstring>

#include "runtime/base/error.hpp"

namespace troupe::actors {
namespace {

std::size_t sample_bytes(const SavedModel& model) {
  return static_cast<std::size_t>(model.prepared.shape.elements()) *
         gpu::size_bytes(model.prepared.dtype);
}

}  // namespace

MemoryRows::MemoryRows(std::shared_ptr<const SavedModel> model, std::vector<std::byte> samples,
                       std::vector<std::byte> labels)
    : model_{std::move(model)}, samples_{std::move(samples)}, labels_{std::move(labels)} {
  if (labels_.size() % label_bytes == 0 && samples_.size() == size() * sample_bytes(*model_))
    return;
  throw Error{ErrorCode::bad_input,
              "rows: expected samples of " + std::to_string(sample_bytes(*model_)) +
                  " bytes, as many as labels, got " + std::to_string(samples_.size()) +
                  " bytes and " + std::to_string(labels_.size()) + " of labels"};
}

void MemoryRows::rows(std::uint64_t first, std::uint64_t count, std::byte* features,
                      std::byte* labels) {
  const std::size_t in = sample_bytes(*model_);
  const std::size_t out =
      static_cast<std::size_t>(model_->transforms.out_shape().elements()) * sizeof(float);
  for (std::uint64_t i = 0; i < count; ++i) {
    model_->transforms.apply(std::span{samples_}.subspan((first + i) * in, in), 0, 0,
                             {features + i * out, out}, scratch_);
  }
  std::memcpy(labels, labels_.data() + first * label_bytes, count * label_bytes);
}

}  // namespace troupe::actors
