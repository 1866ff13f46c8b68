#include <capnp/dynamic.h>
#include <capnp/message.h>
#include <capnp/schema.h>
#include <unistd.h>

#include "serialization/frame_builder.hpp"
#include "serialization/make_frame.hpp"
#include "tests/every_schema.hpp"
#include "tests/support/node_fixture.hpp"

using namespace troupe;
using namespace troupe::runtime;
using namespace troupe::test;

namespace {

/// One number as f64 and as f32, by its bits.
struct Special {
  std::uint64_t wide;
  std::uint32_t narrow;
};
constexpr std::array specials{
    Special{0x7FF0000000000000, 0x7F800000},  // infinities
    Special{0xFFF0000000000000, 0xFF800000},
    Special{0x7FF8000000000000, 0x7FC00000},  // quiet NaNs
    Special{0xFFFDEADBEEF01234, 0xFFEDBEEF},
    Special{0x7FF0000000000001, 0x7F800001},  // signaling NaNs
    Special{0xFFF4DEADBEEF0123, 0xFFADBEEF},
    Special{0x8000000000000000, 0x80000000},  // -0.0
    Special{0x0000000000000001, 0x00000001},  // subnormals
    Special{0x800FFFFFFFFFFFFF, 0x807FFFFF},
};

/// Fills all fields of a struct, its floats with one number. Of each union one member: `choice`, modulo.
class Filling {
 public:
  Filling(const Special& number, unsigned choice) : number_{number}, choice_{choice} {}

  void fill(capnp::DynamicStruct::Builder to, unsigned depth = 0) {
    const capnp::StructSchema schema = to.getSchema();
    for (const auto field : schema.getNonUnionFields()) fill_field(to, field, depth);
    const auto members = schema.getUnionFields();
    widest_ = std::max<unsigned>(widest_, members.size());
    if (members.size() > 0) fill_field(to, members[choice_ % members.size()], depth);
  }

  unsigned doubles() const { return doubles_; }
  unsigned widest_union() const { return widest_; }

 private:
  static constexpr unsigned deepest = 5;  // of schemas that contain themselves
  static constexpr std::array<kj::byte, 3> some_data = {0, 0xFF, 0x80};
  using Set = std::function<void(const capnp::DynamicValue::Reader&)>;
  using Init = std::function<capnp::DynamicValue::Builder(unsigned size)>;

  void fill_field(capnp::DynamicStruct::Builder to, capnp::StructSchema::Field field,
                  unsigned depth) {
    fill_value(
        field.getType(), depth, [&](const auto& value) { to.set(field, value); },
        [&](unsigned size) { return size > 0 ? to.init(field, size) : to.init(field); });
  }

  void fill_list(capnp::DynamicList::Builder to, unsigned depth) {
    const capnp::Type type = to.getSchema().getElementType();
    for (unsigned i = 0; i < to.size(); ++i) {
      fill_value(
          type, depth, [&](const auto& value) { to.set(i, value); },
          [&](unsigned size) { return size > 0 ? to.init(i, size) : to[i]; });
    }
  }

  void fill_value(capnp::Type type, unsigned depth, const Set& set, const Init& init) {
    using Kind = capnp::schema::Type;
    switch (type.which()) {
      case Kind::VOID:
        return set(capnp::VOID);
      case Kind::BOOL:
        return set(true);
      case Kind::FLOAT32:
        return set(std::bit_cast<float>(number_.narrow));
      case Kind::FLOAT64:
        ++doubles_;
        return set(std::bit_cast<double>(number_.wide));
      case Kind::TEXT:
        return set("text");
      case Kind::DATA:
        return set(capnp::Data::Reader{some_data.data(), some_data.size()});
      case Kind::ENUM:
        return set(capnp::DynamicEnum{type.asEnum(), 1});
      case Kind::LIST:
        return fill_list(init(2).as<capnp::DynamicList>(), depth + 1);
      case Kind::STRUCT:
        if (depth < deepest) fill(init(0).as<capnp::DynamicStruct>(), depth + 1);
        return;
      case Kind::INTERFACE:
      case Kind::ANY_POINTER:
        FAIL("no such field travels in a frame");
        return;
      default:
        return set(77);
    }
  }

  const Special number_;
  const unsigned choice_;
  unsigned doubles_ = 0;
  unsigned widest_ = 1;
};

template <class T>
std::span<const std::byte> bytes_of(const std::vector<T>& numbers) {
  return std::as_bytes(std::span{numbers});
}

bool same(std::span<const std::byte> a, std::span<const std::byte> b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size()) == 0);
}

std::size_t count_words(std::span<const std::byte> bytes, std::uint64_t word) {
  std::size_t count = 0;
  for (std::size_t at = 0; at < bytes.size(); at += sizeof word)
    count += std::memcmp(bytes.data() + at, &word, sizeof word) == 0;
  return count;
}

struct Mirrored : NodeFixture {
  Mirrored() {
    start({isolated(child("far", "mirror"))});
    REQUIRE(row("/far").pid != ::getpid());
  }

  void check_crosses(MessageType type, const Frame& frame) {
    const Answer answer = node->ask(std::string_view{"/far"}, type, frame, std::chrono::minutes{1});
    const std::string failure = answer.failure().text;
    REQUIRE_MESSAGE(answer.ok(), failure);
    const Frame& came = answer.frame();
    CHECK(came.bytes().data() != frame.bytes().data());
    CHECK(same(came.head(), frame.head()));
    REQUIRE(came.payload_count() == frame.payload_count());
    for (std::size_t i = 0; i < frame.payload_count(); ++i)
      REQUIRE(same(came.payload(i), frame.payload(i)));
    CHECK(same(came.bytes(), frame.bytes()));
  }

  /// With each special number in each float of the head, for each member of a union.
  template <class T>
  void check_schema() {
    const MessageType type = MessageType::of<T>();
    CAPTURE(type.name);
    unsigned choices = 1;
    for (unsigned choice = 0; choice < choices; ++choice) {
      for (const Special& number : specials) {
        CAPTURE(choice);
        CAPTURE(number.wide);
        Filling filling{number, choice};
        const Frame frame = serialization::build_frame(
            [&](capnp::MessageBuilder& head) {
              filling.fill(head.initRoot<capnp::DynamicStruct>(capnp::Schema::from<T>()));
            },
            {bytes_of(doubles), bytes_of(floats), bytes_of(raw)});
        choices = std::max(choices, filling.widest_union());
        REQUIRE(count_words(frame.head(), number.wide) >= filling.doubles());
        check_crosses(type, frame);
      }
    }
  }
  template <class... T>
  void check_schemas(wire::Types<T...>) {
    (check_schema<T>(), ...);
  }

  /// A frame whose payloads have these sizes.
  void check_sizes(const std::vector<std::size_t>& sizes) {
    serialization::FrameBuilder builder{sizes};
    std::mt19937 random{1};
    for (std::size_t i = 0; i < sizes.size(); ++i)
      for (std::byte& byte : builder.payload(i)) byte = static_cast<std::byte>(random());
    const Frame head = serialization::make_frame<wire::Bulk>([](wire::Bulk::Builder) {});
    check_crosses(MessageType::of<wire::Bulk>(), builder.seal(head.head()));
  }

  std::vector<std::uint64_t> doubles;
  std::vector<std::uint32_t> floats;
  std::vector<std::uint8_t> raw;
};

}  // namespace

TEST_CASE_FIXTURE(Mirrored, "Frames across: every schema's crosses and returns, byte for byte") {
  for (const Special& number : specials) {
    doubles.push_back(number.wide);
    floats.push_back(number.narrow);
  }
  for (unsigned byte = 0; byte < 257; ++byte) raw.push_back(static_cast<std::uint8_t>(byte));
  check_schemas(wire::EverySchema{});
}

TEST_CASE_FIXTURE(Mirrored, "Frames across: so does one of any size and number of payloads") {
  check_sizes({});
  check_sizes({0});
  check_sizes({1});
  check_sizes({std::size_t{8} << 20});
  std::vector<std::size_t> many;
  for (std::size_t i = 0; i < 64; ++i) many.push_back(i);
  check_sizes(many);
}

TEST_CASE_FIXTURE(Mirrored, "Frames across: one of a type that is not heard there is refused") {
  const Answer answer = node->ask<wire::Add>("/far", add_frame(1), std::chrono::seconds{20});
  CHECK(answer.failure().text.find("does not answer messages of type") != std::string::npos);
  check_sizes({7});
}
