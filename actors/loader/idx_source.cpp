#include <cmath>
#include <cstring>

#include "actors/loader/raw_source.hpp"
#include "runtime/base/error.hpp"
#include "serialization/formats/idx.hpp"

namespace troupe::actors {
namespace {

using serialization::IdxDataset;

template <class T>
T element(std::span<const std::byte> bytes, std::size_t i) {
  T value;
  std::memcpy(&value, bytes.data() + i * sizeof value, sizeof value);
  return value;
}

double number(std::span<const std::byte> bytes, gpu::DType dtype, std::size_t i) {
  switch (dtype) {
    case gpu::DType::u8:
      return element<std::uint8_t>(bytes, i);
    case gpu::DType::i32:
      return element<std::int32_t>(bytes, i);
    case gpu::DType::f32:
      return static_cast<double>(element<float>(bytes, i));
    case gpu::DType::f64:
      return element<double>(bytes, i);
    default:
      throw Error{ErrorCode::bug, "idx: a type that its reader does not give"};
  }
}

class IdxSource final : public RawSource {
 public:
  IdxSource(const DataSpec& spec, const DataFiles& files)
      : samples_{files.features},
        labels_{files.labels},
        shape_{sample_shape(spec, samples_.record_shape(), samples_.name())} {
    serialization::check_paired(samples_, labels_);
    if (labels_.record_shape().elements() != 1) {
      throw Error{ErrorCode::bad_input, labels_.name() + ": expected one label a record, got " +
                                            gpu::to_string(labels_.record_shape())};
    }
  }

  std::uint64_t size() const override { return samples_.size(); }
  const gpu::Shape& shape() const override { return shape_; }
  gpu::DType dtype() const override {
    return samples_.dtype() == gpu::DType::u8 ? gpu::DType::u8 : gpu::DType::f32;
  }
  const std::string& name() const override { return samples_.name(); }

  void read(std::uint64_t i, RawRecord& record) const override {
    record.missing.clear();
    record.rejected.reset();
    record.line = 0;
    record.label = number(labels_.record(i), labels_.dtype(), 0);
    const std::span<const std::byte> bytes = samples_.record(i);
    record.features.resize(static_cast<std::size_t>(shape_.elements()));
    for (std::size_t k = 0; k < record.features.size(); ++k) {
      record.features[k] = static_cast<float>(number(bytes, samples_.dtype(), k));
      if (std::isfinite(record.features[k]) || record.rejected) continue;
      record.rejected = Reason::not_a_number;
      record.detail = "feature " + std::to_string(k) + ": expected a finite number, got another";
    }
  }

 private:
  IdxDataset samples_;
  IdxDataset labels_;
  gpu::Shape shape_;
};

}  // namespace

std::unique_ptr<RawSource> open_idx(const DataSpec& spec, const DataFiles& files) {
  return std::make_unique<IdxSource>(spec, files);
}

}  // namespace troupe::actors
