#pragma once

#include "gpu/operation.hpp"
#include "tests/reference/values.hpp"

namespace troupe::test::reference {

inline constexpr gpu::Activation all_activations[] = {
    gpu::Activation::none, gpu::Activation::relu,    gpu::Activation::gelu,
    gpu::Activation::silu, gpu::Activation::sigmoid, gpu::Activation::tanh};

double activate(gpu::Activation activation, double x);
/// By the input, for all; relu's is 0 at 0.
double derivative(gpu::Activation activation, double x);
/// By the output. Only where gpu::differentiable_from_output.
double derivative_from_output(gpu::Activation activation, double y);

Values activate(gpu::Activation activation, const Values& x);
/// As gpu::ActivateBackward: `saved` is the output where that is enough, else the input.
Values activate_backward(gpu::Activation activation, const Values& saved, const Values& dy);

}  // namespace troupe::test::reference
