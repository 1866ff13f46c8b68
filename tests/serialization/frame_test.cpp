#include "serialization/frame.hpp"

#include <capnp/message.h>

#include <limits>
#include <thread>

#include "runtime/base/error.hpp"
#include "serialization/frame_builder.hpp"
#include "serialization/frame_reader.hpp"
#include "serialization/schema/frame.capnp.h"

using namespace troupe;
using namespace troupe::serialization;

namespace {

constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();

constexpr std::array odd_numbers = {
    std::numeric_limits<float>::infinity(),   -std::numeric_limits<float>::infinity(), -0.0F,
    std::numeric_limits<float>::denorm_min(), std::numeric_limits<float>::lowest(),    1.0F / 3.0F};

/// Two payloads: `odd_numbers` and a NaN with a payload of its own, and five bytes.
Frame example() {
  FrameBuilder builder{std::array<std::size_t, 2>{28, 5}};
  const auto floats = builder.payload_of<float>(0);
  std::ranges::copy(odd_numbers, floats.begin());
  floats[6] = std::bit_cast<float>(0x7FA12345U);
  std::ranges::fill(builder.payload(1), std::byte{7});
  capnp::MallocMessageBuilder message;
  auto head = message.initRoot<wire::TensorList>();
  head.setStep(41);
  auto tensor = head.initTensors(1)[0];
  tensor.setName("hidden.weight");
  tensor.setDims({1, 7});
  tensor.initData().setPayload(0);
  return seal(builder, message);
}

std::vector<std::byte> copy_of(const Frame& frame) {
  return {frame.bytes().begin(), frame.bytes().end()};
}

/// Reads all that a receiver would.
std::size_t read_all(const Frame& frame) {
  std::size_t bytes = 0;
  read_head<wire::TensorList>(frame, [&](wire::TensorList::Reader head) {
    for (const auto tensor : head.getTensors()) {
      bytes += tensor.getName().size() + frame.payload(tensor.getData().getPayload()).size();
    }
  });
  return bytes;
}

}  // namespace

TEST_CASE("Frame: numbers come out bit for bit, in the process and from bytes") {
  const Frame built = example();
  for (const Frame& frame : {built, Frame::from_bytes(built.bytes(), no_limit)}) {
    const auto floats = frame.payload_of<float>(0);
    REQUIRE(floats.size() == 7);
    for (std::size_t i = 0; i < odd_numbers.size(); ++i) {
      CHECK(std::bit_cast<std::uint32_t>(floats[i]) ==
            std::bit_cast<std::uint32_t>(odd_numbers[i]));
    }
    CHECK(std::bit_cast<std::uint32_t>(floats[6]) == 0x7FA12345U);
    CHECK(frame.payload_count() == 2);
    CHECK(frame.payload(1).size() == 5);
    CHECK(frame.payload(1)[4] == std::byte{7});
    read_head<wire::TensorList>(frame, [](wire::TensorList::Reader head) {
      CHECK(head.getStep() == 41);
      CHECK(head.getTensors()[0].getName() == "hidden.weight");
      CHECK(head.getTensors()[0].getData().getEncoding() == wire::Encoding::F32);
    });
  }
}

TEST_CASE("Frame: payloads and head begin at multiples of 64") {
  const Frame frame = example();
  const auto misaligned = [](std::span<const std::byte> bytes) {
    return reinterpret_cast<std::uintptr_t>(bytes.data()) % 64;
  };
  CHECK(misaligned(frame.bytes()) == 0);
  CHECK(misaligned(frame.head()) == 0);
  CHECK(misaligned(frame.payload(0)) == 0);
  CHECK(misaligned(frame.payload(1)) == 0);
  CHECK(frame.bytes().size() % 64 == 0);
}

TEST_CASE("Frame: is allocated once, handed over without a copy and freed once") {
  int allocated = 0, freed = 0;
  const auto counting = [&](std::size_t size) {
    ++allocated;
    auto* const block = static_cast<std::byte*>(::operator new (size, std::align_val_t{64}));
    return std::shared_ptr<std::byte>{block, [&freed](std::byte* p) {
                                        ++freed;
                                        ::operator delete (p, std::align_val_t{64});
                                      }};
  };
  {
    FrameBuilder builder{std::array<std::size_t, 1>{1 << 20}, 64, counting};
    const std::byte* const filled = builder.payload(0).data();
    const Frame frame = builder.seal({});
    CHECK(frame.payload(0).data() == filled);
    std::vector<Frame> held(8, frame);
    std::thread other{[kept = frame, filled] { CHECK(kept.payload(0).data() == filled); }};
    other.join();
    for (const Frame& copy : held) CHECK(copy.payload(0).data() == filled);
    CHECK(allocated == 1);
    CHECK(freed == 0);
  }
  CHECK(freed == 1);
}

TEST_CASE("Frame: one without payloads or head is still a frame; an empty one has nothing") {
  FrameBuilder builder{{}, 0};
  const Frame bare = Frame::from_bytes(builder.seal({}).bytes(), no_limit);
  CHECK(bare.bytes().size() == 64);
  CHECK(bare.payload_count() == 0);
  CHECK(bare.head().empty());
  CHECK_THROWS_AS(read_all(bare), Error);
  const Frame empty;
  CHECK(empty.empty());
  CHECK(empty.head().empty());
  CHECK_THROWS_AS(empty.payload(0), Error);
}

TEST_CASE("Frame: refuses a payload that is not there, or not of whole numbers") {
  const Frame frame = example();
  CHECK_THROWS_WITH_AS(frame.payload(2), "frame: expected a payload below 2, got 2", Error);
  CHECK_THROWS_WITH_AS(frame.payload_of<float>(1),
                       "frame: expected payload 1 of whole 4 bytes, got 5", Error);
}

TEST_CASE("Frame: is refused when cut short at any length, or longer") {
  auto bytes = copy_of(example());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CHECK_THROWS_AS(Frame::from_bytes(std::span{bytes}.first(size), no_limit), Error);
  }
  bytes.resize(bytes.size() + 64);
  CHECK_THROWS_AS(Frame::from_bytes(bytes, no_limit), Error);
}

TEST_CASE("Frame: with any bit flipped is refused, or differs only in what it holds") {
  const Frame frame = example();
  auto bytes = copy_of(frame);
  const auto inside = [&](std::span<const std::byte> part, std::size_t at) {
    const auto from = static_cast<std::size_t>(part.data() - frame.bytes().data());
    return at >= from && at < from + part.size();
  };
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    const std::size_t at = bit / 8;
    const std::byte mask{static_cast<unsigned char>(1U << bit % 8)};
    bytes[at] ^= mask;
    bool accepted = true;
    try {
      read_all(Frame::from_bytes(bytes, no_limit));
    } catch (const Error&) {
      accepted = false;
    }
    // A size in the table or of the head may grow over zeros, up to the next part: the frame is sound then.
    const bool size_field = (at >= 32 && at < 40) || (at >= 72 && at < 80) || (at >= 88 && at < 96);
    if (accepted && !size_field) {
      CHECK((inside(frame.head(), at) || inside(frame.payload(0), at) ||
             inside(frame.payload(1), at)));
    }
    bytes[at] ^= mask;
  }
}

TEST_CASE("Frame: a newer format is refused by its number, a large one by its size") {
  auto bytes = copy_of(example());
  CHECK_THROWS_AS(Frame::from_bytes(bytes, bytes.size() - 1), Error);
  bytes[8] = std::byte{2};
  CHECK_THROWS_WITH_AS(Frame::from_bytes(bytes, no_limit), "frame: expected format 1 to 1, got 2",
                       Error);
}

TEST_CASE("Frame: a received block becomes a frame where it lies") {
  const Frame frame = example();
  const std::shared_ptr<const std::byte> block{frame.bytes().data(), [](const std::byte*) {}};
  CHECK(Frame::from_block(block, frame.bytes().size(), no_limit).bytes().data() == block.get());
  CHECK_THROWS_AS(Frame::from_block(std::shared_ptr<const std::byte>{block, block.get() + 8},
                                    frame.bytes().size() - 8, no_limit),
                  Error);
}

TEST_CASE("FrameBuilder: is empty once sealed, and writes no more") {
  FrameBuilder builder{std::array<std::size_t, 1>{8}};
  FrameBuilder moved = std::move(builder);
  CHECK_FALSE(moved.empty());
  moved.seal({});
  CHECK(moved.empty());
  CHECK_THROWS_AS(moved.payload(0), Error);
  CHECK_THROWS_AS(moved.seal({}), Error);
}

TEST_CASE(
    "FrameBuilder: refuses a head that is larger than its room, and can be sealed with another") {
  FrameBuilder builder{std::array<std::size_t, 1>{8}, 64};
  const std::vector<std::byte> head(72);
  CHECK_THROWS_AS(builder.seal(head), Error);
  CHECK_THROWS_AS(builder.seal(std::span{head}.first(7)), Error);
  CHECK(builder.seal(std::span{head}.first(64)).head().size() == 64);
}

TEST_CASE("read_head: a head that claims more than it holds is an Error and no exhaustion") {
  // A list of 2^29 - 1 structs without a body, as the root's only pointer.
  FrameBuilder builder{{}, 64};
  const std::array<std::uint64_t, 4> head = {
      std::uint64_t{3} << 32,           // one segment of 3 words
      std::uint64_t{1} << 48,           // root: a struct of one pointer
      1 | (std::uint64_t{7} << 32),     // a composite list of 0 words
      std::uint64_t{0x1FFFFFFF} << 2};  // its tag: 2^29 - 1 elements of no words
  const Frame frame = builder.seal(std::as_bytes(std::span{head}));
  CHECK_THROWS_AS(read_head<wire::TensorList>(
                      frame, [](wire::TensorList::Reader list) { list.getTensors().size(); }),
                  Error);
}

TEST_CASE("Frame: one that is another's payload shares its block") {
  const Frame inner = example();
  FrameBuilder builder{std::array<std::size_t, 2>{5, inner.bytes().size()}};
  std::ranges::copy(inner.bytes(), builder.payload(1).begin());
  Frame outer = builder.seal({});
  const std::byte* const where = outer.payload(1).data();
  const Frame nested = outer.nested(1);
  CHECK_THROWS_AS(outer.nested(0), MalformedFrame);
  CHECK_THROWS_AS(outer.nested(2), MalformedFrame);
  outer = Frame{};
  CHECK(nested.bytes().data() == where);
  CHECK(std::ranges::equal(nested.bytes(), inner.bytes()));
}

TEST_CASE(
    "MalformedFrame: tells a sender's fault from limits, versions and a visitor's own errors") {
  auto bytes = copy_of(example());
  const auto read = [&](std::size_t limit) { return Frame::from_bytes(bytes, limit); };
  const auto is_malformed = [&](auto&& act) {
    try {
      act();
    } catch (const MalformedFrame& error) {
      return error.code() == ErrorCode::corrupted;
    } catch (const std::exception&) {
    }
    return false;
  };
  CHECK_FALSE(is_malformed([&] { read(bytes.size() - 1); }));
  CHECK(is_malformed([&] { read(no_limit).payload(2); }));
  CHECK(is_malformed([&] { (void)read(no_limit).payload_of<float>(1); }));
  CHECK_FALSE(is_malformed([&] {
    read_head<wire::TensorList>(read(no_limit), [](wire::TensorList::Reader) {
      throw Error{ErrorCode::corrupted, "a checkpoint"};
    });
  }));
  const Frame frame = read(no_limit);
  const auto head = static_cast<std::size_t>(frame.head().data() - frame.bytes().data());
  bytes[head + 15] = std::byte{255};  // sizes of the root
  CHECK(is_malformed([&] { read_all(read(no_limit)); }));
  bytes[8] = std::byte{2};
  CHECK_FALSE(is_malformed([&] { read(no_limit); }));
  bytes[8] = std::byte{0};
  CHECK(is_malformed([&] { read(no_limit); }));
  bytes[0] = std::byte{0};
  CHECK(is_malformed([&] { read(no_limit); }));
}
