#include "serialization/manifest.hpp"

#include <capnp/any.h>
#include <capnp/message.h>

#include <limits>

#include "runtime/base/error.hpp"
#include "runtime/base/file.hpp"
#include "serialization/manifest_envelope.hpp"
#include "serialization/message.hpp"
#include "serialization/schema/checkpoint.capnp.h"

using namespace troupe;
using namespace troupe::serialization;

namespace {

Manifest example() {
  Manifest manifest;
  manifest.record = {.config = "model: mlp\n",
                     .step = 300,
                     .seed = 0xFFFFFFFFFFFFFFFFU,
                     .data_fingerprint = {std::byte{1}},
                     .machine = {{"isa", "avx2"}, {"threads_per_shard", "1"}, {"", ""}},
                     .metrics = {{"loss", 100, -0.0}, {"loss", 200, 1.0 / 3.0}},
                     .ledger_bytes = 4711};
  manifest.tensors = {{"a", gpu::DType::f32, gpu::Shape{}, 0, 4, {std::byte{2}}},
                      {"b", gpu::DType::i64, gpu::Shape{2, 0}, 4, 0, {std::byte{3}}}};
  manifest.state_hash = {std::byte{4}};
  return manifest;
}

Manifest decode(std::span<const std::byte> file) {
  const FileBytes aligned = FileBytes::copy(file);
  return decode_manifest(aligned.span(), "manifest");
}

/// The example's message, changed by `change`, as a file that is sound but for that.
std::vector<std::byte> changed(const std::function<void(wire::Manifest::Builder)>& change) {
  capnp::MallocMessageBuilder message;
  read_message(
      unwrap_manifest(encode_manifest(example()), "x"), "x",
      [&](capnp::MessageReader& reader) { message.setRoot(reader.getRoot<wire::Manifest>()); });
  change(message.getRoot<wire::Manifest>());
  return wrap_manifest(flat_message(message));
}

}  // namespace

TEST_CASE("Manifest: comes back as it was written, numbers bit for bit") {
  Manifest manifest = example();
  CHECK(decode(encode_manifest(manifest)) == manifest);
  CHECK(std::signbit(decode(encode_manifest(manifest)).record.metrics[0].value));
  const double nan = std::bit_cast<double>(0x7FF8000000012345U);
  manifest.record.metrics[0].value = nan;
  const double read = decode(encode_manifest(manifest)).record.metrics[0].value;
  CHECK(std::bit_cast<std::uint64_t>(read) == std::bit_cast<std::uint64_t>(nan));
  CHECK(decode(encode_manifest({})) == Manifest{});
}

TEST_CASE("Manifest: a long history comes back too") {
  Manifest manifest = example();
  for (std::uint64_t step = 0; step < 20'000; ++step)
    manifest.record.metrics.push_back({"loss", step, 1.0});
  CHECK(decode(encode_manifest(manifest)) == manifest);
}

TEST_CASE("Manifest: a newer format is refused by its number") {
  const auto file = encode_manifest(example());
  const auto newer = wrap_manifest(unwrap_manifest(file, "x"), manifest_format + 1);
  try {
    decode(newer);
    FAIL("it was accepted");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::unsupported);
    CHECK(std::string{error.what()} == "manifest: expected format 1 to 1, got format 2");
  }
  CHECK_THROWS_AS(decode(wrap_manifest(unwrap_manifest(file, "x"), 0)), Error);
}

TEST_CASE("Manifest: fields that a later version added are passed over") {
  using Anything = capnp::AnyStruct;
  capnp::MallocMessageBuilder message;
  read_message(unwrap_manifest(encode_manifest(example()), "x"), "x",
               [&](capnp::MessageReader& reader) {
                 const auto now = reader.getRoot<Anything>();
                 const auto data = now.getDataSection();
                 const auto pointers = now.getPointerSection();
                 auto later = message.getRoot<capnp::AnyPointer>().initAsAnyStruct(
                     static_cast<std::uint16_t>(data.size() / 8 + 1),
                     static_cast<std::uint16_t>(pointers.size() + 1));
                 std::ranges::copy(data, later.getDataSection().begin());
                 later.getDataSection().end()[-1] = 9;
                 for (unsigned i = 0; i < pointers.size(); ++i)
                   later.getPointerSection()[i].set(pointers[i]);
                 later.getPointerSection()[pointers.size()].setAs<capnp::Text>("something new");
               });
  CHECK(decode(wrap_manifest(flat_message(message))) == example());
}

TEST_CASE("Manifest: is refused when cut short at any length, or longer, or with any bit flipped") {
  auto file = encode_manifest(example());
  for (std::size_t size = 0; size < file.size(); ++size) {
    CHECK_THROWS_AS(decode(std::span{file}.first(size)), Error);
  }
  for (std::size_t bit = 0; bit < file.size() * 8; ++bit) {
    const std::byte mask{static_cast<unsigned char>(1U << bit % 8)};
    file[bit / 8] ^= mask;
    CHECK_THROWS_AS(decode(file), Error);
    file[bit / 8] ^= mask;
  }
  file.resize(file.size() + 8);
  CHECK_THROWS_AS(decode(file), Error);
}

TEST_CASE("Manifest: a sound file with an unsound field is refused by the field's name") {
  const auto refused = [](const std::string& message, const auto& change) {
    CHECK_THROWS_WITH_AS(decode(changed(change)), message.c_str(), Error);
  };
  refused("manifest: dataFingerprint: expected 32 bytes, got 3",
          [](wire::Manifest::Builder m) { m.initDataFingerprint(3); });
  refused("manifest: stateHash: expected 32 bytes, got 0",
          [](wire::Manifest::Builder m) { m.initStateHash(0); });
  refused("manifest: tensor a: expected a dtype from 1 to 6, got 7",
          [](wire::Manifest::Builder m) { m.getTensors()[0].setDtype(7); });
  refused("manifest: tensor a: expected at most 6 dimensions, got 7",
          [](wire::Manifest::Builder m) { m.getTensors()[0].initDims(7); });
  refused("manifest: tensor a: shape: expected dimensions of 0 or more, got -1",
          [](wire::Manifest::Builder m) { m.getTensors()[0].setDims({-1}); });
  refused("manifest: tensor b: hash: expected 16 bytes, got 15",
          [](wire::Manifest::Builder m) { m.getTensors()[1].initHash(15); });
  refused("manifest: tensors: expected names in order, got b before b",
          [](wire::Manifest::Builder m) { m.getTensors()[0].setName("b"); });
}

TEST_CASE("Manifest: a list that claims more elements than the file holds takes no memory") {
  // Structs of no words take no bytes, however many there are.
  for (const unsigned count : {1000U, (1U << 29) - 1}) {
    const auto file = changed([&](wire::Manifest::Builder manifest) {
      capnp::AnyStruct::Builder any = capnp::toAny(manifest);
      any.getPointerSection()[2].initAsListOfAnyStruct(0, 0, count);  // machine
    });
    CHECK(file.size() < 1500);
    CHECK_THROWS_AS(decode(file), Error);
  }
  CHECK_THROWS_WITH_AS(decode(changed([](wire::Manifest::Builder manifest) {
                         capnp::AnyStruct::Builder any = capnp::toAny(manifest);
                         any.getPointerSection()[2].initAsListOfAnyStruct(0, 0, 100);
                       })),
                       "manifest: machine: expected no more than the message holds, got 100",
                       Error);
}
