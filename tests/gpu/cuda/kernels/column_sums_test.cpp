#include "gpu/cuda/kernels/column_sums.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "gpu/tensor.hpp"
#include "tests/reference/compare.hpp"
#include "tests/reference/values.hpp"

using namespace troupe::gpu;
using namespace troupe::test::reference;

namespace {

struct Size {
  std::int64_t rows, columns;
};
const std::vector<Size> sizes = {{1, 1},    {1, 33},   {7, 3},    {256, 10},
                                 {257, 64}, {1000, 1}, {129, 65}, {20'000, 5}};

std::vector<float> sums_of(DType type, const Size& size, const void* x) {
  std::vector<float> sums(static_cast<std::size_t>(size.columns), -1.0F);
  std::vector<double> scratch(cuda::column_sums_scratch_bytes(size.rows, size.columns) /
                              sizeof(double));
  cuda::column_sums(nullptr, type, size.rows, size.columns, x, sums.data(), scratch.data());
  return sums;
}

Values wanted_of(const Size& size, const Values& x) {
  const auto columns = static_cast<std::size_t>(size.columns);
  Values sums(columns);
  for (std::size_t i = 0; i < x.size(); ++i) sums[i % columns] += x[i];
  return sums;
}

}  // namespace

TEST_CASE("CUDA column_sums: adds up each column, of f32 and bf16, with the same bits each time") {
  for (const Size& size : sizes) {
    const std::string name = std::to_string(size.rows) + "x" + std::to_string(size.columns);
    Values x = random_values(static_cast<std::size_t>(size.rows * size.columns), 1, -0.5, 1.0);
    const std::vector<float> floats = to_floats(x);
    const std::vector<float> sums = sums_of(DType::f32, size, floats.data());
    check_close(sums, wanted_of(size, x), name, 1e-6);
    CHECK(sums_of(DType::f32, size, floats.data()) == sums);

    std::vector<std::uint16_t> halves;
    for (double& value : x) {
      halves.push_back(to_bf16(static_cast<float>(value)));
      value = static_cast<double>(from_bf16(halves.back()));
    }
    check_close(sums_of(DType::bf16, size, halves.data()), wanted_of(size, x), name + " bf16",
                1e-6);
  }
}

TEST_CASE("CUDA column_sums: a small value among large ones is not lost") {
  const Size size{4096, 1};
  std::vector<float> x(4096, 1.0F);
  x[0] = 1e8F;
  x[4095] = -1e8F;
  CHECK(sums_of(DType::f32, size, x.data())[0] == 4094.0F);
}
