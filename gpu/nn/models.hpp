#pragma once

#include <cstdint>
#include <span>

#include "gpu/nn/model.hpp"

/// Ready descriptions of well-known networks, each with the input "image", the target "label" (i32) and a softmax
/// cross-entropy at its end.
namespace troupe::gpu::nn {

/// Dense layers with relu between them: sizes {784, 128, 10} is the classic for MNIST. @throws Error bad_input for
/// fewer than two sizes.
ModelDescription mlp(std::span<const std::int64_t> sizes);

struct CnnOptions {
  bool batch_norm = false;  ///< behind each convolution
  double dropout = 0.0;     ///< before the last layer
  double smoothing = 0.0;   ///< of the labels
};
/// conv 3x3 to 32, max pool 2x2, conv 3x3 to 64, max pool 2x2, dense 128, dense `classes`; relu throughout.
ModelDescription cnn(const Shape& image, std::int64_t classes, const CnnOptions& options = {});

/// The 20-layer residual network for 32x32x3 images (He, Zhang, Ren, Sun, CVPR 2016, section 4.2), with 1x1
/// convolutions as the two shortcuts that change shape.
ModelDescription resnet20(std::int64_t classes);

/// The 50-layer residual network for 224x224x3 images (the same, table 1), with 1x1 convolutions as the four shortcuts
/// that change shape, and strides in the 3x3 convolutions of bottlenecks rather than in the 1x1 before them, as has
/// become usual ("v1.5").
ModelDescription resnet50(std::int64_t classes);

}  // namespace troupe::gpu::nn
