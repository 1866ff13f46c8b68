#include "runtime/caf/parcel.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/binary_deserializer.hpp>
#include <caf/binary_serializer.hpp>
#include <caf/error.hpp>

#include <cstring>

#include "runtime/base/random.hpp"
#include "serialization/frame_builder.hpp"

using namespace troupe;
using namespace troupe::runtime;

namespace {

struct Wire {
  caf::actor_system_config config;
  caf::actor_system system{config.set("scheduler.max-threads", std::size_t{1})};

  std::vector<char> write(Parcel& parcel) {
    std::vector<char> bytes;
    caf::binary_serializer out{system, bytes};
    REQUIRE_FALSE(out(parcel));
    return bytes;
  }
  // What came of it; nothing if it was refused.
  std::optional<Parcel> read(const std::vector<char>& bytes) {
    Parcel parcel;
    caf::binary_deserializer in{system, bytes};
    if (in(parcel)) return {};
    return parcel;
  }
};

Frame some_frame() {
  serialization::FrameBuilder builder{std::array{std::size_t{24}}};
  std::memset(builder.payload(0).data(), 0x7f, 24);  // NaNs, as f32 and as f64
  return builder.seal(std::vector<std::byte>(16));
}

Parcel some_parcel() {
  Envelope envelope;
  envelope.kind = EnvelopeKind::ask;
  envelope.type = 0xdeadbeef12345678;
  envelope.from_incarnation = 3;
  envelope.to_incarnation = 1ULL << 60;
  envelope.request = 77;
  envelope.left = std::chrono::seconds{5};
  envelope.trace = 9;
  envelope.frame = some_frame();
  envelope.enclose().route = Route{"/to/whom", "/from"};
  envelope.enclosed->attachment = some_frame();
  return Parcel{std::move(envelope)};
}

}  // namespace

TEST_CASE_FIXTURE(Wire, "Parcel: what an envelope says crosses, to the bit") {
  Parcel parcel = some_parcel();
  const std::optional<Parcel> read_back = read(write(parcel));
  REQUIRE(read_back.has_value());
  const Envelope& sent = parcel.envelope;
  const Envelope& came = read_back->envelope;
  CHECK(came.kind == sent.kind);
  CHECK(came.type == sent.type);
  CHECK(came.from_incarnation == sent.from_incarnation);
  CHECK(came.to_incarnation == sent.to_incarnation);
  CHECK(came.request == sent.request);
  CHECK(came.left == sent.left);
  CHECK(came.trace == sent.trace);
  CHECK(came.route()->to == "/to/whom");
  CHECK(came.route()->from == "/from");
  REQUIRE(came.frame.bytes().size() == sent.frame.bytes().size());
  CHECK(std::memcmp(came.frame.bytes().data(), sent.frame.bytes().data(), sent.frame.bytes().size()) == 0);
  CHECK(reinterpret_cast<std::uintptr_t>(came.frame.bytes().data()) % 64 == 0);
  CHECK(came.enclosed->attachment.bytes().size() == sent.enclosed->attachment.bytes().size());
}

TEST_CASE_FIXTURE(Wire, "Parcel: a frame that is said to be beside and did not come is refused") {
  Parcel parcel = some_parcel();
  std::vector<char> bytes = write(parcel);
  const std::size_t frames = 2 * (16 + parcel.envelope.frame.bytes().size());
  bytes[bytes.size() - frames + 8 + 7] = 1;  // whichever end CAF begins with
  CHECK_FALSE(read(bytes).has_value());
}

TEST_CASE_FIXTURE(Wire, "Parcel: a failure crosses with its kind and text") {
  Envelope envelope = failure_envelope(1, {FailureKind::ended, "/a ended"});
  envelope.enclose().route.emplace();
  Parcel parcel{std::move(envelope)};
  const std::optional<Parcel> came = read(write(parcel));
  REQUIRE(came.has_value());
  CHECK(came->envelope.failure()->kind == FailureKind::ended);
  CHECK(came->envelope.failure()->text == "/a ended");
}

TEST_CASE_FIXTURE(Wire, "Parcel: an envelope without a route does not leave its process") {
  Parcel parcel;
  std::vector<char> bytes;
  caf::binary_serializer out{system, bytes};
  CHECK(out(parcel));
}

TEST_CASE_FIXTURE(Wire, "Parcel: every truncation is refused or says that its frame is none") {
  Parcel parcel = some_parcel();
  const std::vector<char> whole = write(parcel);
  for (std::size_t size = 0; size < whole.size(); ++size)
    CHECK_FALSE(read({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)}).has_value());
}

TEST_CASE_FIXTURE(Wire, "Parcel: flipped bytes never crash, and a frame that comes out is sound") {
  Parcel parcel = some_parcel();
  const std::vector<char> whole = write(parcel);
  for (std::uint32_t seed = 0; seed < 5000; ++seed) {
    const Draws draws{seed, 0, Purpose::shuffle, 0};
    std::vector<char> bytes = whole;
    for (std::uint32_t i = 0; i < 3; ++i)
      bytes[draws.bits(2 * i) % bytes.size()] = static_cast<char>(draws.bits(2 * i + 1));
    const std::optional<Parcel> came = read(bytes);
    if (!came || came->envelope.frame.empty()) continue;
    for (std::size_t payload = 0; payload < came->envelope.frame.payload_count(); ++payload)
      static_cast<void>(came->envelope.frame.payload(payload));
  }
}
