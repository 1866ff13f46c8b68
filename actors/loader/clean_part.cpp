#include "actors/loader/clean_part.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "runtime/base/canonical_tree.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/float_environment.hpp"

namespace troupe::actors {
namespace {

using Missing = PreprocessSpec::Missing;

struct Range {
  std::uint64_t first, last;
};

Range range_of(const RawData& raw, RawPart part) {
  const bool there = part.extra > 0 ? part.extra <= raw.extras() : !part.test || raw.has_test();
  const std::uint64_t size = there ? raw.source(part).size() : 0;
  const std::uint64_t first = part.index * RawPart::records;
  if (first >= size) {
    throw Error{ErrorCode::bad_input, "data: expected a part below " +
                                          std::to_string(parts_of(size)) + " of the " +
                                          (part.extra > 0 ? "extra"
                                           : part.test    ? "test"
                                                          : "training") +
                                          " files, got " + std::to_string(part.index)};
  }
  return {first, std::min(first + RawPart::records, size)};
}

/// Cleans one record after another into a part.
class Cleaner {
 public:
  Cleaner(const RawData& raw, std::span<const float> means)
      : raw_{raw}, means_{means}, stored_(raw.layout().bytes()) {}

  /// The record as it is stored; nothing if it was rejected, for which `record` says why.
  bool clean(RawRecord& record) {
    if (!record.rejected) fill_missing(record);
    if (!record.rejected) limit_outliers(record);
    if (!record.rejected) store(record);
    return !record.rejected;
  }
  std::span<const std::byte> stored() const { return stored_; }

 private:
  static void reject(RawRecord& record, Reason reason, std::string detail) {
    record.rejected = reason;
    record.detail = std::move(detail);
  }

  void fill_missing(RawRecord& record) const {
    if (record.missing.empty()) return;
    if (raw_.preprocess().missing == Missing::drop) {
      return reject(
          record, Reason::missing,
          "feature " + std::to_string(record.missing.front()) + ": expected a number, got none");
    }
    for (const std::uint32_t feature : record.missing) {
      record.features[feature] =
          raw_.preprocess().missing == Missing::mean ? means_[feature] : 0.0F;
    }
  }

  void limit_outliers(RawRecord& record) const {
    const auto& outliers = raw_.preprocess().outliers;
    if (!outliers) return;
    const auto low = static_cast<float>(outliers->low), high = static_cast<float>(outliers->high);
    for (std::size_t i = 0; i < record.features.size(); ++i) {
      float& value = record.features[i];
      if (value >= low && value <= high) continue;
      if (!outliers->clip) {
        return reject(record, Reason::outlier,
                      "feature " + std::to_string(i) + ": expected " + std::to_string(low) +
                          " to " + std::to_string(high) + ", got " + std::to_string(value));
      }
      value = std::clamp(value, low, high);
    }
  }

  void store(RawRecord& record) {
    const RecordLayout& layout = raw_.layout();
    std::byte* const label = stored_.data() + layout.label_offset();
    if (layout.classes > 0) {
      const double most = static_cast<double>(layout.classes - 1);
      if (!(record.label >= 0 && record.label <= most &&
            record.label == std::floor(record.label))) {
        return reject(record, Reason::bad_label,
                      "expected a whole number from 0 to " + std::to_string(layout.classes - 1) +
                          ", got " + std::to_string(record.label));
      }
      const auto value = static_cast<std::int32_t>(record.label);
      std::memcpy(label, &value, sizeof value);
    } else {
      const auto value = static_cast<float>(record.label);
      if (!std::isfinite(value))
        return reject(record, Reason::bad_label, "expected a finite number, got another");
      std::memcpy(label, &value, sizeof value);
    }
    if (layout.dtype == gpu::DType::u8) {
      std::ranges::transform(record.features, stored_.begin(), [](float value) {
        return static_cast<std::byte>(static_cast<std::uint8_t>(value));
      });
    } else {
      std::memcpy(stored_.data(), record.features.data(), layout.feature_bytes());
    }
  }

  const RawData& raw_;
  std::span<const float> means_;
  std::vector<std::byte> stored_;
};

}  // namespace

RawData::RawData(DataSpec data, PreprocessSpec preprocess)
    : data_{std::move(data)},
      preprocess_{std::move(preprocess)},
      train_{open_source(data_, data_.train)} {
  if (data_.test) test_ = open_source(data_, *data_.test);
  if (test_ && (test_->shape() != train_->shape() || test_->dtype() != train_->dtype())) {
    throw Error{ErrorCode::bad_input,
                test_->name() + ": expected samples of " + gpu::to_string(train_->shape()) + ' ' +
                    std::string{gpu::to_string(train_->dtype())} +
                    " as in the training files, got " + gpu::to_string(test_->shape()) + ' ' +
                    std::string{gpu::to_string(test_->dtype())}};
  }
  // What is clipped need not be a whole number any more.
  const bool clips = preprocess_.outliers && preprocess_.outliers->clip;
  layout_ = {train_->shape(), clips ? gpu::DType::f32 : train_->dtype(), data_.classes};
  for (const std::string& file : data_.extra)
    extra_.push_back(open_extra(file, layout_.shape, layout_.dtype));
}

const RawSource& RawData::source(const RawPart& part) const {
  return part.extra > 0 ? extra(part.extra) : source(part.test);
}

std::uint64_t RawData::records() const {
  std::uint64_t records = train_->size() + (test_ ? test_->size() : 0);
  for (const auto& file : extra_) records += file->size();
  return records;
}

std::vector<RawPart> raw_parts(const RawData& raw) {
  std::vector<RawPart> parts;
  const auto add = [&](bool test, std::uint32_t extra) {
    const RawSource& source = raw.source(RawPart{test, 0, extra});
    const std::uint64_t records = source.size();
    if (records > RawPart::records * std::numeric_limits<std::uint32_t>::max()) {
      throw Error{ErrorCode::bad_input, source.name() + ": expected at most 2^44 records, got " +
                                            std::to_string(records)};
    }
    for (std::uint32_t i = 0; i < parts_of(records); ++i) parts.push_back({test, i, extra});
  };
  add(false, 0);
  if (raw.has_test()) add(true, 0);
  for (std::uint32_t extra = 1; extra <= raw.extras(); ++extra) add(false, extra);
  return parts;
}

ColumnSums measure_columns(const RawData& raw, RawPart part) {
  const FloatEnvironment environment;
  const Range range = range_of(raw, part);
  const RawSource& source = raw.source(part);
  ColumnSums result{std::vector<std::uint64_t>(raw.layout().elements()),
                    std::vector<double>(raw.layout().elements())};
  RawRecord record;
  for (std::uint64_t i = range.first; i < range.last; ++i) {
    source.read(i, record);
    if (record.rejected) continue;
    auto missing = record.missing.begin();
    for (std::uint32_t feature = 0; feature < record.features.size(); ++feature) {
      if (missing != record.missing.end() && *missing == feature) {
        ++missing;
        continue;
      }
      ++result.counts[feature];
      result.sums[feature] += static_cast<double>(record.features[feature]);
    }
  }
  return result;
}

std::vector<float> column_means(std::span<const ColumnSums> parts) {
  const FloatEnvironment environment;
  if (parts.empty()) throw Error{ErrorCode::bug, "data: expected sums of columns, got none"};
  const auto part = [&](std::uint64_t i) { return parts[i]; };
  const ColumnSums all = tree_sum(parts.size(), part, [](ColumnSums left, const ColumnSums& right) {
    if (left.sums.size() != right.sums.size()) {
      throw Error{ErrorCode::bug, "data: expected parts of equal width, got others"};
    }
    for (std::size_t i = 0; i < left.sums.size(); ++i) {
      left.counts[i] += right.counts[i];
      left.sums[i] += right.sums[i];
    }
    return left;
  });
  std::vector<float> means(all.sums.size());
  for (std::size_t i = 0; i < means.size(); ++i) {
    if (all.counts[i] > 0)
      means[i] = static_cast<float>(all.sums[i] / static_cast<double>(all.counts[i]));
  }
  return means;
}

CleanedPart clean_part(const RawData& raw, RawPart part, std::span<const float> means) {
  const FloatEnvironment environment;
  const Range range = range_of(raw, part);
  if (raw.preprocess().missing == Missing::mean && means.size() != raw.layout().elements()) {
    throw Error{ErrorCode::bad_input, "data: expected " + std::to_string(raw.layout().elements()) +
                                          " means of columns, got " + std::to_string(means.size())};
  }
  const RawSource& source = raw.source(part);
  CleanedPart result;
  result.part = part;
  result.raw = static_cast<std::uint32_t>(range.last - range.first);
  result.records.reserve(result.raw * raw.layout().bytes());
  Cleaner cleaner{raw, means};
  RawRecord record;
  for (std::uint64_t i = range.first; i < range.last; ++i) {
    source.read(i, record);
    if (!cleaner.clean(record)) {
      result.rejections.push_back({i, record.line, *record.rejected, record.detail});
      continue;
    }
    const std::span<const std::byte> stored = cleaner.stored();
    result.records.insert(result.records.end(), stored.begin(), stored.end());
    result.hashes.push_back(serialization::xxh3_128(stored));
    result.numbers.push_back(i);
  }
  return result;
}

}  // namespace troupe::actors
