#include "gpu/transform/moments.hpp"

#include "gpu/transform/transform_chain.hpp"
#include "runtime/base/error.hpp"
#include "tests/support/mnist.hpp"
#include "tests/support/skip.hpp"

using troupe::Error;
using namespace troupe::gpu;

namespace {
std::vector<std::uint64_t> bits(const Normalize& normalize) {
  std::vector<std::uint64_t> all;
  for (const double value : normalize.mean) all.push_back(std::bit_cast<std::uint64_t>(value));
  for (const double value : normalize.deviation) all.push_back(std::bit_cast<std::uint64_t>(value));
  return all;
}

Moments part_of(float first) {
  Moments part;
  for (int i = 0; i < 5; ++i) part.add(std::array{first * 1e7F, 0.1F * static_cast<float>(i)});
  return part;
}
}  // namespace

TEST_CASE("Moments: mean and population deviation of each channel, or of all values") {
  Moments by_channel{2};
  by_channel.add(std::array{1.0F, 10.0F, 3.0F, 10.0F});
  by_channel.add(std::array{5.0F, 40.0F, 7.0F, 20.0F});
  CHECK(by_channel.count() == 4);
  // 1, 3, 5, 7: mean 4, variance 5; 10, 10, 40, 20: mean 20, variance 150.
  CHECK(by_channel.normalize() == Normalize{{4, 20}, {std::sqrt(5.0), std::sqrt(150.0)}});

  Moments of_all;
  of_all.add(std::array{1.0F, 3.0F, 5.0F, 7.0F});
  CHECK(of_all.normalize() == Normalize{{4}, {std::sqrt(5.0)}});
}

TEST_CASE("Moments: parts are merged in the canonical tree, wherever they were measured (JOB-7)") {
  std::vector<Moments> parts;
  for (const float first : {1.0F, -3.0F, 0.7F, 11.0F, 0.3F}) parts.push_back(part_of(first));
  // Five parts: the largest power of two below 5 is 4, so ((0 1) (2 3)) 4.
  Moments left = parts[0];
  left.merge(parts[1]);
  Moments right = parts[2];
  right.merge(parts[3]);
  left.merge(right);
  left.merge(parts[4]);
  CHECK(bits(merged(parts).normalize()) == bits(left.normalize()));
  CHECK(merged(parts).count() == 50);
  CHECK(bits(merged(std::span{parts}.first(1)).normalize()) == bits(parts[0].normalize()));

  Moments other_order = parts[4];
  for (const int i : {3, 2, 1, 0}) other_order.merge(parts[static_cast<std::size_t>(i)]);
  CHECK(bits(other_order.normalize()) != bits(left.normalize()));
}

TEST_CASE("Moments: refuse what has no deviation and what is no number") {
  CHECK_THROWS_WITH_AS(Moments{}.normalize(), "moments: expected values, got none", Error);
  Moments constant{2};
  for (int i = 0; i < 1000; ++i) constant.add(std::array{static_cast<float>(i), 0.1F});
  CHECK_THROWS_WITH_AS(constant.normalize(),
                       "moments: expected values that differ in channel 1, got one value only",
                       Error);
  Moments moments{2};
  CHECK_THROWS_AS(moments.add(std::array{1.0F}), Error);
  CHECK_THROWS_AS(moments.add(std::array{1.0F, std::numeric_limits<float>::infinity()}), Error);
  CHECK(moments.count() == 0);
  CHECK_THROWS_AS(moments.merge(Moments{3}), Error);
  CHECK_THROWS_AS(Moments{0}, Error);
  CHECK_THROWS_AS(merged({}), Error);
}

TEST_CASE("Moments: measure MNIST's well-known mean and deviation, 0.1307 and 0.3081") {
  const auto mnist = troupe::test::find_mnist();
  if (!mnist) {
    troupe::test::skip("no MNIST in TROUPE_DATA");
    return;
  }
  const auto& images = mnist->train.images;
  const TransformChain scaled{{Scale{1.0 / 255}}, images.record_shape(), images.dtype()};
  TransformScratch scratch;
  std::vector<float> sample(28 * 28);
  std::vector<Moments> parts;
  for (std::uint64_t i = 0; i < images.size(); ++i) {
    if (i % Moments::part_records == 0) parts.emplace_back();
    scaled.apply(images.record(i), 0, i, std::as_writable_bytes(std::span{sample}), scratch);
    parts.back().add(sample);
  }
  CHECK(parts.size() == 15);
  const Normalize normalize = merged(parts).normalize();
  CHECK(normalize.mean[0] == doctest::Approx(0.1307).epsilon(0.0005));
  CHECK(normalize.deviation[0] == doctest::Approx(0.3081).epsilon(0.0005));
}
