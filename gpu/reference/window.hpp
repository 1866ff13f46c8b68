#pragma once

#include <cstdint>

#include "gpu/reference/isa.hpp"

namespace troupe::gpu::reference {

/// What the kernels need to know of a ConvolutionGeometry and one of its groups. Output positions are counted
/// over rows, height and width; taps over the height and width of the kernel; a patch is what one position
/// sees of the group: [kernel_height, kernel_width, channels], with zeros for padding.
struct Window {
  std::int64_t rows, in_height, in_width, in_channels;
  std::int64_t out_height, out_width;
  std::int64_t kernel_height, kernel_width;
  std::int64_t stride_height, stride_width;
  std::int64_t dilation_height, dilation_width;
  std::int64_t pad_top, pad_left;
  std::int64_t channels;       ///< of the group
  std::int64_t first_channel;  ///< of the group

  TROUPE_INLINE constexpr std::int64_t positions() const { return rows * out_height * out_width; }
  TROUPE_INLINE constexpr std::int64_t taps() const { return kernel_height * kernel_width; }
  TROUPE_INLINE constexpr std::int64_t pixels() const { return rows * in_height * in_width; }
};

namespace TROUPE_ISA {

/// Elements [first, last) of the patch at `position`, as runs: values(at, length, offset) for what lies in
/// the image, contiguous from `offset`, and padding(at, length); `at` counts from `first`.
template <class Values, class Padding>
TROUPE_INLINE void for_each_run(const Window& w, std::int64_t position, std::int64_t first,
                                std::int64_t last, Values values, Padding padding) {
  const std::int64_t image = position / (w.out_height * w.out_width);
  const std::int64_t top = position / w.out_width % w.out_height * w.stride_height - w.pad_top;
  const std::int64_t left = position % w.out_width * w.stride_width - w.pad_left;
  // Neighbouring taps of all channels are neighbours in the image too: one run for each line of the kernel.
  const bool merged = w.dilation_width == 1 && w.channels == w.in_channels;
  const std::int64_t length = merged ? w.kernel_width * w.channels : w.channels;
  const std::int64_t runs_a_line = merged ? 1 : w.kernel_width;
  const auto clamp = [](std::int64_t x, std::int64_t low, std::int64_t high) {
    return x < low ? low : x > high ? high : x;
  };

  std::int64_t line = first / length / runs_a_line;
  std::int64_t column = first / length % runs_a_line;
  std::int64_t begin = first % length;  // within the run
  for (std::int64_t at = 0; at < last - first;) {
    const std::int64_t end = clamp(length, begin, begin + (last - first - at));
    const std::int64_t y = top + line * w.dilation_height;
    const std::int64_t x = left + column * w.dilation_width;
    const bool inside = y >= 0 && y < w.in_height;
    const std::int64_t from = inside ? clamp(-x * w.channels, begin, end) : end;
    const std::int64_t to = clamp((w.in_width - x) * w.channels, from, end);
    if (from > begin) padding(at, from - begin);
    if (to > from) {
      values(at + from - begin, to - from,
             ((image * w.in_height + y) * w.in_width + x) * w.in_channels + w.first_channel + from);
    }
    if (end > to) padding(at + to - begin, end - to);
    at += end - begin;
    begin = 0;
    if (++column == runs_a_line) {
      column = 0;
      ++line;
    }
  }
}

/// Calls visit(tap, offset) for the taps of `position` that lie in the image, in order: `offset` is that of
/// the pixel's first channel.
template <class Visit>
TROUPE_INLINE void for_each_tap(const Window& w, std::int64_t position, Visit visit) {
  const std::int64_t image = position / (w.out_height * w.out_width);
  const std::int64_t top = position / w.out_width % w.out_height * w.stride_height - w.pad_top;
  const std::int64_t left = position % w.out_width * w.stride_width - w.pad_left;
  for (std::int64_t line = 0; line < w.kernel_height; ++line) {
    const std::int64_t y = top + line * w.dilation_height;
    if (y < 0 || y >= w.in_height) continue;
    for (std::int64_t column = 0; column < w.kernel_width; ++column) {
      const std::int64_t x = left + column * w.dilation_width;
      if (x < 0 || x >= w.in_width) continue;
      visit(line * w.kernel_width + column,
            ((image * w.in_height + y) * w.in_width + x) * w.in_channels);
    }
  }
}

}  // namespace TROUPE_ISA
}  // namespace troupe::gpu::reference
