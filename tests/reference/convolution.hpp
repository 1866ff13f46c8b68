#pragma once

#include <string>

#include "gpu/operation.hpp"
#include "tests/reference/dense.hpp"
#include "tests/reference/values.hpp"

namespace troupe::test::reference {

/// A geometry whose output is as large as the rest of it allows. @throws Error bad_input if the output would be empty.
gpu::ConvolutionGeometry with_output(gpu::ConvolutionGeometry geometry);

std::size_t input_elements(const gpu::ConvolutionGeometry& geometry);
std::size_t output_elements(const gpu::ConvolutionGeometry& geometry);
std::size_t weight_elements(const gpu::ConvolutionGeometry& geometry);
/// As in "2x7x7x3 -> 2x4x4x16, kernel 3x3, stride 2x2, dilation 1x1, pad 1,1,1,1, groups 1".
std::string describe(const gpu::ConvolutionGeometry& geometry);

/// `bias` is empty where there is none.
Values convolution(const gpu::Convolution& shape, const Values& x, const Values& weight,
                   const Values& bias);
Values convolution_backward_data(const gpu::ConvolutionBackwardData& shape, const Values& dy,
                                 const Values& weight);
WeightGradients convolution_backward_weights(const gpu::ConvolutionBackwardWeights& shape,
                                             const Values& x, const Values& dy);

}  // namespace troupe::test::reference
