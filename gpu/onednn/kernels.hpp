#pragma once

#include <cstddef>
#include <memory>

#include "gpu/kernel.hpp"
#include "gpu/onednn/context.hpp"
#include "gpu/operation.hpp"

/// The operations that this module offers. Null where oneDNN has no code of speed for the shape; a dnnl::error
/// escapes where it has none at all. Forward and backward kernels that share a workspace exist together or not at
/// all, since only this module can read what it left there.
namespace troupe::gpu::onednn {

std::unique_ptr<Kernel> make_kernel(const Recipe& recipe, const Dense& op);
std::unique_ptr<Kernel> make_kernel(const Recipe& recipe, const DenseBackwardData& op);
std::unique_ptr<Kernel> make_kernel(const Recipe& recipe, const DenseBackwardWeights& op);

std::unique_ptr<Kernel> make_kernel(const Recipe& recipe, const Convolution& op);
std::unique_ptr<Kernel> make_kernel(const Recipe& recipe, const ConvolutionBackwardData& op);
std::unique_ptr<Kernel> make_kernel(const Recipe& recipe, const ConvolutionBackwardWeights& op);

std::unique_ptr<Kernel> make_kernel(const Recipe& recipe, const Pool& op);
std::unique_ptr<Kernel> make_kernel(const Recipe& recipe, const PoolBackward& op);
std::size_t workspace_bytes(const Context& context, const Pool& op);
std::size_t workspace_bytes(const Context& context, const PoolBackward& op);

std::unique_ptr<Kernel> make_kernel(const Recipe& recipe, const BatchNorm& op);
std::unique_ptr<Kernel> make_kernel(const Recipe& recipe, const BatchNormBackward& op);
std::unique_ptr<Kernel> make_kernel(const Recipe& recipe, const BatchNormInference& op);
std::size_t workspace_bytes(const Context& context, const BatchNorm& op);
std::size_t workspace_bytes(const Context& context, const BatchNormBackward& op);

}  // namespace troupe::gpu::onednn
