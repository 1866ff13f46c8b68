#include "actors/loader/batch_maker.hpp"

#include <algorithm>
#include <cstring>

#include "actors/loader/input_chain.hpp"
#include "actors/loader/preparation.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/permutation.hpp"
#include "tests/actors/loader/support.hpp"
#include "tests/support/doctest_std.hpp"
#include "tests/support/error_code.hpp"
#include "tests/support/file_double.hpp"

using namespace troupe;
using namespace troupe::actors;
using namespace troupe::test;

namespace {

struct Batch {
  explicit Batch(std::size_t rows) : features(rows * 3), labels(rows) {}
  std::array<std::byte*, 2> inputs() {
    return {reinterpret_cast<std::byte*>(features.data()),
            reinterpret_cast<std::byte*>(labels.data())};
  }
  std::vector<float> features;
  std::vector<std::int32_t> labels;
};

struct Case {
  explicit Case(const std::string& transforms)
      : from{many_records(20)},
        spec{from.preprocess(R"({"split": {"validation": 0, "test": 0.2}, "transforms": )" +
                             transforms + "}")},
        data{PreparedData::open(files, prepare(files, from.data, spec, 1, "/d"))} {}
  CsvCase from;
  FileDouble files;
  PreprocessSpec spec;
  PreparedData data;
};

}  // namespace

TEST_CASE("a batch holds the samples of its positions, transformed, across the ends of epochs") {
  Case with{R"([{"scale": {"factor": 2}}])"};
  BatchMaker maker{with.data, with.spec, 7};
  const std::uint64_t n = with.data.size(Split::train);
  Batch batch{6};
  maker.fill({n - 3, n + 3}, batch.inputs());
  for (std::uint64_t row = 0; row < 6; ++row) {
    const std::uint64_t sample = sample_index(7, n - 3 + row, n);
    std::array<float, 3> raw{};
    std::memcpy(raw.data(), with.data.features(Split::train, sample).data(), sizeof raw);
    CHECK(batch.features[row * 3] == 2 * raw[0]);
    CHECK(batch.features[row * 3 + 2] == 1);
    CHECK(batch.labels[row] ==
          static_cast<std::int32_t>(with.data.label_bits(Split::train, sample)));
  }
}

TEST_CASE("noise is drawn for training and not for evaluation, whose rows past the end are zero") {
  Case with{R"([{"noise": {"deviation": 1}}, "normalize"])"};
  BatchMaker maker{with.data, with.spec, 7};
  Batch one{4}, two{4}, raw{4};
  CHECK(maker.fill({0, 4}, one.inputs()) == maker.fill({0, 4}, two.inputs()));
  CHECK(one.features == two.features);
  const std::uint64_t n = with.data.size(Split::test);
  REQUIRE(n >= 2);
  raw.features.assign(12, 99);
  raw.labels.assign(4, 99);
  CHECK(maker.rows(Split::test, n - 2, 4, raw.inputs()) == 2);
  CHECK(std::ranges::all_of(raw.features.begin() + 6, raw.features.end(),
                            [](float v) { return v == 0; }));
  CHECK(raw.labels[2] == 0);
  CHECK(raw.features[2] == 0);  // the constant column, normalised
  CHECK(maker.rows(Split::test, n + 5, 4, raw.inputs()) == 0);
}

TEST_CASE(
    "a digest is of positions and records as delivered, and an audit finds each kind of fault") {
  Case with{"[]"};
  BatchMaker honest{with.data, with.spec, 7};
  Batch batch{8}, wrong{8};
  const auto digest = honest.fill({8, 16}, batch.inputs());
  CHECK(digest == honest.digest({8, 16}));
  CHECK(digest != honest.digest({0, 8}));
  for (const char* const kind : {"skip:10", "double:10", "swap:10"}) {
    BatchMaker liar{with.data, with.spec, 7, Corruption::parse(kind)};
    CHECK(liar.fill({8, 16}, wrong.inputs()) != digest);
    CHECK(wrong.features != batch.features);
    CHECK(liar.fill({0, 8}, wrong.inputs()) == honest.digest({0, 8}));
  }
  BatchMaker swap{with.data, with.spec, 7, Corruption::parse("swap:10")};
  swap.fill({8, 16}, wrong.inputs());
  CHECK(wrong.features[2 * 3] == batch.features[3 * 3]);
  CHECK(wrong.features[3 * 3] == batch.features[2 * 3]);
}

TEST_CASE("a fault that no loader knows is refused") {
  CHECK_FALSE(Corruption::parse(""));
  for (const char* const text : {"skip", "skip:", "skip:1x", "lose:1", "swap:-1"}) {
    CHECK(code_of([&] { Corruption::parse(text); }) == ErrorCode::bad_input);
  }
}

TEST_CASE(
    "a chain for evaluation leaves out what is random, but for a crop that changes the shape") {
  const DataSpec data = parse_data_spec(
      R"({"format": "idx", "train": {"features": "a", "labels": "b"}, "classes": 10})", "");
  const auto chain = [&](const std::string& transforms, ChainUse use) {
    return raw_chain(parse_preprocess_spec(R"({"transforms": )" + transforms + "}", data),
                     gpu::Shape{8, 8, 1}, gpu::DType::u8, gpu::Normalize{{3}, {2}}, use)
        .transforms();
  };
  const std::string all =
      R"([{"shift": {"pixels": 1}}, {"rotate": {"degrees": 1}}, "flip", {"cutout": {"size": 2}},
          {"crop": {"height": 8, "width": 8, "padding": 2}}, "normalize", {"noise": {"deviation": 1}}])";
  CHECK(chain(all, ChainUse::training).size() == 8);
  CHECK(chain(all, ChainUse::evaluation) ==
        std::vector<gpu::Transform>{gpu::Scale{}, gpu::Normalize{{3}, {2}}});
  CHECK(chain(all, ChainUse::measuring) == std::vector<gpu::Transform>{gpu::Scale{}});
  const std::string cropped = R"([{"scale": {"factor": 1}}, {"crop": {"height": 6, "width": 8}}])";
  CHECK(chain(cropped, ChainUse::training).size() == 2);
  CHECK(code_of([&] { chain(cropped, ChainUse::evaluation); }) == ErrorCode::bad_input);
}
