#include "actors/pipeline/build_reference.hpp"

#include <algorithm>
#include <cstring>
#include <optional>
#include <span>
#include <vector>

#include "actors/feedback/drift_reference.hpp"
#include "actors/loader/prepared_data.hpp"
#include "actors/model/predictor.hpp"
#include "runtime/base/error.hpp"

namespace troupe::actors {

namespace {

std::vector<float> predict(Predictor& predictor, const std::vector<std::byte>& rows) {
  if (predictor.dtype() == gpu::DType::u8)
    return predictor.predict(
        std::span{reinterpret_cast<const std::uint8_t*>(rows.data()), rows.size()});
  std::vector<float> values(rows.size() / sizeof(float));
  std::memcpy(values.data(), rows.data(), rows.size());
  return predictor.predict(std::span<const float>{values});
}

}  // namespace

std::string build_reference(const std::string& prepared, const std::string& checkpoint,
                            std::size_t groups, std::size_t most) {
  constexpr std::int64_t batch = 64;
  const PreparedData data = PreparedData::open(posix_files(), prepared);
  PredictorOptions options;
  options.batch = batch;
  Predictor predictor = Predictor::load(checkpoint, options);
  if (!(data.shape() == predictor.shape()) || data.dtype() != predictor.dtype() ||
      data.classes() != predictor.classes()) {
    throw Error{ErrorCode::bad_input,
                prepared + ": expected samples of " + gpu::to_string(predictor.shape()) + " in " +
                    std::to_string(predictor.classes()) + " classes, got " +
                    gpu::to_string(data.shape()) + " in " + std::to_string(data.classes())};
  }
  const auto classes = static_cast<std::size_t>(data.classes());
  const RowType type = data.dtype() == gpu::DType::u8 ? RowType::u8 : RowType::f32;
  ReferenceBuilder builder{data.layout().elements(), groups, classes};
  const std::uint64_t records = data.size(Split::train);
  const std::uint64_t count = std::min<std::uint64_t>(records, most);
  const std::size_t bytes = data.layout().feature_bytes();
  std::vector<std::byte> rows;
  for (std::uint64_t first = 0; first < count; first += batch) {
    const std::uint64_t last = std::min<std::uint64_t>(first + batch, count);
    rows.clear();
    for (std::uint64_t i = first; i < last; ++i) {
      const std::span<const std::byte> row = data.features(Split::train, i * records / count);
      rows.insert(rows.end(), row.begin(), row.begin() + static_cast<std::ptrdiff_t>(bytes));
    }
    std::vector<float> outputs;
    if (classes > 0) outputs = predict(predictor, rows);
    for (std::uint64_t i = first; i < last; ++i) {
      const auto at = static_cast<std::size_t>(i - first);
      std::optional<std::int64_t> predicted;
      if (classes > 0) {
        const auto out = std::span{outputs}.subspan(at * classes, classes);
        predicted = std::ranges::max_element(out) - out.begin();
      }
      builder.add(std::span{rows}.subspan(at * bytes, bytes), type, predicted);
    }
  }
  return builder.build().json();
}

}  // namespace troupe::actors
