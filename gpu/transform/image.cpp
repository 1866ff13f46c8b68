#include "gpu/transform/image.hpp"

#include <algorithm>

#include "runtime/base/math.hpp"

namespace troupe::gpu {

namespace {

constexpr std::int64_t border = 2;  // zeros around the source, so that taps outside need no branch

std::ptrdiff_t pixel(const ImageSize& size, std::int64_t y, std::int64_t x) {
  return (y * size.width + x) * size.channels;
}

/// @tparam fixed_channels the number of channels, or 0 for any.
template <std::int64_t fixed_channels>
void resample_rows(float* out, const ImageSize& size, const Affine& map, const float* source) {
  const std::int64_t channels = fixed_channels > 0 ? fixed_channels : size.channels;
  const std::int64_t row = (size.width + 2 * border) * channels;
  const formulas::FixedPoint step = formulas::line_step(map);
  for (std::int64_t y = 0; y < size.height; ++y) {
    formulas::FixedPoint from = formulas::line_start(map, y);
    for (std::int64_t x = 0; x < size.width; ++x) {
      const std::int64_t column = std::clamp(formulas::whole(from.x), -border, size.width) + border;
      const std::int64_t line = std::clamp(formulas::whole(from.y), -border, size.height) + border;
      const float* taps = source + line * row + column * channels;
      const float part_x = formulas::fraction(from.x);
      const float part_y = formulas::fraction(from.y);
      for (std::int64_t c = 0; c < channels; ++c) {
        *out++ = formulas::mix4(taps[c], taps[c + channels], taps[c + row],
                                taps[c + row + channels], part_x, part_y);
      }
      from.x += step.x;
      from.y += step.y;
    }
  }
}

}  // namespace

Affine rotation(double radians, const ImageSize& size) {
  return Affine::turn(math::cos(radians), math::sin(radians), size.height, size.width);
}

std::size_t resample_source_size(const ImageSize& size) {
  return static_cast<std::size_t>((size.height + 2 * border) * (size.width + 2 * border) *
                                  size.channels);
}

void resample(std::span<float> image, const ImageSize& size, const Affine& map,
              std::span<float> source) {
  std::ranges::fill(source, 0.0F);
  const std::int64_t padded_row = (size.width + 2 * border) * size.channels;
  for (std::int64_t y = 0; y < size.height; ++y) {
    std::copy_n(image.data() + pixel(size, y, 0), size.width * size.channels,
                source.data() + (y + border) * padded_row + border * size.channels);
  }
  switch (size.channels) {
    case 1:
      resample_rows<1>(image.data(), size, map, source.data());
      break;
    case 3:
      resample_rows<3>(image.data(), size, map, source.data());
      break;
    default:
      resample_rows<0>(image.data(), size, map, source.data());
  }
}

void flip_horizontal(std::span<float> image, const ImageSize& size) {
  for (std::int64_t y = 0; y < size.height; ++y) {
    for (std::int64_t x = 0; x < size.width / 2; ++x) {
      float* left = image.data() + pixel(size, y, x);
      std::swap_ranges(left, left + size.channels,
                       image.data() + pixel(size, y, size.width - 1 - x));
    }
  }
}

void flip_vertical(std::span<float> image, const ImageSize& size) {
  for (std::int64_t y = 0; y < size.height / 2; ++y) {
    float* top = image.data() + pixel(size, y, 0);
    std::swap_ranges(top, top + size.width * size.channels,
                     image.data() + pixel(size, size.height - 1 - y, 0));
  }
}

void crop(std::span<const float> in, const ImageSize& in_size, std::int64_t top, std::int64_t left,
          std::span<float> out, const ImageSize& out_size) {
  std::ranges::fill(out, 0.0F);
  const std::int64_t first_x = std::max<std::int64_t>(0, -left);
  const std::int64_t end_x = std::min(out_size.width, in_size.width - left);
  if (first_x >= end_x) return;
  const std::int64_t end_y = std::min(out_size.height, in_size.height - top);
  for (std::int64_t y = std::max<std::int64_t>(0, -top); y < end_y; ++y) {
    std::copy_n(in.data() + pixel(in_size, y + top, first_x + left),
                (end_x - first_x) * in_size.channels, out.data() + pixel(out_size, y, first_x));
  }
}

void cut_out(std::span<float> image, const ImageSize& size, std::int64_t top, std::int64_t left,
             std::int64_t side) {
  const std::int64_t first_x = std::max<std::int64_t>(0, left);
  const std::int64_t end_x = std::min(size.width, left + side);
  if (first_x >= end_x) return;
  const std::int64_t end_y = std::min(size.height, top + side);
  for (std::int64_t y = std::max<std::int64_t>(0, top); y < end_y; ++y) {
    std::fill_n(image.data() + pixel(size, y, first_x), (end_x - first_x) * size.channels, 0.0F);
  }
}

}  // namespace troupe::gpu
