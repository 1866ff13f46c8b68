#include "actors/feedback/drift_reference.hpp"

#include <limits>

#include "runtime/base/error.hpp"
#include "tests/support/error_code.hpp"

using namespace troupe;
using namespace troupe::actors;
using namespace troupe::test;

namespace {

std::span<const std::byte> bytes(const std::vector<float>& row) {
  return std::as_bytes(std::span{row});
}

std::string refusal(std::string_view json) {
  try {
    DriftReference::parse(json, "r.json");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::bad_input);
    return error.what();
  }
  return {};
}

}  // namespace

TEST_CASE("group_means: contiguous groups of almost one size, of both types") {
  const std::vector<float> row{1, 2, 3, 4, 5, 6, 7};
  std::array<double, 3> means{};
  group_means(bytes(row), RowType::f32, means);
  CHECK(means == std::array<double, 3>{1.5, 3.5, 6});
  const std::array<std::byte, 4> small{std::byte{255}, std::byte{1}, std::byte{0}, std::byte{3}};
  std::array<double, 2> two{};
  group_means(small, RowType::u8, two);
  CHECK(two == std::array<double, 2>{128, 1.5});
  CHECK(code_of([&] { group_means(small, RowType::u8, {}); }) == ErrorCode::bad_input);
  std::array<double, 5> five{};
  CHECK(code_of([&] { group_means(small, RowType::u8, five); }) == ErrorCode::bad_input);
}

TEST_CASE("ReferenceBuilder: the edges are deciles, whatever the order of the rows") {
  ReferenceBuilder up{1, 8, 2}, down{1, 8, 2};
  for (int i = 1; i <= 100; ++i) {
    up.add(bytes({static_cast<float>(i)}), RowType::f32, i % 4 == 0);
    down.add(bytes({static_cast<float>(101 - i)}), RowType::f32, i % 4 == 0);
  }
  const DriftReference reference = up.build();
  REQUIRE(reference.groups.size() == 1);
  CHECK(reference.groups[0].edges == std::vector<double>{10, 20, 30, 40, 50, 60, 70, 80, 90});
  CHECK(reference.groups[0].counts == std::vector<std::int64_t>(10, 10));
  CHECK(reference.classes == std::vector<std::int64_t>{75, 25});
  CHECK(down.build() == reference);
  CHECK(reference.groups[0].bin(10) == 0);
  CHECK(reference.groups[0].bin(10.5) == 1);
  CHECK(reference.groups[0].bin(-1e300) == 0);
  CHECK(reference.groups[0].bin(1e300) == 9);
}

TEST_CASE("ReferenceBuilder: equal deciles are one edge, and what is not finite is left out") {
  ReferenceBuilder builder{1, 1, 0};
  for (int i = 0; i < 10; ++i) builder.add(bytes({i < 6 ? 0.0F : 1.0F}), RowType::f32, {});
  builder.add(bytes({std::numeric_limits<float>::quiet_NaN()}), RowType::f32, {});
  builder.add(bytes({std::numeric_limits<float>::infinity()}), RowType::f32, {});
  const DriftReference reference = builder.build();
  CHECK(reference.groups[0].edges == std::vector<double>{0});
  CHECK(reference.groups[0].counts == std::vector<std::int64_t>{6, 4});
  CHECK(reference.classes.empty());
  ReferenceBuilder same{1, 1, 0};
  same.add(bytes({3}), RowType::f32, {});
  CHECK(same.build().groups[0].edges.empty());
  CHECK(code_of([] { ReferenceBuilder{1, 1, 0}.build(); }) == ErrorCode::bad_input);
  CHECK(code_of([] { ReferenceBuilder{0, 1, 0}; }) == ErrorCode::bad_input);
  CHECK(code_of([&] { builder.add(bytes({1, 2}), RowType::f32, {}); }) == ErrorCode::bad_input);
  CHECK(code_of([&] { builder.add(bytes({1}), RowType::f32, 0); }) == ErrorCode::bad_input);
}

TEST_CASE("DriftReference: read back it is the same, and what is none is refused") {
  DriftReference reference{3, {{{0.1, 1.0 / 3}, {1, 0, 2}}, {{}, {3}}}, {1, 2}};
  CHECK(DriftReference::parse(reference.json(), "r") == reference);
  CHECK(refusal("{") == "r.json: expected JSON, got something else");
  CHECK(refusal("[]") == "r.json: expected a map with the key \"features\"");
  const std::string good =
      R"({"features": 2, "groups": [{"edges": [1], "counts": [1, 2]}], "classes": []})";
  CHECK(refusal(good).empty());
  for (
      const char* bad : {
          R"({"features": -2, "groups": [{"edges": [1], "counts": [1, 2]}], "classes": []})",
          R"({"features": 2, "groups": [], "classes": []})",
          R"({"features": 2, "groups": [1], "classes": []})",
          R"({"features": 2, "groups": [{"edges": [1, 1], "counts": [1, 2, 3]}], "classes": []})",
          R"({"features": 2, "groups": [{"edges": [1], "counts": [1]}], "classes": []})",
          R"({"features": 2, "groups": [{"edges": [1], "counts": [0, 0]}], "classes": []})",
          R"({"features": 2, "groups": [{"edges": [1], "counts": [1, -1]}], "classes": []})",
          R"({"features": 2, "groups": [{"edges": [1], "counts": [1, 9007199254740993]}], "classes": []})",
          R"({"features": 2, "groups": [{"edges": ["1"], "counts": [1, 1]}], "classes": []})",
          R"({"features": 2, "groups": [{"edges": [1], "counts": [1, 1]}], "classes": [0, 0]})",
          R"({"features": 2, "groups": [{"edges": [1], "counts": [1, 1]}], "classes": {}})",
          R"({"features": 2, "groups": [{"edges": [1], "counts": [1, 1]}]})",
      }) {
    CAPTURE(bad);
    CHECK(refusal(bad).starts_with("r.json: expected "));
  }
}
