#include "actors/loader/raw_source.hpp"

#include <cmath>
#include <utility>

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

namespace {

/// Records of an application's own format, checked: what is stored relies on it.
class CheckedSource final : public RawSource {
 public:
  explicit CheckedSource(std::unique_ptr<RawSource> own) : own_{std::move(own)} {
    if (own_->dtype() != gpu::DType::f32 && own_->dtype() != gpu::DType::u8) {
      throw Error{ErrorCode::bad_input, name() + ": expected samples in u8 or f32, got " +
                                            std::string{gpu::to_string(own_->dtype())}};
    }
  }

  std::uint64_t size() const override { return own_->size(); }
  const gpu::Shape& shape() const override { return own_->shape(); }
  gpu::DType dtype() const override { return own_->dtype(); }
  const std::string& name() const override { return own_->name(); }

  void read(std::uint64_t i, RawRecord& record) const override {
    const auto elements = static_cast<std::size_t>(shape().elements());
    record.features.resize(elements);
    record.missing.clear();
    record.rejected.reset();
    record.line = 0;
    own_->read(i, record);
    if (record.rejected) return;
    if (record.features.size() != elements) {
      throw Error{ErrorCode::bad_input, name() + ": record " + std::to_string(i) + ": expected " +
                                            std::to_string(elements) + " features, got " +
                                            std::to_string(record.features.size())};
    }
    std::uint64_t next = 0;
    for (const std::uint32_t feature : record.missing) {
      if (feature < next || feature >= elements) {
        throw Error{ErrorCode::bad_input, name() + ": record " + std::to_string(i) +
                                              ": expected indices of missing features that grow "
                                              "and are below " +
                                              std::to_string(elements) + ", got " +
                                              std::to_string(feature)};
      }
      record.features[feature] = 0;
      next = std::uint64_t{feature} + 1;
    }
    for (std::size_t k = 0; k < elements && !record.rejected; ++k) check(k, record);
  }

 private:
  void check(std::size_t k, RawRecord& record) const {
    const float value = record.features[k];
    const bool fits = dtype() == gpu::DType::u8
                          ? value >= 0 && value <= 255 && value == std::floor(value)
                          : std::isfinite(value);
    if (fits) return;
    record.rejected = Reason::not_a_number;
    record.detail =
        "feature " + std::to_string(k) + ": expected " +
        (dtype() == gpu::DType::u8 ? "a whole number from 0 to 255" : "a finite number") +
        ", got " + std::to_string(value);
  }

  std::unique_ptr<RawSource> own_;
};

std::unique_ptr<RawSource> open_own(const DataSpec& spec, const DataFiles& files) {
  auto source = std::make_unique<CheckedSource>(files.open());
  const gpu::Shape& shape = source->shape();
  if (spec.shape.rank() > 0 ? !(shape == spec.shape) : shape.elements() == 0) {
    throw Error{ErrorCode::bad_input,
                source->name() + ": expected samples " +
                    (spec.shape.rank() > 0 ? "of shape " + gpu::to_string(spec.shape)
                                           : std::string{"with 1 number or more"}) +
                    ", got " + gpu::to_string(shape)};
  }
  return source;
}

}  // namespace

std::unique_ptr<RawSource> open_source(const DataSpec& spec, const DataFiles& files) {
  std::unique_ptr<RawSource> source = spec.format == DataSpec::Format::own ? open_own(spec, files)
                                      : spec.format == DataSpec::Format::idx
                                          ? open_idx(spec, files)
                                          : open_csv(spec, files);
  if (source->size() == 0) {
    throw Error{ErrorCode::bad_input, source->name() + ": expected 1 record or more, got none"};
  }
  return source;
}

}  // namespace troupe::actors
