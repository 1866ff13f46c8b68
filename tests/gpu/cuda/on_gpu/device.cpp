#include "gpu/device.hpp"

#include "gpu/cuda_device.hpp"
#include "tests/gpu/cuda/test_device.hpp"

namespace troupe::test::cuda {

std::unique_ptr<gpu::Device> make_test_device(bool graphs) {
  gpu::CudaOptions options;
  options.graphs = graphs;
  return gpu::make_cuda_device(options);
}

}  // namespace troupe::test::cuda
