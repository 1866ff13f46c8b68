#include "serialization/safetensors.hpp"

#include <unistd.h>

#include "runtime/base/error.hpp"
#include "serialization/little_endian.hpp"
#include "tests/serialization/safetensors_examples.hpp"
#include "tests/support/file_double.hpp"

using namespace troupe;
using namespace troupe::serialization;
using troupe::test::all_types;
using troupe::test::check_same;

namespace {

Safetensors parse(std::span<const std::byte> bytes) {
  return Safetensors::parse(FileBytes::copy(bytes), "x.safetensors");
}

/// A file of that header and `data` bytes of zero.
std::vector<std::byte> file_of(std::string_view json, std::size_t data) {
  std::vector<std::byte> bytes(8 + json.size() + data);
  store_little(bytes, 0, std::uint64_t{json.size()});
  std::memcpy(bytes.data() + 8, json.data(), json.size());
  return bytes;
}

std::string message_of(std::string_view json, std::size_t data) {
  try {
    parse(file_of(json, data));
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("Safetensors: all types come back bit for bit, with their metadata") {
  const auto bytes = to_safetensors(all_types(), {{"format", "pt"}, {"a \"quote\"", ""}});
  Safetensors read = parse(bytes);
  check_same(all_types(), read);
  CHECK(read.metadata() == SafetensorsMetadata{{"format", "pt"}, {"a \"quote\"", ""}});
  const Safetensors moved = std::move(read);
  check_same(all_types(), moved);
  CHECK(moved.find("none") == nullptr);
  CHECK(std::ranges::is_sorted(moved.tensors(), {}, &NamedTensorView::name));
  check_same({}, parse(to_safetensors({})));
}

TEST_CASE(
    "Safetensors: the data begins at a multiple of 64, tensors in the order they were given") {
  const auto bytes = to_safetensors(all_types());
  CHECK((8 + load_little<std::uint64_t>(bytes, 0)) % 64 == 0);
  const Safetensors read = parse(bytes);
  CHECK(read.offset(*read.find("w")) == 0);
  CHECK(read.offset(*read.find("half")) == 24);
  CHECK(reinterpret_cast<std::uintptr_t>(read.find("w")->bytes.data()) % 64 == 0);
}

TEST_CASE("Safetensors: written to a file, it is read and mapped") {
  std::string path =
      (std::filesystem::temp_directory_path() / "troupe-safetensors-XXXXXX").string();
  const int fd = mkstemp(path.data());
  REQUIRE(fd >= 0);
  close(fd);
  write_safetensors(*posix_files().append(path), all_types());
  check_same(all_types(), Safetensors::parse(posix_files().read(path, 1 << 20), path));
  check_same(all_types(), Safetensors::parse(posix_files().map(path), path));
  posix_files().remove(path);
}

TEST_CASE("Safetensors: the writer refuses what no reader would take") {
  auto tensors = all_types();
  tensors[1].name = "w";
  CHECK_THROWS_AS(to_safetensors(tensors), Error);
  tensors[1].name = "__metadata__";
  CHECK_THROWS_AS(to_safetensors(tensors), Error);
  tensors[1].name = "\xFF";
  CHECK_THROWS_AS(to_safetensors(tensors), Error);
  tensors = all_types();
  tensors[0].bytes = tensors[0].bytes.first(20);
  CHECK_THROWS_AS(to_safetensors(tensors), Error);
}

TEST_CASE("Safetensors: is refused when cut short at any length, or longer") {
  auto bytes = to_safetensors(all_types());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CHECK_THROWS_AS(parse(std::span{bytes}.first(size)), Error);
  }
  bytes.push_back(std::byte{0});
  CHECK_THROWS_AS(parse(bytes), Error);
}

TEST_CASE("Safetensors: what the format does not allow is refused by name") {
  const auto refused = [](std::string_view json, std::size_t data, const std::string& part) {
    const std::string message = message_of(json, data);
    CAPTURE(json);
    CAPTURE(message);
    CHECK(message.starts_with("x.safetensors"));
    CHECK(message.find(part) != std::string::npos);
    CHECK(message.find('\n') == std::string::npos);
  };
  const auto one = [](const std::string& fields) { return "{\"t\":{" + fields + "}}"; };
  const std::string good = R"("dtype":"F32","shape":[1],"data_offsets":[0,4])";
  CHECK(message_of(one(good), 4) == "accepted");
  CHECK(message_of("{}   ", 0) == "accepted");

  refused("", 0, "begin with {");
  refused(" {}", 0, "begin with {");
  refused("[]", 0, "begin with {");
  refused("{", 0, "expected JSON");
  refused("{}x", 0, "expected JSON");
  refused(std::string_view{"{}\0x", 4}, 0, "got a zero byte");
  refused("{\"\xFF\":1}", 0, "expected JSON");
  refused(R"({"t":1})", 0, "\"t\": expected no number here");
  refused(R"({"t":null})", 0, "expected no null");
  refused(R"({"t":[]})", 0, "expected no list here");
  refused(R"({"t":{"dtype":{}}})", 0, "expected no object here");
  refused(one(""), 0, "got less");
  refused(one(good + R"(,"dtype":"F32")"), 4, "each once, got \"dtype\"");
  refused(one(good + R"(,"more":1)"), 4, "got \"more\"");
  refused("{\"t\":{" + good + "},\"t\":{" + good + "}}", 4, "\"t\": expected the name once");
  refused(one(R"("dtype":"F16","shape":[2],"data_offsets":[0,4])"), 4, "got \"F16\"");
  refused(one(R"("dtype":"F32","shape":[-1],"data_offsets":[0,4])"), 4,
          "shape: expected whole numbers");
  refused(one(R"("dtype":"F32","shape":[1.0],"data_offsets":[0,4])"), 4, "expected whole numbers");
  refused(one(R"("dtype":"F32","shape":[[1]],"data_offsets":[0,4])"), 4, "expected no list here");
  refused(one(R"("dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,4])"), 4,
          "below 2^63");
  refused(one(R"("dtype":"F32","shape":[4611686018427387904,2],"data_offsets":[0,0])"), 0, "2^62");
  refused(one(R"("dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,0])"), 0,
          "got 0 bytes");
  refused(one(R"("dtype":"F32","shape":[1,1,1,1,1,1,1],"data_offsets":[0,4])"), 4,
          "at most 6 numbers");
  refused(one(R"("dtype":"F32","shape":[1],"data_offsets":[0])"), 4, "two data_offsets");
  refused(one(R"("dtype":"F32","shape":[1],"data_offsets":[0,4,8])"), 4, "at most 2 numbers");
  refused(one(R"("dtype":"F32","shape":[2],"data_offsets":[0,4])"), 4,
          "expected 2 elements of f32");
  refused(one(R"("dtype":"F32","shape":[1],"data_offsets":[4,0])"), 4,
          "expected data_offsets from 0");
  refused(one(R"("dtype":"F32","shape":[1],"data_offsets":[0,4])"), 5,
          "expected 4 bytes of data, got 5");
  refused(one(R"("dtype":"F32","shape":[1],"data_offsets":[0,4])"), 3, "within 3 bytes");
  refused(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)"
          R"("b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})",
          3, "\"b\": expected data_offsets from 2");
  refused(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
          R"("b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}})",
          3, "\"b\": expected data_offsets from 1");
  refused(R"({"__metadata__":{"k":1}})", 0, "expected no number here");
  refused(R"({"__metadata__":{"k":"a","k":"b"}})", 0, "the key \"k\" once");
  refused("{\"t\":" + std::string(100'000, '['), 0, "expected no list here");
}

TEST_CASE("Safetensors: a header size past the file or the format's limit is refused") {
  std::vector<std::byte> bytes(16);
  for (const std::uint64_t size :
       {std::uint64_t{9}, std::uint64_t{100'000'001}, ~std::uint64_t{0}, ~std::uint64_t{7}}) {
    store_little(bytes, 0, size);
    CHECK_THROWS_AS(parse(bytes), Error);
  }
}
