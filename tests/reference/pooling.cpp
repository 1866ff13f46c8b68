#include "tests/reference/pooling.hpp"

#include "tests/reference/convolution.hpp"

namespace troupe::test::reference {
namespace {

// Calls visit(index in y, indices in x of the window's pixels that are not padding).
template <class Visit>
void for_each_window(const gpu::ConvolutionGeometry& g, Visit visit) {
  for (std::int64_t r = 0; r < g.rows; ++r)
    for (std::int64_t oh = 0; oh < g.out_height; ++oh)
      for (std::int64_t ow = 0; ow < g.out_width; ++ow)
        for (std::int64_t c = 0; c < g.in_channels; ++c) {
          std::vector<std::size_t> window;
          for (std::int64_t kh = 0; kh < g.kernel_height; ++kh)
            for (std::int64_t kw = 0; kw < g.kernel_width; ++kw) {
              const std::int64_t ih = oh * g.stride_height + kh - g.pad_top;
              const std::int64_t iw = ow * g.stride_width + kw - g.pad_left;
              if (ih < 0 || ih >= g.in_height || iw < 0 || iw >= g.in_width) continue;
              window.push_back(static_cast<std::size_t>(
                  ((r * g.in_height + ih) * g.in_width + iw) * g.in_channels + c));
            }
          visit(static_cast<std::size_t>(
                    ((r * g.out_height + oh) * g.out_width + ow) * g.in_channels + c),
                window);
        }
}

std::size_t largest(const std::vector<std::size_t>& window, const Values& x) {
  std::size_t best = window.front();
  for (const std::size_t i : window) {
    if (x[i] > x[best]) best = i;
  }
  return best;
}

}  // namespace

Values pool(const gpu::Pool& shape, const Values& x) {
  Values y(output_elements(shape.geometry));
  for_each_window(shape.geometry, [&](std::size_t yi, const std::vector<std::size_t>& window) {
    if (shape.kind == gpu::PoolKind::max) {
      y[yi] = x[largest(window, x)];
    } else {
      for (const std::size_t i : window) y[yi] += x[i] / static_cast<double>(window.size());
    }
  });
  return y;
}

Values pool_backward(const gpu::PoolBackward& shape, const Values& x, const Values& dy) {
  Values dx(input_elements(shape.geometry));
  for_each_window(shape.geometry, [&](std::size_t yi, const std::vector<std::size_t>& window) {
    if (shape.kind == gpu::PoolKind::max) {
      dx[largest(window, x)] += dy[yi];
    } else {
      for (const std::size_t i : window) dx[i] += dy[yi] / static_cast<double>(window.size());
    }
  });
  return dx;
}

}  // namespace troupe::test::reference
