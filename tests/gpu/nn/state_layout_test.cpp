#include "gpu/nn/state_layout.hpp"

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/base/error.hpp"

using troupe::Error;
using troupe::gpu::DType;
using troupe::gpu::Shape;
using namespace troupe::gpu::nn;

namespace {

StateLayout small_network(std::size_t bucket_bytes) {
  return make_state_layout({{"head.weight", {10, 7}, true, 0},
                            {"head.bias", {10}, false, 0},
                            {"norm.scale", {3}, false, 0}},
                           {{"norm", 3, 0.1, 0, 0, 0}, {"deep", 20, 0.1, 0, 0, 0}},
                           {"moment1", "moment2"}, bucket_bytes);
}

std::vector<std::size_t> ends(const StateLayout& layout) {
  std::vector<std::size_t> all;
  std::size_t begin = 0;
  for (const Bucket& bucket : layout.buckets) {
    CHECK(bucket.begin == begin);
    CHECK(bucket.size_bytes() == (bucket.end - bucket.begin) * 4);
    all.push_back(begin = bucket.end);
  }
  return all;
}

}  // namespace

TEST_CASE("StateLayout: parameters, states and statistics follow each other, 64 bytes aligned") {
  const StateLayout layout = small_network(4U << 20U);
  CHECK(layout.parameters[0].begin == 0);
  CHECK(layout.parameters[1].begin == 80);
  CHECK(layout.parameters[2].begin == 96);
  CHECK(layout.parameter_elements == 112);
  CHECK(layout.optimizer_state_offset_bytes(1) == 2 * 112 * 4);
  CHECK(layout.statistics[0].mean_offset_bytes == 3 * 112 * 4);
  CHECK(layout.statistics[0].variance_offset_bytes == 3 * 112 * 4 + 64);
  CHECK(layout.statistics[1].mean_offset_bytes == 3 * 112 * 4 + 128);
  CHECK(layout.slot_bytes == 3 * 112 * 4 + 128 + 2 * 128);
  for (const StateTensor& tensor : layout.tensors()) CHECK(tensor.offset_bytes % 64 == 0);
}

TEST_CASE("StateLayout: a shard's sums are loss, rows and the moments of each batch norm") {
  const StateLayout layout = small_network(4U << 20U);
  CHECK(StateLayout::loss_offset_bytes == 0);
  CHECK(StateLayout::rows_offset_bytes == 8);
  CHECK(layout.statistics[0].moments_offset_bytes == 16);
  CHECK(layout.statistics[1].moments_offset_bytes == 16 + 7 * 8);
  CHECK(layout.sums_bytes == 16 + 7 * 8 + 41 * 8);
}

TEST_CASE("StateLayout: tensors come sorted by name, unpadded (JOB-8)") {
  std::string names;
  for (const StateTensor& tensor : small_network(4096).tensors()) {
    names += tensor.name + to_string(tensor.shape) + " ";
    CHECK(tensor.dtype == DType::f32);
  }
  CHECK(names ==
        "deep.running_mean[20] deep.running_variance[20] head.bias[10] head.bias#moment1[10] "
        "head.bias#moment2[10] head.weight[10, 7] head.weight#moment1[10, 7] "
        "head.weight#moment2[10, 7] norm.running_mean[3] norm.running_variance[3] norm.scale[3] "
        "norm.scale#moment1[3] norm.scale#moment2[3] ");
}

TEST_CASE("StateLayout: a bucket closes before a tensor that would not fit") {
  CHECK(ends(small_network(4096)) == std::vector<std::size_t>{112});
  CHECK(ends(small_network(96 * 4)) == std::vector<std::size_t>{96, 112});
  CHECK(ends(small_network(80 * 4)) == std::vector<std::size_t>{80, 112});
  CHECK(ends(small_network(80 * 4 + 63)) == std::vector<std::size_t>{80, 112});
}

TEST_CASE("StateLayout: only a tensor larger than a bucket spans buckets") {
  CHECK(ends(small_network(32 * 4)) == std::vector<std::size_t>{32, 64, 96, 112});
  CHECK(ends(small_network(64)) == std::vector<std::size_t>{16, 32, 48, 64, 80, 96, 112});
  const StateLayout later =
      make_state_layout({{"a", {8}, true, 0}, {"b", {100}, true, 0}}, {}, {}, 32 * 4);
  CHECK(ends(later) == std::vector<std::size_t>{16, 48, 80, 112, 128});
}

TEST_CASE("StateLayout: a network without parameters has no buckets") {
  const StateLayout layout = make_state_layout({{"empty", {0, 5}, true, 0}}, {}, {});
  CHECK(layout.buckets.empty());
  CHECK(layout.slot_bytes == 0);
  CHECK(layout.sums_bytes == 16);
}

TEST_CASE("StateLayout: refuses what cannot be laid out, naming it") {
  CHECK_THROWS_WITH_AS(make_state_layout({}, {}, {}, 63),
                       "state layout: bucket_bytes: expected 64 or more, got 63", Error);
  CHECK_THROWS_WITH_AS(make_state_layout({{"w", {1}, true, 0}, {"w", {2}, true, 0}}, {}, {}),
                       "state layout: w: expected a name of its own for each tensor, got it twice",
                       Error);
  CHECK_THROWS_AS(
      make_state_layout({{"w#velocity", {1}, true, 0}, {"w", {2}, true, 0}}, {}, {"velocity"}),
      Error);
  CHECK_THROWS_AS(
      make_state_layout({{"n.running_mean", {1}, true, 0}}, {{"n", 1, 0.1, 0, 0, 0}}, {}), Error);
  CHECK_THROWS_AS(make_state_layout({}, {{"n", 0, 0.1, 0, 0, 0}}, {}), Error);
  const std::int64_t huge = std::int64_t{1} << 57;
  CHECK_THROWS_AS(make_state_layout({{"w", {huge}, true, 0}}, {}, {"a", "b"}), Error);
  CHECK_THROWS_AS(make_state_layout({{"w", {huge * 8}, true, 0}}, {}, {}), Error);
}
