#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "actors/model/saved_model.hpp"

namespace troupe::actors {

/// The rows of one split in a fixed order, ready for the model. Used by one thread at a time.
class RowSource {
 public:
  virtual ~RowSource() = default;
  virtual std::uint64_t size() const = 0;
  /// Writes rows first … first + count - 1, which lie within size(): the features, behind the model's transforms, f32
  /// [count, …], and the labels: i32 [count], or f32 [count] for values.
  /// @throws Error corrupted or bad_input for what cannot be read.
  virtual void rows(std::uint64_t first, std::uint64_t count, std::byte* features,
                    std::byte* labels) = 0;
};

/// Opens a split of prepared data for a model. @throws Error for data that is missing, broken or of another shape.
using OpenRows = std::function<std::unique_ptr<RowSource>(
    std::shared_ptr<const SavedModel> model, const std::string& folder, std::string_view split)>;

/// Raw samples in memory, transformed when they are asked for.
class MemoryRows final : public RowSource {
 public:
  /// @param samples  [size, raw sample], in the type that the model's data was prepared in
  /// @param labels   i32 or f32, one a sample
  /// @throws Error bad_input if the sizes do not fit each other.
  MemoryRows(std::shared_ptr<const SavedModel> model, std::vector<std::byte> samples,
             std::vector<std::byte> labels);

  std::uint64_t size() const override { return labels_.size() / label_bytes; }
  void rows(std::uint64_t first, std::uint64_t count, std::byte* features,
            std::byte* labels) override;

 private:
  static constexpr std::size_t label_bytes = 4;
  std::shared_ptr<const SavedModel> model_;
  std::vector<std::byte> samples_, labels_;
  gpu::TransformScratch scratch_;
};

}  // namespace troupe::actors
