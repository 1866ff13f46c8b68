#include "actors/pipeline/prepared_rows.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "actors/loader/prepared_data.hpp"
#include "runtime/base/error.hpp"

namespace troupe::actors {
namespace {

class PreparedRows final : public RowSource {
 public:
  PreparedRows(std::shared_ptr<const SavedModel> model, PreparedData data, Split split)
      : model_{std::move(model)}, data_{std::move(data)}, split_{split} {}

  std::uint64_t size() const override { return data_.size(split_); }

  void rows(std::uint64_t first, std::uint64_t count, std::byte* features,
            std::byte* labels) override {
    const std::size_t bytes =
        static_cast<std::size_t>(model_->transforms.out_shape().elements()) * sizeof(float);
    for (std::uint64_t i = 0; i < count; ++i) {
      model_->transforms.apply(data_.features(split_, first + i), 0, 0,
                               {features + i * bytes, bytes}, scratch_);
      const std::uint32_t label = data_.label_bits(split_, first + i);
      std::memcpy(labels + i * sizeof label, &label, sizeof label);
    }
  }

 private:
  std::shared_ptr<const SavedModel> model_;
  PreparedData data_;
  Split split_;
  gpu::TransformScratch scratch_;
};

}  // namespace

std::unique_ptr<RowSource> open_prepared_rows(std::shared_ptr<const SavedModel> model,
                                              const std::string& folder, std::string_view split) {
  const auto wanted =
      std::ranges::find_if(all_splits, [&](Split s) { return to_string(s) == split; });
  if (wanted == all_splits.end())
    throw Error{ErrorCode::bad_input,
                "split: expected train, validation or test, got \"" + std::string{split} + '"'};
  PreparedData data = PreparedData::open(posix_files(), folder);
  if (!(data.shape() == model->prepared.shape) || data.dtype() != model->prepared.dtype ||
      data.classes() != model->prepared.classes) {
    throw Error{ErrorCode::bad_input,
                folder + ": expected samples of " + gpu::to_string(model->prepared.shape) + " in " +
                    std::to_string(model->prepared.classes) + " classes, got " +
                    gpu::to_string(data.shape()) + " in " + std::to_string(data.classes())};
  }
  return std::make_unique<PreparedRows>(std::move(model), std::move(data), *wanted);
}

}  // namespace troupe::actors
