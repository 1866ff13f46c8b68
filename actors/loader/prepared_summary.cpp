#include <algorithm>
#include <cmath>

#include "actors/loader/data_spec.hpp"

#include "actors/loader/prepared_manifest.hpp"

namespace troupe::actors {

PreparedSummary read_prepared(SpecReader& reader) {
  constexpr std::array<std::string_view, 2> dtypes{"u8", "f32"};
  PreparedSummary summary;
  summary.layout.shape = read_shape(reader, "shape");
  if (summary.layout.shape.rank() == 0)
    reader.problem("shape", "expected 1 dimension or more, got none");
  summary.layout.dtype = reader.choice("dtype", dtypes) == 0 ? gpu::DType::u8 : gpu::DType::f32;
  summary.layout.classes = reader.integer("classes", {}, 0, most_classes);
  SpecReader measured = reader.object("measured");
  if (reader.has("measured")) {
    summary.measured = {measured.numbers("mean"), measured.numbers("deviation")};
    const std::size_t size = summary.measured.mean.size();
    if (size == 0 || summary.measured.deviation.size() != size) {
      measured.problem("expected as many deviations as means, 1 or more, got others");
    }
    measured.finish();
  }
  summary.class_names = reader.texts("class_names");
  const auto named = static_cast<std::int64_t>(summary.class_names.size());
  if (named != 0 && named != summary.layout.classes) {
    reader.problem("class_names",
                   "expected as many as there are classes, got " + std::to_string(named));
  }
  reader.finish();
  return summary;
}

}  // namespace troupe::actors
