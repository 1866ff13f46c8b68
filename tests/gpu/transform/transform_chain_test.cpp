#include "gpu/transform/transform_chain.hpp"

#include <numeric>
#include <set>
#include <thread>

#include "gpu/transform/image.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/random.hpp"
#include "tests/support/allocations.hpp"

using troupe::Draws;
using troupe::Error;
using troupe::Purpose;
using namespace troupe::gpu;

namespace {

using Values = std::vector<float>;
constexpr std::uint64_t seed = 7;

template <typename T>
Values run(const TransformChain& chain, const std::vector<T>& sample, std::uint64_t position = 0) {
  TransformScratch scratch;
  Values out(static_cast<std::size_t>(chain.out_shape().elements()));
  chain.apply(std::as_bytes(std::span{sample}), seed, position,
              std::as_writable_bytes(std::span{out}), scratch);
  return out;
}

Values counted(std::size_t count) {
  Values all(count);
  std::iota(all.begin(), all.end(), 1.0F);
  return all;
}

std::vector<std::uint32_t> bits(const Values& values) {
  std::vector<std::uint32_t> all;
  for (const float value : values) all.push_back(std::bit_cast<std::uint32_t>(value));
  return all;
}

/// All that is random, for 12x12x3 images.
TransformChain everything() {
  return {{Scale{1.0 / 255}, Crop{10, 10, 2}, Flip{0.5, 0.5}, Rotate{30}, Shift{1.5, true},
           Cutout{3}, Noise{0.1}, Shift{2}, Normalize{{0.4, 0.5, 0.6}, {0.2}}},
          Shape{12, 12, 3},
          DType::u8};
}

std::vector<std::uint8_t> photo() {
  std::vector<std::uint8_t> all(12 * 12 * 3);
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::uint8_t>(i * 37 % 256);
  return all;
}

}  // namespace

TEST_CASE("Scale: casts each dtype to f32, times factor plus offset") {
  const std::vector<Transform> scale = {Scale{0.5, -1}};
  CHECK(run({scale, Shape{3}, DType::u8}, std::vector<std::uint8_t>{0, 3, 255}) ==
        Values{-1, 0.5, 126.5});
  CHECK(run({scale, Shape{2}, DType::i32}, std::vector<std::int32_t>{-4, 8}) == Values{-3, 3});
  CHECK(run({scale, Shape{2}, DType::i64}, std::vector<std::int64_t>{-4, 8}) == Values{-3, 3});
  CHECK(run({scale, Shape{2}, DType::f32}, Values{1.5, -3}) == Values{-0.25, -2.5});
  CHECK(run({scale, Shape{1}, DType::f64}, std::vector<double>{0.1}) == Values{0.1F * 0.5F - 1});
  CHECK(run({{Scale{1.0 / 255}}, Shape{1}, DType::u8}, std::vector<std::uint8_t>{255}) ==
        Values{1});
}

TEST_CASE("Normalize: by one mean and deviation, or one a channel") {
  CHECK(run({{Normalize{{2}, {4}}}, Shape{2, 2}, DType::f32}, Values{2, 6, -2, 0}) ==
        Values{0, 1, -1, -0.5});
  CHECK(run({{Normalize{{1, 2}, {2, 4}}}, Shape{1, 2, 2}, DType::f32}, Values{1, 2, 3, 4}) ==
        Values{0, 0, 1, 0.5});
  CHECK(run({{Normalize{{1, 2}, {2}}}, Shape{2}, DType::f32}, Values{3, 3}) == Values{1, 0.5});
}

TEST_CASE("OneHot: sets the label's element, and refuses a label out of range") {
  CHECK(run({{OneHot{4}}, Shape{}, DType::u8}, std::vector<std::uint8_t>{2}) == Values{0, 0, 1, 0});
  CHECK(run({{OneHot{2}}, Shape{1}, DType::i32}, std::vector<std::int32_t>{0}) == Values{1, 0});
  CHECK(run({{OneHot{2}, Scale{0.9, 0.05}}, Shape{}, DType::i64}, std::vector<std::int64_t>{1}) ==
        Values{0.05F, 0.9F + 0.05F});
  const TransformChain chain{{OneHot{4}}, Shape{}, DType::i32};
  CHECK_THROWS_WITH_AS(run(chain, std::vector<std::int32_t>{4}, 12),
                       "one_hot: position 12: expected a label of 0 to 3, got 4", Error);
  CHECK_THROWS_AS(run(chain, std::vector<std::int32_t>{-1}), Error);
}

TEST_CASE("Shift: each distance up to its limit comes, by the position's draws (JOB-3)") {
  const TransformChain chain{{Shift{1}}, Shape{3, 3, 1}, DType::f32};
  const Values dot = {0, 0, 0, 0, 1, 0, 0, 0, 0};
  std::array<int, 9> seen{};
  for (std::uint64_t position = 0; position < 900; ++position) {
    const Values moved = run(chain, dot, position);
    const Draws draws{seed, position, Purpose::augment, 0};
    const auto dx = static_cast<std::size_t>(draws.uniform(0) * 3);
    const auto dy = static_cast<std::size_t>(draws.uniform(1) * 3);
    CHECK(moved[dy * 3 + dx] == 1);
    CHECK(std::accumulate(moved.begin(), moved.end(), 0.0F) == 1);
    ++seen[dy * 3 + dx];
  }
  for (const int count : seen) CHECK((count > 60 && count < 140));  // 100 expected, deviation 9.4
}

TEST_CASE("Shift: by parts of a pixel, as bilinear interpolation says") {
  const TransformChain chain{{Shift{1, true}}, Shape{1, 3, 1}, DType::f32};
  for (std::uint64_t position = 0; position < 20; ++position) {
    const Draws draws{seed, position, Purpose::augment, 0};
    const double dx = 2 * double{draws.uniform(0)} - 1;
    const double stays = 1 - std::abs(2 * double{draws.uniform(1)} - 1);  // of a row of height 1
    const Values moved = run(chain, Values{0, 1, 0}, position);
    CHECK(moved[0] == doctest::Approx(std::max(0.0, -dx) * stays));
    CHECK(moved[1] == doctest::Approx((1 - std::abs(dx)) * stays));
    CHECK(moved[2] == doctest::Approx(std::max(0.0, dx) * stays));
  }
}

TEST_CASE("Rotate: turns by the position's angle, and not at all by 0 degrees") {
  const Values numbers = counted(25);
  CHECK(run({{Rotate{0}}, Shape{5, 5, 1}, DType::f32}, numbers) == numbers);
  Values dot(25);
  dot[14] = 1;  // two pixels right of the centre
  for (std::uint64_t position = 0; position < 50; ++position) {
    const double turn = 2 * double{Draws{seed, position, Purpose::augment, 0}.uniform(0)} - 1;
    const Values turned = run({{Rotate{90}}, Shape{5, 5, 1}, DType::f32}, dot, position);
    const float above = turned[0] + turned[1] + turned[2] + turned[3] + turned[4];
    const float below = turned[20] + turned[21] + turned[22] + turned[23] + turned[24];
    if (turn > 0.6) CHECK(above > 0.1F);
    if (turn < -0.6) CHECK(below > 0.1F);
  }
}

TEST_CASE("Shift and Rotate: next to each other they lose nothing in between") {
  // Right by more than the image and back again: two resamplings would leave nothing. The draws are
  // looked for in which the second shift undoes the first.
  const TransformChain chain{{Shift{3}, Shift{3}}, Shape{1, 1, 1}, DType::f32};
  bool undone = false;
  for (std::uint64_t position = 0; position < 3000 && !undone; ++position) {
    const auto distance = [&](std::uint32_t layer, std::uint64_t n) {
      return static_cast<int>(Draws{seed, position, Purpose::augment, layer}.uniform(n) * 7) - 3;
    };
    if (distance(0, 0) == 0 || distance(0, 0) + distance(1, 0) != 0) continue;
    if (distance(0, 1) + distance(1, 1) != 0) continue;
    CHECK(run(chain, Values{5}, position) == Values{5});
    undone = true;
  }
  CHECK(undone);
}

TEST_CASE("Shift and Rotate: are done in the chain's order") {
  const Shape shape{5, 5, 1};
  const ImageSize size{shape};
  const TransformChain chain{{Shift{2}, Rotate{90}}, shape, DType::f32};
  for (std::uint64_t position = 0; position < 20; ++position) {
    const Draws shift{seed, position, Purpose::augment, 0};
    const double turn = 2 * double{Draws{seed, position, Purpose::augment, 1}.uniform(0)} - 1;
    Values expected = counted(25);
    std::vector<float> source(resample_source_size(size));
    const Affine first =
        Affine::shift(std::floor(shift.uniform(0) * 5) - 2, std::floor(shift.uniform(1) * 5) - 2);
    resample(expected, size, first.then(rotation(turn * 90 * 0.017453292519943295, size)), source);
    CHECK(bits(run(chain, counted(25), position)) == bits(expected));
  }
}

TEST_CASE("Flip: with probability 1 always, with 0 never, else now and then") {
  const Values numbers = counted(4);
  const auto flip = [&](double horizontal, double vertical, std::uint64_t position) {
    return run({{Flip{horizontal, vertical}}, Shape{2, 2, 1}, DType::f32}, numbers, position);
  };
  int flipped = 0;
  for (std::uint64_t position = 0; position < 1000; ++position) {
    CHECK(flip(0, 0, position) == numbers);
    CHECK(flip(1, 0, position) == Values{2, 1, 4, 3});
    CHECK(flip(0, 1, position) == Values{3, 4, 1, 2});
    CHECK(flip(1, 1, position) == Values{4, 3, 2, 1});
    flipped += flip(0.25, 0, position) == Values{2, 1, 4, 3};
  }
  CHECK((flipped > 190 && flipped < 310));  // 250 expected, deviation 14
}

TEST_CASE("Crop: each window of the padded image comes") {
  const TransformChain chain{{Crop{2, 2, 1}}, Shape{2, 2, 1}, DType::f32};
  std::set<Values> seen;
  for (std::uint64_t position = 0; position < 200; ++position) {
    seen.insert(run(chain, counted(4), position));
  }
  CHECK(seen == std::set<Values>{{0, 0, 0, 1},
                                 {0, 0, 1, 2},
                                 {0, 0, 2, 0},
                                 {0, 1, 0, 3},
                                 {1, 2, 3, 4},
                                 {2, 0, 4, 0},
                                 {0, 3, 0, 0},
                                 {3, 4, 0, 0},
                                 {4, 0, 0, 0}});
  CHECK(run({{Crop{1, 2, 0}}, Shape{1, 2, 2}, DType::f32}, counted(4)) == counted(4));
}

TEST_CASE("Cutout: zeroes a square about each pixel, cut at the edges") {
  const TransformChain chain{{Cutout{3}}, Shape{1, 4, 1}, DType::f32};
  std::set<Values> seen;
  for (std::uint64_t position = 0; position < 100; ++position) {
    seen.insert(run(chain, counted(4), position));
  }
  CHECK(seen == std::set<Values>{{0, 0, 3, 4}, {0, 0, 0, 4}, {1, 0, 0, 0}, {1, 2, 0, 0}});
}

TEST_CASE("Noise: adds the layer's normal draws, times the deviation") {
  const TransformChain chain{{Scale{0}, Noise{0.5}}, Shape{1000}, DType::f32};
  const Values noise = run(chain, Values(1000), 3);
  const Draws draws{seed, 3, Purpose::augment, 1};
  double sum = 0;
  double squares = 0;
  for (std::size_t i = 0; i < noise.size(); ++i) {
    CHECK(noise[i] == static_cast<float>(0.5 * draws.normal(i)));
    sum += noise[i];
    squares += noise[i] * noise[i];
  }
  CHECK(std::abs(sum / 1000) < 0.08);             // deviation of the mean: 0.016
  CHECK(std::abs(squares / 1000 - 0.25) < 0.06);  // of the variance: 0.011
  CHECK(run({{Noise{0}}, Shape{3}, DType::f32}, counted(3)) == counted(3));
}

TEST_CASE("TransformChain: without transforms hands the sample on, whatever its type") {
  const TransformChain chain{{}, Shape{3}, DType::i32};
  CHECK(chain.out_shape() == Shape{3});
  CHECK(chain.out_dtype() == DType::i32);
  const std::array<std::int32_t, 3> in = {1, -2, 3};
  std::array<std::int32_t, 3> out{};
  TransformScratch scratch;
  chain.apply(std::as_bytes(std::span{in}), 0, 0, std::as_writable_bytes(std::span{out}), scratch);
  CHECK(out == in);
}

TEST_CASE(
    "TransformChain: a position's bits depend on no other position, order or thread (JOB-3)") {
  const TransformChain chain = everything();
  const std::vector<std::uint8_t> sample = photo();
  std::vector<std::vector<std::uint32_t>> expected;
  for (std::uint64_t position = 0; position < 64; ++position) {
    expected.push_back(bits(run(chain, sample, position)));
  }
  CHECK(std::set(expected.begin(), expected.end()).size() == 64);

  std::vector<std::vector<std::uint32_t>> found(64);
  std::vector<std::thread> threads;
  for (std::size_t thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      TransformScratch scratch;
      Values out(static_cast<std::size_t>(chain.out_shape().elements()));
      for (std::size_t i = 64; i-- > 0;) {
        if (i % 4 != thread) continue;
        chain.apply(std::as_bytes(std::span{sample}), seed, i,
                    std::as_writable_bytes(std::span{out}), scratch);
        found[i] = bits(out);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(found == expected);
}

TEST_CASE("TransformChain: allocates nothing once its scratch has grown") {
  const TransformChain chain = everything();
  const std::vector<std::uint8_t> sample = photo();
  Values out(static_cast<std::size_t>(chain.out_shape().elements()));
  TransformScratch scratch;
  const auto apply = [&](std::uint64_t position) {
    chain.apply(std::as_bytes(std::span{sample}), seed, position,
                std::as_writable_bytes(std::span{out}), scratch);
  };
  const std::size_t at_first = troupe::test::allocations();
  apply(0);
  const std::size_t before = troupe::test::allocations();
  CHECK(before > at_first);
  for (std::uint64_t position = 1; position < 100; ++position) apply(position);
  CHECK(troupe::test::allocations() == before);
}

TEST_CASE("TransformChain: one scratch serves several chains, and no span needs alignment") {
  const TransformChain large = everything();
  const TransformChain small{{Scale{2}}, Shape{2}, DType::f32};
  TransformScratch scratch;
  std::vector<std::byte> in(9);
  std::vector<std::byte> out(9);
  const Values values = {1.5, -3};
  std::memcpy(in.data() + 1, values.data(), 8);
  small.apply(std::span{in}.subspan(1), 0, 0, std::span{out}.subspan(1), scratch);
  Values result(2);
  std::memcpy(result.data(), out.data() + 1, 8);
  CHECK(result == Values{3, -6});

  const std::vector<std::uint8_t> sample = photo();
  Values from_shared(static_cast<std::size_t>(large.out_shape().elements()));
  large.apply(std::as_bytes(std::span{sample}), seed, 5,
              std::as_writable_bytes(std::span{from_shared}), scratch);
  CHECK(bits(from_shared) == bits(run(large, sample, 5)));
}

TEST_CASE("TransformChain: refuses a chain with all its problems, and spans of the wrong size") {
  CHECK_THROWS_WITH_AS((TransformChain{{Rotate{200}, Cutout{0}}, Shape{4, 4, 1}, DType::f32}),
                       "transform 0: rotate: degrees: expected 0 to 180, got 200; transform 1: "
                       "cutout: size: expected 1 "
                       "to 16384, got 0",
                       Error);
  const TransformChain chain{{Scale{}}, Shape{3}, DType::u8};
  CHECK_THROWS_WITH_AS(run(chain, std::vector<std::uint8_t>{1, 2}),
                       "transform: expected a sample of 3 bytes, got 2", Error);
  TransformScratch scratch;
  const std::array<std::byte, 3> in{};
  std::array<std::byte, 11> out{};
  CHECK_THROWS_WITH_AS(chain.apply(in, 0, 0, out, scratch),
                       "transform: expected room for a result of 12 bytes, got 11", Error);
}
