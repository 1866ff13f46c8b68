#include "serialization/formats/idx.hpp"

#include <numeric>

#include "runtime/base/error.hpp"
#include "tests/support/data.hpp"
#include "tests/support/gzip.hpp"
#include "tests/support/mnist.hpp"
#include "tests/support/skip.hpp"
#include "tests/support/temporary_file.hpp"

using troupe::Error;
using troupe::gpu::DType;
using troupe::gpu::Shape;
using troupe::serialization::ByteSource;
using troupe::serialization::IdxDataset;
using troupe::serialization::IdxReader;
using troupe::test::bytes_of;
using troupe::test::gzip;
using troupe::test::TemporaryFile;
using namespace std::string_literals;

namespace {

std::string big_endian(std::uint64_t value, int width) {
  std::string text;
  for (int i = width - 1; i >= 0; --i) text += static_cast<char>(value >> 8 * i & 0xff);
  return text;
}

std::string idx(char type, const std::vector<std::uint32_t>& dims, const std::string& elements) {
  std::string text = "\0\0"s + type + static_cast<char>(dims.size());
  for (const std::uint32_t dim : dims) text += big_endian(dim, 4);
  return text + elements;
}

template <typename T>
std::vector<T> values(std::span<const std::byte> bytes) {
  std::vector<T> all(bytes.size() / sizeof(T));
  std::memcpy(all.data(), bytes.data(), bytes.size());
  return all;
}

IdxDataset dataset(const std::string& content) {
  return {bytes_of(content), "x.idx"};
}

/// What both readers say of `content`; they must agree but for what only a whole view can know.
std::string problem(const std::string& content) {
  try {
    dataset(content);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

std::string streaming_problem(const std::string& content) {
  try {
    IdxReader reader{ByteSource{bytes_of(content), "x.idx"}};
    std::vector<std::byte> record(reader.header().record_bytes);
    while (reader.next(record)) continue;
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

const std::string three_images = idx(8, {3, 2, 2}, "abcdefghijkl");

}  // namespace

TEST_CASE("IdxDataset: gives records by index, from plain and gzip files and from memory") {
  for (const std::string& content : {three_images, gzip(three_images)}) {
    const TemporaryFile file{"idx_test.idx", content};
    for (const IdxDataset& data : {IdxDataset{file.path()}, dataset(content)}) {
      CHECK(data.size() == 3);
      CHECK(data.record_shape() == Shape{2, 2});
      CHECK(data.dtype() == DType::u8);
      CHECK(values<char>(data.record(2)) == std::vector{'i', 'j', 'k', 'l'});
      CHECK(values<char>(data.record(0)) == std::vector{'a', 'b', 'c', 'd'});
      CHECK_THROWS_AS(data.record(3), Error);
    }
  }
}

TEST_CASE("IdxReader: streams the same records and then sees the end") {
  IdxReader reader{ByteSource{bytes_of(three_images), "x.idx"}};
  std::array<std::byte, 4> record{};
  std::string all;
  while (reader.next(record)) all.append(reinterpret_cast<const char*>(record.data()), 4);
  CHECK(all == "abcdefghijkl");
  CHECK_FALSE(reader.next(record));
  CHECK_THROWS_AS(reader.next(std::span{record}.first(3)), Error);
}

TEST_CASE("IdxDataset: turns big-endian elements into the machine's") {
  const std::string ints = idx(0x0c, {2}, big_endian(1, 4) + big_endian(0xffff'fffe, 4));
  CHECK(values<std::int32_t>(dataset(ints).record(1)) == std::vector{-2});
  CHECK(dataset(ints).record_shape() == Shape{});

  const std::string floats = idx(0x0d, {1, 2},
                                 big_endian(std::bit_cast<std::uint32_t>(1.5F), 4) +
                                     big_endian(std::bit_cast<std::uint32_t>(-3e9F), 4));
  CHECK(values<float>(dataset(floats).record(0)) == std::vector{1.5F, -3e9F});
  CHECK(dataset(floats).dtype() == DType::f32);

  const std::string doubles = idx(0x0e, {1}, big_endian(std::bit_cast<std::uint64_t>(0.1), 8));
  CHECK(values<double>(dataset(doubles).record(0)) == std::vector{0.1});

  IdxReader reader{ByteSource{bytes_of(doubles), "x.idx"}};
  std::array<std::byte, 8> record{};
  REQUIRE(reader.next(record));
  CHECK(values<double>(record) == std::vector{0.1});
}

TEST_CASE("IdxDataset: an empty set is a set") {
  CHECK(dataset(idx(8, {0, 28, 28}, "")).size() == 0);
  CHECK(streaming_problem(idx(8, {0, 28, 28}, "")).empty());
}

TEST_CASE("Idx readers: name file, expectation and what came of a broken header") {
  for (const auto& report : {problem, streaming_problem}) {
    CHECK(report("") == "x.idx: IDX header: expected 4 bytes, got 0 and the end of the file");
    CHECK(report("\0\0\x08\x02\0\0\0"s) ==
          "x.idx: IDX header: expected 8 bytes, got 3 and the end of the file");
    CHECK(report("\x89PNG") ==
          "x.idx: expected an IDX header (00 00, type, rank 1 to 4), got 89 50 4e 47");
    CHECK(report(idx(8, {}, "")) ==
          "x.idx: expected an IDX header (00 00, type, rank 1 to 4), got 00 00 08 00");
    CHECK(report(idx(8, {1, 1, 1, 1, 1}, "a")) ==
          "x.idx: expected an IDX header (00 00, type, rank 1 to 4), got 00 00 08 05");
    CHECK(report(idx(0x0a, {1}, "a")) ==
          "x.idx: expected an IDX element type (08, 09, 0b to 0e), got 0a");
    CHECK(report(idx(0x09, {1}, "a")) == "x.idx: expected u8, i32, f32 or f64, got i8");
    CHECK(report(idx(0x0b, {1}, "ab")) == "x.idx: expected u8, i32, f32 or f64, got i16");
    CHECK(report(idx(8, {7, 0, 3}, "")) ==
          "x.idx: expected records with elements, got extent 0 in axis 1");
    CHECK(report(idx(8, {1, 0xffff'ffff, 0xffff'ffff, 0xffff'ffff}, "")) ==
          "x.idx: expected records of at most 1073741824 bytes, got larger extents");
    CHECK(report(idx(0x0e, {1, 1 << 27, 2}, "")) ==
          "x.idx: expected records of at most 1073741824 bytes, got larger extents");
  }
}

TEST_CASE("Idx readers: name the record at which a file is cut, and refuse trailing bytes") {
  const std::string cut = three_images.substr(0, three_images.size() - 3);
  for (const auto& report : {problem, streaming_problem}) {
    CHECK(report(cut) == "x.idx: record 2 of 3: expected 4 bytes, got 1 and the end of the file");
    CHECK(report(idx(8, {0xffff'ffff, 256, 255}, "abc")) ==
          "x.idx: record 0 of 4294967295: expected 65280 bytes, got 3 and the end of the file");
  }
  CHECK(problem(three_images + "mn") ==
        "x.idx: expected the end of the file after 3 records, got 2 more bytes");
  CHECK(streaming_problem(three_images + "mn") ==
        "x.idx: expected the end of the file after 3 records, got more bytes");
}

TEST_CASE("IdxDataset: gzip inside gzip is refused, not unpacked on and on") {
  CHECK(problem(gzip(gzip(three_images))) ==
        "x.idx: expected an IDX file inside gzip, got gzip again");
}

TEST_CASE("check_paired: as many labels as records, or an error that names both files") {
  const std::string labels = idx(8, {2}, "ab");
  CHECK_NOTHROW(check_paired(dataset(three_images), dataset(three_images)));
  CHECK_THROWS_WITH_AS(check_paired(dataset(three_images), IdxDataset{bytes_of(labels), "y.idx"}),
                       "y.idx: expected 3 labels, as x.idx has records, got 2", Error);
}

TEST_CASE("IdxDataset: reads MNIST") {
  const auto mnist = troupe::test::find_mnist();
  if (!mnist) {
    troupe::test::skip("no MNIST in TROUPE_DATA");
    return;
  }
  CHECK(mnist->train.images.size() == 60'000);
  CHECK(mnist->test.images.size() == 10'000);
  CHECK(mnist->train.images.record_shape() == Shape{28, 28});
  CHECK(mnist->train.labels.record_shape() == Shape{});

  std::uint64_t sum = 0;
  std::array<int, 10> classes{};
  for (std::uint64_t i = 0; i < 60'000; ++i) {
    for (const std::byte pixel : mnist->train.images.record(i))
      sum += std::to_integer<unsigned>(pixel);
    ++classes.at(std::to_integer<std::size_t>(mnist->train.labels.record(i)[0]));
  }
  CHECK(static_cast<double>(sum) / (60'000.0 * 784 * 255) ==
        doctest::Approx(0.1307).epsilon(0.001));
  CHECK(*std::ranges::min_element(classes) == 5421);
  CHECK(*std::ranges::max_element(classes) == 6742);
}

TEST_CASE("IdxReader: streams MNIST's test images as the data set holds them") {
  const auto mnist = troupe::test::find_mnist();
  const auto path = troupe::test::find_data("mnist/t10k-images-idx3-ubyte.gz");
  if (!mnist || !path) {
    troupe::test::skip("no MNIST in TROUPE_DATA");
    return;
  }
  IdxReader reader{ByteSource{*path}};
  std::vector<std::byte> record(reader.header().record_bytes);
  std::uint64_t count = 0;
  std::uint64_t same = 0;
  while (reader.next(record))
    same += std::ranges::equal(record, mnist->test.images.record(count++));
  CHECK(count == 10'000);
  CHECK(same == 10'000);
}
