#include "tests/reference/convolution.hpp"

#include "runtime/base/error.hpp"
#include "tests/reference/activations.hpp"

namespace troupe::test::reference {
namespace {

std::size_t product(std::initializer_list<std::int64_t> factors) {
  std::int64_t result = 1;
  for (const std::int64_t factor : factors) result *= factor;
  return static_cast<std::size_t>(result);
}

// Calls visit(index in x, index in weight, index in y) for every product that a convolution sums up.
template <class Visit>
void for_each_product(const gpu::ConvolutionGeometry& g, Visit visit) {
  const std::int64_t group_in = g.in_channels / g.groups, group_out = g.out_channels / g.groups;
  for (std::int64_t r = 0; r < g.rows; ++r)
    for (std::int64_t oh = 0; oh < g.out_height; ++oh)
      for (std::int64_t ow = 0; ow < g.out_width; ++ow)
        for (std::int64_t oc = 0; oc < g.out_channels; ++oc)
          for (std::int64_t kh = 0; kh < g.kernel_height; ++kh)
            for (std::int64_t kw = 0; kw < g.kernel_width; ++kw)
              for (std::int64_t ic = 0; ic < group_in; ++ic) {
                const std::int64_t ih = oh * g.stride_height + kh * g.dilation_height - g.pad_top;
                const std::int64_t iw = ow * g.stride_width + kw * g.dilation_width - g.pad_left;
                if (ih < 0 || ih >= g.in_height || iw < 0 || iw >= g.in_width) continue;
                const std::int64_t c = oc / group_out * group_in + ic;
                visit(static_cast<std::size_t>(
                          ((r * g.in_height + ih) * g.in_width + iw) * g.in_channels + c),
                      static_cast<std::size_t>(
                          ((oc * g.kernel_height + kh) * g.kernel_width + kw) * group_in + ic),
                      static_cast<std::size_t>(
                          ((r * g.out_height + oh) * g.out_width + ow) * g.out_channels + oc));
              }
}

std::int64_t outputs(std::int64_t in, std::int64_t pads, std::int64_t kernel, std::int64_t dilation,
                     std::int64_t stride) {
  const std::int64_t room = in + pads - (dilation * (kernel - 1) + 1);
  if (room < 0) throw Error{ErrorCode::bad_input, "convolution: the kernel does not fit the image"};
  return room / stride + 1;
}

}  // namespace

gpu::ConvolutionGeometry with_output(gpu::ConvolutionGeometry g) {
  g.out_height = outputs(g.in_height, g.pad_top + g.pad_bottom, g.kernel_height, g.dilation_height,
                         g.stride_height);
  g.out_width = outputs(g.in_width, g.pad_left + g.pad_right, g.kernel_width, g.dilation_width,
                        g.stride_width);
  return g;
}

std::size_t input_elements(const gpu::ConvolutionGeometry& g) {
  return product({g.rows, g.in_height, g.in_width, g.in_channels});
}
std::size_t output_elements(const gpu::ConvolutionGeometry& g) {
  return product({g.rows, g.out_height, g.out_width, g.out_channels});
}
std::size_t weight_elements(const gpu::ConvolutionGeometry& g) {
  return product({g.out_channels, g.kernel_height, g.kernel_width, g.in_channels / g.groups});
}

std::string describe(const gpu::ConvolutionGeometry& g) {
  const auto join = [](const char* separator, std::initializer_list<std::int64_t> numbers) {
    std::string text;
    for (const std::int64_t number : numbers) {
      text += (text.empty() ? "" : separator) + std::to_string(number);
    }
    return text;
  };
  return join("x", {g.rows, g.in_height, g.in_width, g.in_channels}) + " -> " +
         join("x", {g.rows, g.out_height, g.out_width, g.out_channels}) + ", kernel " +
         join("x", {g.kernel_height, g.kernel_width}) + ", stride " +
         join("x", {g.stride_height, g.stride_width}) + ", dilation " +
         join("x", {g.dilation_height, g.dilation_width}) + ", pad " +
         join(",", {g.pad_top, g.pad_bottom, g.pad_left, g.pad_right}) + ", groups " +
         std::to_string(g.groups);
}

Values convolution(const gpu::Convolution& shape, const Values& x, const Values& weight,
                   const Values& bias) {
  Values y(output_elements(shape.geometry));
  for_each_product(shape.geometry, [&](std::size_t xi, std::size_t wi, std::size_t yi) {
    y[yi] += x[xi] * weight[wi];
  });
  const auto channels = static_cast<std::size_t>(shape.geometry.out_channels);
  for (std::size_t i = 0; i < y.size(); ++i) {
    y[i] = activate(shape.activation, y[i] + (shape.bias ? bias[i % channels] : 0.0));
  }
  return y;
}

// The output is linear in the image and in the weights, so that each product's derivative is its other factor.
Values convolution_backward_data(const gpu::ConvolutionBackwardData& shape, const Values& dy,
                                 const Values& weight) {
  Values dx(input_elements(shape.geometry));
  for_each_product(shape.geometry, [&](std::size_t xi, std::size_t wi, std::size_t yi) {
    dx[xi] += dy[yi] * weight[wi];
  });
  return dx;
}

WeightGradients convolution_backward_weights(const gpu::ConvolutionBackwardWeights& shape,
                                             const Values& x, const Values& dy) {
  const auto channels = static_cast<std::size_t>(shape.geometry.out_channels);
  WeightGradients gradients{Values(weight_elements(shape.geometry)),
                            Values(shape.bias ? channels : 0)};
  for_each_product(shape.geometry, [&](std::size_t xi, std::size_t wi, std::size_t yi) {
    gradients.weight[wi] += dy[yi] * x[xi];
  });
  if (shape.bias) {
    for (std::size_t i = 0; i < dy.size(); ++i) gradients.bias[i % channels] += dy[i];
  }
  return gradients;
}

}  // namespace troupe::test::reference
