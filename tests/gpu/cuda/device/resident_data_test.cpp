#include "gpu/resident_data.hpp"

#include <algorithm>
#include <cstring>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "gpu/device.hpp"
#include "gpu/transform/transform_chain.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/float_environment.hpp"
#include "runtime/base/permutation.hpp"
#include "runtime/base/random.hpp"
#include "tests/gpu/cuda/test_device.hpp"

using namespace troupe;
using namespace troupe::gpu;

namespace {

using Bytes = std::vector<std::byte>;

enum class Label { number, value };

/// Records of samples for a chain, with rubbish between features and label, and behind it.
struct Records {
  Records(const TransformChain& chain, std::uint64_t count, Label label)
      : feature_bytes{static_cast<std::size_t>(chain.in_shape().elements()) *
                      size_bytes(chain.in_dtype())},
        label_offset{feature_bytes + 3},
        record_bytes{label_offset + 4 + 2},
        samples{count},
        bytes(count * record_bytes) {
    std::uint64_t word = 1;
    for (std::byte& byte : bytes) {
      word = word * 6364136223846793005 + 1442695040888963407;
      byte = static_cast<std::byte>(word >> 56);
    }
    for (std::uint64_t sample = 0; sample < count; ++sample) {
      std::byte* const record = bytes.data() + sample * record_bytes;
      fill(record, chain, sample);
      const auto number = static_cast<std::int32_t>(sample % 10);
      const float value = 0.25F * static_cast<float>(sample) - 1.0F;
      if (label == Label::number) std::memcpy(record + label_offset, &number, 4);
      if (label == Label::value) std::memcpy(record + label_offset, &value, 4);
    }
  }

  std::size_t feature_bytes, label_offset, record_bytes;
  std::uint64_t samples;
  Bytes bytes;

 private:
  template <class T>
  static void put(std::byte* to, std::int64_t at, T value) {
    std::memcpy(to + static_cast<std::size_t>(at) * sizeof(T), &value, sizeof(T));
  }
  static void fill(std::byte* record, const TransformChain& chain, std::uint64_t sample) {
    const Draws draws{32, sample, Purpose::initialise, 0};
    for (std::int64_t i = 0; i < chain.in_shape().elements(); ++i) {
      const auto n = static_cast<std::uint64_t>(i);
      const auto integer = static_cast<std::int32_t>(draws.bits(n));
      switch (chain.in_dtype()) {
        case DType::u8:
          break;  // as it is
        case DType::f32:
          // Subnormals among them, and zeros of both signs.
          if (draws.uniform(n) < 0.1F) {
            put(record, i, draws.bits(n) << 8 & 0x8000'0F00);
          } else {
            put(record, i, 2.0F * draws.uniform(n) - 1.0F);
          }
          break;
        case DType::i32:
          put(record, i, integer);
          break;
        case DType::i64:
          put(record, i, std::int64_t{integer} * 1'000'003);
          break;
        case DType::f64:
          put(record, i, 1e-3 * integer);
          break;
        case DType::bf16:
          break;
      }
    }
  }
};

struct Case {
  TransformChain chain;
  std::uint64_t samples = 10, seed = 7;
  std::int64_t rows = 5;
  Label label = Label::number;
};

ResidentSpec spec_of(const Case& subject, const Records& records) {
  return {records.bytes, records.record_bytes, records.label_offset, subject.samples,
          subject.seed,  &subject.chain,       subject.rows};
}

/// Where rows differ from what the CPU makes of the same positions; empty where none does.
std::string difference(const Case& subject, const Records& records, std::uint64_t position,
                       const Bytes& features, const Bytes& labels) {
  TransformScratch scratch;
  const std::size_t row_bytes = features.size() / static_cast<std::size_t>(subject.rows);
  Bytes expected(row_bytes);
  for (std::size_t row = 0; row < static_cast<std::size_t>(subject.rows); ++row) {
    const std::uint64_t sample = sample_index(subject.seed, position + row, subject.samples);
    const std::byte* const record = records.bytes.data() + sample * records.record_bytes;
    subject.chain.apply({record, records.feature_bytes}, subject.seed, position + row, expected,
                        scratch);
    const std::string where =
        " of position " + std::to_string(position) + " + " + std::to_string(row);
    const std::byte* const got = features.data() + row * row_bytes;
    if (std::memcmp(got, expected.data(), row_bytes) != 0) {
      const auto first = std::ranges::mismatch(expected, std::span{got, row_bytes}).in1;
      return "byte " + std::to_string(first - expected.begin()) + where;
    }
    if (std::memcmp(labels.data() + 4 * row, record + records.label_offset, 4) != 0) {
      return "the label" + where;
    }
  }
  return {};
}

/// On the device, from the positions in turn.
void check(const std::string& name, const Case& subject,
           const std::vector<std::uint64_t>& positions) {
  CAPTURE(name);
  const FloatEnvironment environment;
  const auto device = test::cuda::make_test_device();
  const auto stream = device->make_stream();
  const Records records{subject.chain, subject.samples, subject.label};
  const auto data = device->make_resident(spec_of(subject, records));
  REQUIRE(data != nullptr);
  const auto rows = static_cast<std::size_t>(subject.rows);
  const std::size_t row_bytes = static_cast<std::size_t>(subject.chain.out_shape().elements()) *
                                size_bytes(subject.chain.out_dtype());
  const auto step = device->allocate(sizeof(StepState), "a test");
  const auto features = device->allocate(rows * row_bytes, "a test");
  const auto labels = device->allocate(rows * 4, "a test");
  for (const std::uint64_t position : positions) {
    // What StepState says of a seed is not the data's.
    const StepState state{.position = position, .seed = subject.seed + 1};
    Bytes features_here(rows * row_bytes), labels_here(rows * 4);
    stream->copy(step->data(), reinterpret_cast<const std::byte*>(&state), sizeof state);
    data->gather(*stream, reinterpret_cast<const StepState*>(step->data()), features->data(),
                 labels->data());
    stream->copy(features_here.data(), features->data(), features_here.size());
    stream->copy(labels_here.data(), labels->data(), labels_here.size());
    stream->synchronize();
    CHECK(difference(subject, records, position, features_here, labels_here) == "");
  }
}

/// Across the ends of epochs of 10, and where a position needs 64 bits.
const std::vector<std::uint64_t> across = {0, 7, 29, (std::uint64_t{1} << 32) - 3,
                                           std::uint64_t{1} << 50};

const Shape grey{9, 7, 1}, colour{6, 11, 3}, many{5, 4, 7};

const std::vector<std::pair<std::string, Transform>> each = {
    {"scale", Scale{1.0 / 255, -0.3}},
    {"normalize", Normalize{{0.4}, {0.3}}},
    {"shift", Shift{3}},
    {"shift by parts of pixels", Shift{2.5, true}},
    {"shift out of the image", Shift{4096}},
    {"rotate", Rotate{25}},
    {"rotate all around", Rotate{180}},
    {"flip", Flip{}},
    {"flip both ways", Flip{0.5, 0.5}},
    {"crop", Crop{5, 4}},
    {"crop with padding", Crop{5, 4, 4}},
    {"crop to more", Crop{10, 10, 4}},
    {"cutout", Cutout{3}},
    {"cutout of an even size", Cutout{4}},
    {"cutout of all", Cutout{16'384}},
    {"noise", Noise{0.1}},
    {"no noise", Noise{0}},
};

}  // namespace

TEST_CASE("ResidentData: each transform alone gives the CPU's bits") {
  for (const auto& [name, transform] : each) {
    for (const Shape& shape : {grey, colour, many}) {
      const std::string where = name + " of " + to_string(shape);
      check(where, {TransformChain{{transform}, shape, DType::f32}}, {0, 7});
      check(where + " in u8", {TransformChain{{Scale{1.0 / 255}, transform}, shape, DType::u8}},
            {29});
    }
  }
}

TEST_CASE("ResidentData: chains give the CPU's bits") {
  const Transform channels = Normalize{{0.4, 0.5, 0.6}, {0.2, 0.25, 0.3}};
  const std::vector<std::vector<Transform>> chains = {
      {Scale{1.0 / 255}, channels},
      {Scale{1.0 / 255}, Crop{6, 11, 2}, Flip{}, Cutout{3}, channels},
      {Scale{1.0 / 255}, Shift{1.5, true}, Rotate{15}, channels, Noise{0.05}},
      {Scale{1.0 / 255}, Rotate{15}, Shift{1}, Rotate{5}, Shift{0.5, true}},
      {Scale{1.0 / 255}, Shift{2}, Noise{0.1}, Shift{2}, Scale{2}, Rotate{10}},
      {Scale{1.0 / 255}, Noise{0.1}, Noise{0.2}, channels, Normalize{{0.1}, {0.9, 0.8, 0.7}}},
      {Scale{1.0 / 255}, Flip{0.5, 0.5}, Flip{1, 0}, Flip{0, 1}, Cutout{2}, Cutout{5}},
      {Scale{1.0 / 255}, Crop{4, 9}, Rotate{30}, Crop{7, 7, 3}, Shift{1}, Crop{5, 5}},
      {Scale{1.0 / 255}, Crop{5, 10, 2}, Flip{0.5, 0.5}, Rotate{30}, Shift{1.5, true}, Cutout{3},
       Noise{0.1}, Shift{2}, channels},
  };
  for (std::size_t i = 0; i < chains.size(); ++i) {
    const std::string name = "chain " + std::to_string(i);
    check(name, {TransformChain{chains[i], colour, DType::u8}}, across);
    check(name + ", regression",
          {.chain = TransformChain{chains[i], colour, DType::u8},
           .seed = std::uint64_t{5} << 40,
           .label = Label::value},
          {3});
  }
}

TEST_CASE("ResidentData: noise and angles agree where an angle is reduced exactly") {
  // Of so many angles some lie within 2^-10 of a multiple of a quarter turn.
  check("noise", {.chain = TransformChain{{Noise{0.7}}, Shape{101, 33}, DType::f32}}, {0, 1000});
  check("rotate",
        {TransformChain{std::vector<Transform>(500, Rotate{180}), Shape{2, 3, 1}, DType::f32}},
        {0});
}

TEST_CASE("ResidentData: samples of every type and rank, of few samples and of many") {
  for (const DType type : {DType::u8, DType::i32, DType::i64, DType::f32, DType::f64}) {
    for (const Shape& shape : {Shape{}, Shape{1}, Shape{13}, Shape{64}, Shape{3, 5, 2, 2}}) {
      const std::string name = std::string{to_string(type)} + to_string(shape);
      check(name, {TransformChain{{}, shape, type}}, {0, 8});
      check(name + ", scaled", {TransformChain{{Scale{0.37, 1}, Noise{2}}, shape, type}}, {0, 8});
    }
  }
  check("bf16", {TransformChain{{}, Shape{8}, DType::bf16}}, {0, 8});
  for (const std::uint64_t samples : {1U, 2U, 3U, 257U, 70'000U}) {
    check(std::to_string(samples) + " samples",
          {.chain = TransformChain{{}, Shape{16}, DType::u8}, .samples = samples, .rows = 9},
          {0, samples - 1, 5 * samples - 4 % samples});
  }
}

TEST_CASE("ResidentData: more rows than blocks of threads, and more transforms than threads") {
  check("rows",
        {.chain = TransformChain{{Scale{}, Flip{}}, Shape{3, 3, 1}, DType::u8}, .rows = 1030}, {4});
  std::vector<Transform> flips{Scale{}};
  for (int i = 0; i < 300; ++i) flips.push_back(Flip{});
  check("transforms", {.chain = TransformChain{flips, Shape{2, 3, 1}, DType::u8}, .rows = 2}, {4});
}

TEST_CASE("ResidentData: records of several pieces of staging memory arrive whole") {
  check("pieces",
        {.chain = TransformChain{{}, Shape{1'000'000}, DType::u8}, .samples = 18, .rows = 18}, {0});
}

TEST_CASE("ResidentData: labels as one-hot rows are not made on the device") {
  const auto device = test::cuda::make_test_device();
  const Case subject{TransformChain{{OneHot{10}}, Shape{1}, DType::i32}};
  const Records records{subject.chain, subject.samples, subject.label};
  CHECK(device->make_resident(spec_of(subject, records)) == nullptr);
}

TEST_CASE("ResidentData: a spec that contradicts itself is told in one line") {
  const auto device = test::cuda::make_test_device();
  const Case subject{TransformChain{{Scale{}}, Shape{4}, DType::u8}};
  const Records records{subject.chain, subject.samples, subject.label};
  const auto told = [&](auto change, const char* text) {
    ResidentSpec spec = spec_of(subject, records);
    change(spec);
    CHECK_THROWS_WITH_AS(device->make_resident(spec), text, Error);
  };
  told([](ResidentSpec& spec) { spec.chain = nullptr; },
       "cuda: resident data: expected a chain, got none");
  told([](ResidentSpec& spec) { spec.samples = 0; },
       "cuda: resident data: expected 1 to 2^40 samples, got 0");
  told([](ResidentSpec& spec) { spec.rows = 0; },
       "cuda: resident data: expected 1 row or more, got 0");
  told([](ResidentSpec& spec) { spec.record_bytes = 3; },
       "cuda: resident data: expected records of 4 bytes or more, got 3");
  told([](ResidentSpec& spec) { spec.label_offset_bytes = 10; },
       "cuda: resident data: expected a label of 4 bytes within the 13 of a record, by its offset, "
       "got 10");
  told([](ResidentSpec& spec) { spec.samples = 9; },
       "cuda: resident data: expected 9 records of 13 bytes, got 130");
}

TEST_CASE("ResidentData: what the device has no room for is told with what it is for") {
  const auto device = test::cuda::make_test_device();
  const Case subject{.chain = TransformChain{{Scale{}, Crop{8193, 8193, 4096}, Flip{}, Flip{}},
                                             Shape{1, 1, 1},
                                             DType::u8},
                     .samples = 1,
                     .rows = 1024};
  const Records records{subject.chain, subject.samples, subject.label};
  CHECK_THROWS_WITH_AS(
      device->make_resident(spec_of(subject, records)),
      doctest::Contains("cuda: expected 549890039808 bytes for the batches of a data set, got out "
                        "of memory: "),
      Error);
}
