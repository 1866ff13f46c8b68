#include "gpu/nn/layers/window.hpp"

#include <algorithm>

namespace troupe::gpu::nn::layers {
namespace {

void take_pair(AttributeReader& attributes, std::string_view key, std::array<std::int64_t, 2>& to) {
  const std::vector<std::int64_t> given = attributes.list(key, 2, 1);
  if (given.size() == 2) to = {given[0], given[1]};
}

/// Positions of the window along one axis, and with "same" its padding: as many as ceil(in / stride), the odd
/// one behind.
std::int64_t positions(std::int64_t in, std::int64_t kernel, std::int64_t stride,
                       std::int64_t dilation, bool same, std::int64_t& before,
                       std::int64_t& behind) {
  const std::int64_t reach = (kernel - 1) * dilation + 1;
  if (same) {
    const std::int64_t out = (in + stride - 1) / stride;
    const std::int64_t padding = std::max<std::int64_t>(0, (out - 1) * stride + reach - in);
    before = padding / 2;
    behind = padding - before;
    return out;
  }
  const std::int64_t room = in + before + behind - reach;
  return room < 0 ? 0 : room / stride + 1;
}

}  // namespace

Window::Window(AttributeReader& attributes, bool stride_is_kernel, bool dilates) {
  if (!attributes.has("kernel")) attributes.problem("expected an attribute 'kernel', got none");
  take_pair(attributes, "kernel", kernel_);
  if (stride_is_kernel) stride_ = kernel_;
  take_pair(attributes, "stride", stride_);
  if (dilates) take_pair(attributes, "dilation", dilation_);
  static constexpr std::array<std::string_view, 2> modes = {"valid", "same"};
  same_ = attributes.choice("padding_mode", modes) == 1;
  if (attributes.has("padding")) {
    if (same_) attributes.problem("expected either 'padding' or padding_mode 'same', got both");
    const std::vector<std::int64_t> given = attributes.dims("padding");
    if (given.size() == 1)
      padding_.fill(given[0]);
    else if (given.size() == 2)
      padding_ = {given[0], given[0], given[1], given[1]};
    else if (given.size() == 4)
      std::ranges::copy(given, padding_.begin());
    else
      attributes.problem("padding: expected 1, 2 or 4 numbers, got " +
                         std::to_string(given.size()));
    if (std::ranges::any_of(given, [](std::int64_t n) { return n < 0 || n > (1 << 20); })) {
      attributes.problem("padding: expected numbers from 0 to 1048576");
      padding_ = {0, 0, 0, 0};
    }
  }
}

ConvolutionGeometry Window::over(std::string_view name, const Shape& input,
                                 std::int64_t out_channels, std::int64_t groups,
                                 Problems& problems) const {
  if (input.rank() != 3) {
    problems.add(name,
                 "expected an input of rank 3 [height, width, channels], got " + to_string(input));
    return {};
  }
  ConvolutionGeometry g{};
  g.rows = 1;
  g.in_height = input[0];
  g.in_width = input[1];
  g.in_channels = input[2];
  g.out_channels = out_channels == 0 ? input[2] : out_channels;
  g.kernel_height = kernel_[0];
  g.kernel_width = kernel_[1];
  g.stride_height = stride_[0];
  g.stride_width = stride_[1];
  g.dilation_height = dilation_[0];
  g.dilation_width = dilation_[1];
  g.pad_top = padding_[0];
  g.pad_bottom = padding_[1];
  g.pad_left = padding_[2];
  g.pad_right = padding_[3];
  g.groups = groups;
  g.out_height = positions(g.in_height, g.kernel_height, g.stride_height, g.dilation_height, same_,
                           g.pad_top, g.pad_bottom);
  g.out_width = positions(g.in_width, g.kernel_width, g.stride_width, g.dilation_width, same_,
                          g.pad_left, g.pad_right);
  if (g.out_height < 1 || g.out_width < 1) {
    problems.add(name, "expected an input at least as large as the window [" +
                           std::to_string(kernel_[0]) + ", " + std::to_string(kernel_[1]) +
                           "] with its dilation, less the padding, got " + to_string(input));
  }
  if (g.in_channels % groups != 0 || g.out_channels % groups != 0) {
    problems.add(name, "expected groups that divide the channels, got " + std::to_string(groups) +
                           " groups for " + std::to_string(g.in_channels) + " channels in and " +
                           std::to_string(g.out_channels) + " out");
  }
  return g;
}

}  // namespace troupe::gpu::nn::layers
