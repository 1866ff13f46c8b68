#include "gpu/nn/reduction.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <numeric>
#include <random>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/error.hpp"
#include "runtime/base/random.hpp"

using troupe::Error;
using namespace troupe::gpu;
using namespace troupe::gpu::nn;
using Arrival = ShardReduction::Arrival;

namespace {

struct HostStream final : Stream {
  void copy(std::byte* to, const std::byte* from, std::size_t bytes) override {
    std::memcpy(to, from, bytes);
  }
  void record(Event&) override {}
  void wait(const Event&, std::uint64_t) override {}
  void synchronize() override {}
};

/// Adds, counts what it moves, and offers nothing else.
struct AddingDevice final : Device {
  std::size_t gradient_streams = 0;

  template <class T>
  static void add_values(std::span<const std::byte* const> terms, std::byte* to,
                         std::size_t elements) {
    for (std::size_t i = 0; i < elements; ++i) {
      T sum;
      std::memcpy(&sum, terms.back() + i * sizeof(T), sizeof(T));
      for (std::size_t k = terms.size() - 1; k-- > 0;) {
        T term;
        std::memcpy(&term, terms[k] + i * sizeof(T), sizeof(T));
        sum = term + sum;
      }
      std::memcpy(to + i * sizeof(T), &sum, sizeof(T));
    }
  }
  void add_chain(Stream&, DType dtype, std::span<const std::byte* const> terms, std::byte* to,
                 std::size_t elements) override {
    if (dtype == DType::f32) {
      gradient_streams += terms.size() + 1;
      add_values<float>(terms, to, elements);
    } else if (dtype == DType::f64) {
      add_values<double>(terms, to, elements);
    } else {
      REQUIRE(dtype == DType::i64);
      add_values<std::int64_t>(terms, to, elements);
    }
  }

  std::string name() const override { return "adding"; }
  std::shared_ptr<Storage> allocate(std::size_t bytes, std::string_view) override {
    return allocate_host(bytes);
  }
  bool host_accessible() const override { return true; }
  std::unique_ptr<Stream> make_stream() override { return std::make_unique<HostStream>(); }
  std::unique_ptr<Event> make_event() override { return nullptr; }
  std::size_t workspace_bytes(const Operation&) override { return 0; }
  std::unique_ptr<Program> compile(const ProgramSpec&) override { return nullptr; }
  std::unique_ptr<Updater> make_updater(const StateLayout&, const OptimizerSpec&) override {
    return nullptr;
  }
  std::unique_ptr<Stopwatch> make_stopwatch() override { return nullptr; }
  std::unique_ptr<Recorded> record(Stream&, std::function<void()>) override { return nullptr; }
  std::unique_ptr<StepQueue> make_step_queue(std::size_t, std::size_t) override { return nullptr; }
  std::vector<std::pair<std::string, std::string>> machine_record() const override { return {}; }
};

struct Values {
  std::vector<float> gradient;
  double loss = 0.0;
  std::int64_t rows = 0;
  std::vector<double> moments;

  bool operator==(const Values& other) const {
    const auto same = [](const auto& a, const auto& b) {
      return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof a[0]) == 0;
    };
    return same(gradient, other.gradient) && same(moments, other.moments) && rows == other.rows &&
           std::bit_cast<std::uint64_t>(loss) == std::bit_cast<std::uint64_t>(other.loss);
  }
};

Values operator+(const Values& a, const Values& b) {
  Values sum = a;
  for (std::size_t i = 0; i < sum.gradient.size(); ++i) sum.gradient[i] += b.gradient[i];
  for (std::size_t i = 0; i < sum.moments.size(); ++i) sum.moments[i] += b.moments[i];
  sum.loss += b.loss;
  sum.rows += b.rows;
  return sum;
}

const StateLayout& layout() {
  static const StateLayout once = make_state_layout({{"w", {100}, true, 0}, {"v", {40}, true, 0}},
                                                    {{"norm", 3, 0.1, 0, 0, 0}}, {}, 256);
  return once;
}

Values of_shard(std::uint32_t shard) {
  troupe::Draws draws{5, shard, troupe::Purpose::initialise, 0};
  Values values{std::vector<float>(layout().parameter_elements), draws.uniform(5000), shard + 20,
                std::vector<double>(7)};
  for (std::size_t i = 0; i < values.gradient.size(); ++i) {
    values.gradient[i] = draws.uniform(i) - 0.5F;
  }
  for (std::size_t i = 0; i < 7; ++i) values.moments[i] = draws.uniform(4000 + i) / 3.0;
  return values;
}

/// The tree as JOB-5 says it, by recursion.
Values tree(std::uint32_t first, std::uint32_t count) {
  if (count == 1) return of_shard(first);
  std::uint32_t left = 1;
  while (2 * left < count) left *= 2;
  return tree(first, left) + tree(first + left, count - left);
}

void write(const ShardReduction::Buffers& to, const Values& values) {
  for (std::size_t i = 0; i < layout().buckets.size(); ++i) {
    const Bucket& bucket = layout().buckets[i];
    std::memcpy(to.buckets[i], values.gradient.data() + bucket.begin, bucket.size_bytes());
  }
  std::memcpy(to.sums, &values.loss, 8);
  std::memcpy(to.sums + 8, &values.rows, 8);
  std::memcpy(to.sums + 16, values.moments.data(), 56);
}

Values read(const ShardReduction::Buffers& from) {
  Values values{std::vector<float>(layout().parameter_elements), 0.0, 0, std::vector<double>(7)};
  for (std::size_t i = 0; i < layout().buckets.size(); ++i) {
    const Bucket& bucket = layout().buckets[i];
    std::memcpy(values.gradient.data() + bucket.begin, from.buckets[i], bucket.size_bytes());
  }
  std::memcpy(&values.loss, from.sums, 8);
  std::memcpy(&values.rows, from.sums + 8, 8);
  std::memcpy(values.moments.data(), from.sums + 16, 56);
  return values;
}

struct Node {
  explicit Node(std::uint32_t shards)
      : reduction{device, layout(), shards, [this](std::size_t n) {
                    ++allocations;
                    return device.allocate(n, "sums");
                  }} {}
  Arrival run(std::uint32_t shard) {
    const ShardReduction::Buffers buffers = reduction.acquire();
    write(buffers, of_shard(shard));
    return reduction.complete(stream, shard, buffers);
  }

  AddingDevice device;
  HostStream stream;
  std::size_t allocations = 0;
  ShardReduction reduction;
};

}  // namespace

TEST_CASE("ShardReduction: the sum has the tree's bits in whatever order shards finish (JOB-5)") {
  std::mt19937 random{1};
  for (std::uint32_t shards = 1; shards <= 9; ++shards) {
    const Values expected = tree(0, shards);
    Node node{shards};
    std::vector<std::uint32_t> order(shards);
    std::iota(order.begin(), order.end(), 0U);
    for (int round = 0; round < 60; ++round) {
      for (const std::uint32_t shard : order) {
        CHECK_FALSE(node.reduction.finished());
        CHECK(node.run(shard) == Arrival::added);
      }
      REQUIRE(node.reduction.finished());
      CHECK(read(node.reduction.result()) == expected);
      node.reduction.clear();
      std::ranges::shuffle(order, random);
    }
    CHECK(node.reduction.sets() <= shards);
  }
}

TEST_CASE("ShardReduction: a running sum has other bits, so that the order of adding shows") {
  Values running = of_shard(0);
  for (std::uint32_t shard = 1; shard < 8; ++shard) running = running + of_shard(shard);
  CHECK_FALSE(running == tree(0, 8));
}

TEST_CASE("ShardReduction: shards that run side by side finish in any order") {
  Node node{8};
  std::vector<ShardReduction::Buffers> out;
  std::set<std::byte*> places;
  for (std::uint32_t shard = 0; shard < 8; ++shard) {
    out.push_back(node.reduction.acquire());
    write(out.back(), of_shard(shard));
    places.insert(out.back().buckets[0]);
  }
  CHECK(places.size() == 8);
  for (const std::uint32_t shard : {6U, 1U, 7U, 0U, 3U, 5U, 4U, 2U}) {
    CHECK(node.reduction.complete(node.stream, shard, out[shard]) == Arrival::added);
  }
  CHECK(read(node.reduction.result()) == tree(0, 8));
}

TEST_CASE("ShardReduction: in order it needs log2(S) + 1 sets and 15 streams for 8 shards") {
  for (const auto& [shards, sets] :
       {std::pair{1U, 1U}, {2U, 2U}, {4U, 3U}, {8U, 4U}, {9U, 4U}, {64U, 7U}}) {
    Node node{shards};
    for (int step = 0; step < 3; ++step) {
      for (std::uint32_t shard = 0; shard < shards; ++shard) node.run(shard);
      CHECK(read(node.reduction.result()) == tree(0, shards));
      node.reduction.clear();
    }
    CHECK(node.reduction.sets() == sets);
    CHECK(node.allocations == sets);
    if (shards == 8) CHECK(node.device.gradient_streams == 3 * 15);
  }
}

TEST_CASE("ShardReduction: a second copy is compared where the first is kept, else dropped") {
  Node node{4};
  node.run(2);
  CHECK(node.run(2) == Arrival::same);
  const ShardReduction::Buffers broken = node.reduction.acquire();
  Values other = of_shard(2);
  other.moments[6] += 1e-12;
  write(broken, other);
  CHECK(node.reduction.complete(node.stream, 2, broken) == Arrival::different);
  node.run(3);
  CHECK(node.run(2) == Arrival::dropped);
  CHECK(node.run(3) == Arrival::dropped);
  node.run(0);
  node.run(1);
  CHECK(node.run(0) == Arrival::dropped);
  CHECK(read(node.reduction.result()) == tree(0, 4));

  Node single{1};
  single.run(0);
  CHECK(single.run(0) == Arrival::same);
  CHECK(read(single.reduction.result()) == tree(0, 1));
}

TEST_CASE("ShardReduction: a step that was given up leaves nothing behind") {
  Node node{4};
  node.run(0);
  node.run(2);
  node.reduction.release(node.reduction.acquire());
  node.reduction.clear();
  CHECK_THROWS_AS(node.reduction.result(), Error);
  for (std::uint32_t shard = 0; shard < 4; ++shard) CHECK(node.run(shard) == Arrival::added);
  CHECK(read(node.reduction.result()) == tree(0, 4));
  CHECK(node.reduction.sets() == 3);
}

TEST_CASE("ShardReduction: refuses sets that are not out and shards that are none") {
  Node node{2};
  const ShardReduction::Buffers buffers = node.reduction.acquire();
  CHECK_THROWS_AS(node.reduction.complete(node.stream, 2, buffers), Error);
  node.reduction.release(buffers);
  CHECK_THROWS_WITH_AS(node.reduction.release(buffers),
                       "reduction: expected a set that was acquired, got set 0 of 1", Error);
  CHECK_THROWS_AS(node.reduction.complete(node.stream, 0, buffers), Error);
  CHECK_THROWS_AS(
      (ShardReduction{node.device, layout(), 0, [](std::size_t n) { return allocate_host(n); }}),
      Error);
}

TEST_CASE("ShardReduction: the last shard's additions may be enqueued bucket by bucket") {
  for (std::uint32_t shards = 1; shards <= 9; ++shards) {
    const Values expected = tree(0, shards);
    Node node{shards};
    for (std::uint32_t shard = 0; shard + 1 < shards; ++shard) node.run(shard);
    const ShardReduction::Buffers buffers = node.reduction.acquire();
    write(buffers, of_shard(shards - 1));
    const auto additions = node.reduction.take(shards - 1, buffers);
    CHECK(node.reduction.finished());
    node.reduction.add_sums(node.stream, additions);
    for (std::size_t bucket = layout().buckets.size(); bucket-- > 0;)
      node.reduction.add_bucket(node.stream, additions, bucket);
    CHECK(read(node.reduction.result()) == expected);
    CHECK_THROWS_AS(node.reduction.take(0, node.reduction.acquire()), Error);
  }
}
