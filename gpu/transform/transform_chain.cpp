#include "gpu/transform/transform_chain.hpp"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "gpu/formulas/draws.hpp"
#include "gpu/formulas/values.hpp"
#include "gpu/transform/image.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/random.hpp"

namespace troupe::gpu {

namespace {

template <typename T>
T element(std::span<const std::byte> bytes, std::size_t i) {
  T value;
  std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
  return value;
}

template <typename T>
void convert(std::span<const std::byte> in, std::span<float> out) {
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<float>(element<T>(in, i));
}

void to_f32(std::span<const std::byte> in, DType dtype, std::span<float> out) {
  switch (dtype) {
    case DType::f32:
      convert<float>(in, out);
      break;
    case DType::f64:
      convert<double>(in, out);
      break;
    case DType::i32:
      convert<std::int32_t>(in, out);
      break;
    case DType::i64:
      convert<std::int64_t>(in, out);
      break;
    case DType::u8:
      convert<std::uint8_t>(in, out);
      break;
    case DType::bf16:
      throw Error{ErrorCode::bug, "transform: bf16 samples have passed the check"};
  }
}

std::int64_t label_of(std::span<const std::byte> in, DType dtype) {
  if (dtype == DType::u8) return element<std::uint8_t>(in, 0);
  return dtype == DType::i32 ? element<std::int32_t>(in, 0) : element<std::int64_t>(in, 0);
}

std::size_t bytes_of(const Shape& shape, DType dtype) {
  return static_cast<std::size_t>(shape.elements()) * size_bytes(dtype);
}

void expect_size(std::string_view what, std::size_t expected, std::size_t got) {
  if (got == expected) return;
  throw Error{ErrorCode::bad_input, "transform: expected " + std::string{what} + " of " +
                                        std::to_string(expected) + " bytes, got " +
                                        std::to_string(got)};
}

/// Mean and inverse deviation of each channel in turn.
std::vector<float> factors_of(const Normalize& normalize, const Shape& shape) {
  const auto channels = static_cast<std::size_t>(shape.rank() == 0 ? 1 : shape[shape.rank() - 1]);
  const auto at = [](const std::vector<double>& values, std::size_t c) {
    return static_cast<float>(values.size() == 1 ? values[0] : values[c]);
  };
  const bool alike = normalize.mean.size() == 1 && normalize.deviation.size() == 1;
  std::vector<float> factors;
  for (std::size_t c = 0; c < (alike ? 1 : channels); ++c) {
    factors.push_back(at(normalize.mean, c));
    factors.push_back(1.0F / at(normalize.deviation, c));
  }
  return factors;
}

}  // namespace

/// One sample on its way through the chain.
class TransformChain::Run {
 public:
  Run(const TransformChain& chain, std::span<const std::byte> in, std::uint64_t seed,
      std::uint64_t position, TransformScratch& scratch)
      : chain_{chain}, in_{in}, seed_{seed}, position_{position}, scratch_{scratch} {}

  std::span<const float> result() {
    if (!std::holds_alternative<OneHot>(chain_.transforms_[0])) {
      to_f32(in_, chain_.in_dtype_, values(chain_.in_shape()));
    }
    for (step_ = 0; step_ < chain_.transforms_.size(); ++step_) {
      std::visit([this](const auto& transform) { run(transform); }, chain_.transforms_[step_]);
    }
    move_pixels();
    return values(chain_.out_shape());
  }

 private:
  std::span<float> values(const Shape& shape) {
    return std::span{scratch_.values_}.first(static_cast<std::size_t>(shape.elements()));
  }
  /// The sample before this step, with the moves before it done.
  std::span<float> sample() {
    move_pixels();
    return values(shape());
  }
  const Shape& shape() const { return chain_.shapes_[step_]; }
  Draws draws() const {
    return {seed_, position_, Purpose::augment, static_cast<std::uint32_t>(step_)};
  }

  /// Does the shifts and rotations in a row, which all have the shape that they began with.
  void move_pixels() {
    if (!moves_) return;
    const ImageSize size{*moved_};
    resample(values(*moved_), size, *moves_,
             std::span{scratch_.source_}.first(resample_source_size(size)));
    moves_.reset();
  }
  void move(const Affine& map) {
    moves_ = moves_ ? moves_->then(map) : map;
    moved_ = &shape();
  }

  void run(const Scale& scale) {
    const auto factor = static_cast<float>(scale.factor);
    const auto offset = static_cast<float>(scale.offset);
    for (float& value : sample()) value = formulas::scaled(value, factor, offset);
  }

  void run(const Normalize&) {
    const std::vector<float>& factors = chain_.factors_[step_];
    const std::span<float> all = sample();
    if (factors.size() == 2) {
      const float mean = factors[0];
      const float inverse = factors[1];
      for (float& value : all) value = formulas::normalized(value, mean, inverse);
      return;
    }
    for (std::size_t at = 0; at < all.size(); at += factors.size() / 2) {
      for (std::size_t c = 0; c < factors.size() / 2; ++c) {
        all[at + c] = formulas::normalized(all[at + c], factors[2 * c], factors[2 * c + 1]);
      }
    }
  }

  void run(const OneHot& one_hot) {
    const std::int64_t label = label_of(in_, chain_.in_dtype_);
    if (label < 0 || label >= one_hot.classes) {
      throw Error{ErrorCode::bad_input,
                  "one_hot: position " + std::to_string(position_) + ": expected a label of 0 to " +
                      std::to_string(one_hot.classes - 1) + ", got " + std::to_string(label)};
    }
    const std::span<float> hot = values(chain_.shapes_[step_ + 1]);
    std::ranges::fill(hot, 0.0F);
    hot[static_cast<std::size_t>(label)] = 1;
  }

  void run(const Shift& shift) {
    const auto distance = [&, draws = draws()](std::uint64_t n) {
      return formulas::shift_distance(draws.bits(n), shift.pixels, shift.subpixel);
    };
    move(Affine::shift(distance(0), distance(1)));
  }

  void run(const Rotate& rotate) {
    const double radians = formulas::rotation_angle(draws().bits(0), rotate.degrees);
    move(rotation(radians, ImageSize{shape()}));
  }

  void run(const Flip& flip) {
    const std::span<float> image = sample();
    const Draws draw = draws();
    if (formulas::happens(draw.bits(0), flip.horizontal)) {
      flip_horizontal(image, ImageSize{shape()});
    }
    if (formulas::happens(draw.bits(1), flip.vertical)) {
      flip_vertical(image, ImageSize{shape()});
    }
  }

  void run(const Crop& window) {
    const std::span<float> image = sample();
    const ImageSize size{shape()};
    const Draws draw = draws();
    std::ranges::copy(image, scratch_.source_.begin());
    crop(scratch_.source_, size,
         formulas::crop_start(draw.bits(0), size.height, window.height, window.padding),
         formulas::crop_start(draw.bits(1), size.width, window.width, window.padding),
         values(chain_.shapes_[step_ + 1]), ImageSize{chain_.shapes_[step_ + 1]});
  }

  void run(const Cutout& cutout) {
    const std::span<float> image = sample();
    const ImageSize size{shape()};
    const Draws draw = draws();
    cut_out(image, size, formulas::cutout_start(draw.bits(0), size.height, cutout.size),
            formulas::cutout_start(draw.bits(1), size.width, cutout.size), cutout.size);
  }

  void run(const Noise& noise) {
    const std::span<float> all = sample();
    const Draws draw = draws();
    for (std::size_t i = 0; i < all.size(); ++i) {
      all[i] = formulas::noisy(all[i], noise.deviation, draw.normal(i));
    }
  }

  const TransformChain& chain_;
  std::span<const std::byte> in_;
  std::uint64_t seed_;
  std::uint64_t position_;
  TransformScratch& scratch_;
  std::size_t step_ = 0;
  std::optional<Affine> moves_;  // shifts and rotations that are not done yet
  const Shape* moved_ = nullptr;
};

TransformChain::TransformChain(std::vector<Transform> transforms, const Shape& in, DType in_dtype)
    : transforms_{std::move(transforms)}, shapes_{in}, in_dtype_{in_dtype} {
  const Checked checked = check(transforms_, in, in_dtype);
  if (!checked.problems.empty()) {
    std::string all = checked.problems.front();
    for (const std::string& problem : std::span{checked.problems}.subspan(1)) all += "; " + problem;
    throw Error{ErrorCode::bad_input, all};
  }
  out_dtype_ = checked.dtype;
  DType dtype = in_dtype;
  const auto elements = [](const Shape& shape) {
    return static_cast<std::size_t>(shape.elements());
  };
  if (!transforms_.empty()) values_size_ = elements(in);
  for (const Transform& transform : transforms_) {
    const Shape before = shapes_.back();
    const Checked after = check(transform, before, dtype);
    shapes_.push_back(after.shape);
    dtype = after.dtype;
    values_size_ = std::max(values_size_, elements(after.shape));
    if (std::holds_alternative<Shift>(transform) || std::holds_alternative<Rotate>(transform)) {
      source_size_ = std::max(source_size_, resample_source_size(ImageSize{before}));
    }
    if (std::holds_alternative<Crop>(transform)) {
      source_size_ = std::max(source_size_, elements(before));
    }
    const auto* normalize = std::get_if<Normalize>(&transform);
    factors_.push_back(normalize ? factors_of(*normalize, before) : std::vector<float>{});
  }
}

void TransformChain::apply(std::span<const std::byte> in, std::uint64_t seed,
                           std::uint64_t position, std::span<std::byte> out,
                           TransformScratch& scratch) const {
  expect_size("a sample", bytes_of(in_shape(), in_dtype_), in.size());
  expect_size("room for a result", bytes_of(out_shape(), out_dtype_), out.size());
  if (transforms_.empty()) {
    std::ranges::copy(in, out.begin());
    return;
  }
  if (scratch.values_.size() < values_size_) scratch.values_.resize(values_size_);
  if (scratch.source_.size() < source_size_) scratch.source_.resize(source_size_);
  const auto result = std::as_bytes(Run{*this, in, seed, position, scratch}.result());
  std::ranges::copy(result, out.begin());
}

}  // namespace troupe::gpu
