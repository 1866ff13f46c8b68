#include "actors/loader/raw_source.hpp"

#include "runtime/base/error.hpp"

namespace troupe::actors {

std::string_view to_string(Reason reason) {
  switch (reason) {
    case Reason::missing:
      return "missing";
    case Reason::not_a_number:
      return "not_a_number";
    case Reason::bad_label:
      return "bad_label";
    case Reason::wrong_width:
      return "wrong_width";
    case Reason::outlier:
      return "outlier";
    case Reason::duplicate:
      return "duplicate";
  }
  return "?";
}

gpu::Shape sample_shape(const DataSpec& spec, const gpu::Shape& of_file, const std::string& file) {
  const gpu::Shape& from = spec.shape.rank() > 0 ? spec.shape : of_file;
  std::vector<std::int64_t> dims{from.dims().begin(), from.dims().end()};
  if (dims.empty() || dims.size() == 2) dims.push_back(1);
  const gpu::Shape shape{dims};
  if (shape.elements() != of_file.elements()) {
    throw Error{ErrorCode::bad_input, file + ": expected samples of shape " +
                                          gpu::to_string(shape) + ", got " +
                                          std::to_string(of_file.elements()) + " numbers a sample"};
  }
  if (shape.elements() == 0) {
    throw Error{ErrorCode::bad_input, file + ": expected samples with 1 number or more, got none"};
  }
  return shape;
}

std::unique_ptr<RawSource> open_source(const DataSpec& spec, const DataFiles& files) {
  std::unique_ptr<RawSource> source =
      spec.format == DataSpec::Format::idx ? open_idx(spec, files) : open_csv(spec, files);
  if (source->size() == 0) {
    throw Error{ErrorCode::bad_input, source->name() + ": expected 1 record or more, got none"};
  }
  return source;
}

}  // namespace troupe::actors
