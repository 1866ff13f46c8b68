#include "gpu/cuda/library_versions.hpp"

#include "tests/support/doctest_std.hpp"

using namespace troupe::gpu::cuda;

TEST_CASE(
    "problem_of: what is missing or too old is named with what was found and what is needed") {
  const LibraryVersions fine{13000, 90800, 130000, true};
  CHECK(problem_of(fine) == "");
  CHECK(problem_of({13020, 91900, 130101, true}) == "");
  LibraryVersions found = fine;
  found.driver = 0;
  CHECK(problem_of(found) == "expected an NVIDIA driver, got none");
  found.driver = 12080;
  CHECK(problem_of(found) == "expected a driver for CUDA 13.0 or newer, got one for 12.8");
  found = fine;
  found.cudnn = 90712;
  CHECK(problem_of(found) == "expected cuDNN 9.8.0 or newer, got 9.7.12");
  found = fine;
  found.cublaslt = 120805;
  CHECK(problem_of(found) == "expected cuBLASLt 13.0.0 or newer, got 12.8.5");
  found = fine;
  found.nvrtc = false;
  CHECK(problem_of(found) == "expected NVRTC of CUDA 13, got none (libnvrtc.so.13 is not there)");
}
