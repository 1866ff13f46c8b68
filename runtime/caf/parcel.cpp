#include "runtime/caf/parcel.hpp"

#include <caf/binary_deserializer.hpp>
#include <caf/binary_serializer.hpp>
#include <caf/deserializer.hpp>
#include <caf/error.hpp>
#include <caf/sec.hpp>
#include <caf/serializer.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <utility>

#include "runtime/base/aligned_block.hpp"
#include "runtime/caf/frame_scribe.hpp"
#include "serialization/frame.hpp"

namespace troupe::runtime {
namespace {

constexpr std::size_t longest_text = 64 * 1024;

Envelope copy_of(const Envelope& from) {
  Envelope to = twin_of(from);
  if (from.route()) to.enclose().route = *from.route();
  return to;
}

template <class... T>
caf::error write(caf::serializer& out, T... values) {
  caf::error error;
  static_cast<void>(((error = out(values), !error) && ...));
  return error;
}

template <class... T>
caf::error read(caf::deserializer& in, T&... values) {
  caf::error error;
  static_cast<void>(((error = in(values), !error) && ...));
  return error;
}

// A large frame goes beside BASP's bytes; others are copied into them.
caf::error write_frame(caf::serializer& out, const serialization::Frame& frame) {
  const std::span<const std::byte> bytes = frame.bytes();
  auto* const wire = dynamic_cast<caf::binary_serializer*>(&out);
  const std::uint64_t beside = wire ? put_beside(wire->buf(), frame).value_or(0) : 0;
  if (auto error = write(out, std::uint64_t{bytes.size()}, beside)) return error;
  if (bytes.empty() || beside != 0) return {};
  // Frames are never written to; apply_raw takes a plain pointer for both directions.
  return out.apply_raw(bytes.size(), const_cast<std::byte*>(bytes.data()));
}

caf::error read_inline(caf::deserializer& in, std::uint64_t size, Block& block) {
  const auto* const wire = dynamic_cast<caf::binary_deserializer*>(&in);
  if (!wire || size > wire->remaining())
    return caf::sec::end_of_stream;  // a peer may lie about the length
  block = {aligned_block(size), size};
  return in.apply_raw(size, block.bytes.get());
}

// A frame that is none stays away, and `failure` says why.
caf::error read_frame(caf::deserializer& in, serialization::Frame& frame,
                      std::shared_ptr<const Failure>& failure) {
  std::uint64_t size = 0, beside = 0;
  if (auto error = read(in, size, beside)) return error;
  if (size == 0) return {};
  Block block;
  if (beside != 0) {
    block = take_beside(beside);
    if (!block.bytes || block.size != size) return caf::sec::end_of_stream;
  } else if (auto error = read_inline(in, size, block)) {
    return error;
  }
  try {
    frame = serialization::Frame::from_block(std::move(block.bytes), size, size);
  } catch (const std::exception& error) {
    failure = std::make_shared<const Failure>(Failure{FailureKind::refused, error.what()});
  }
  return {};
}

}  // namespace

Parcel::Parcel(const Parcel& other) : envelope{copy_of(other.envelope)} {}

Parcel& Parcel::operator=(const Parcel& other) {
  if (this != &other) envelope = copy_of(other.envelope);
  return *this;
}

caf::error inspect(caf::serializer& out, Parcel& parcel) {
  Envelope& e = parcel.envelope;
  const Route* const route = e.route();
  const Failure* const failure = e.failure();
  if (!route) return caf::sec::invalid_argument;  // it was never meant to leave its process
  if (auto error = write(
          out, static_cast<std::uint8_t>(e.kind), e.type, e.from_incarnation, e.to_incarnation,
          e.request, std::int64_t{e.left.count()}, e.trace, route->to, route->from,
          static_cast<std::uint8_t>(failure ? failure->kind : FailureKind::dropped),
          failure ? failure->text.substr(0, longest_text) : std::string{}))
    return error;
  if (auto error = write_frame(out, e.frame)) return error;
  return write_frame(out, e.enclosed->attachment);
}

caf::error inspect(caf::deserializer& in, Parcel& parcel) noexcept try {
  std::uint8_t kind = 0, failure = 0;
  std::int64_t left = 0;
  std::string text;
  Envelope e;
  Enclosure& enclosed = e.enclose();
  Route& route = enclosed.route.emplace();
  if (auto error = read(in, kind, e.type, e.from_incarnation, e.to_incarnation, e.request, left,
                        e.trace, route.to, route.from, failure, text))
    return error;
  if (kind > static_cast<std::uint8_t>(EnvelopeKind::failure) ||
      failure > static_cast<std::uint8_t>(FailureKind::dropped))
    return caf::sec::invalid_argument;
  e.kind = static_cast<EnvelopeKind>(kind);
  e.left = Duration{left};
  if (e.kind == EnvelopeKind::failure)
    enclosed.failure = std::make_shared<const Failure>(
        Failure{static_cast<FailureKind>(failure), std::move(text)});
  if (auto error = read_frame(in, e.frame, enclosed.failure)) return error;
  if (auto error = read_frame(in, enclosed.attachment, enclosed.failure)) return error;
  parcel.envelope = std::move(e);
  return {};
} catch (...) {  // an exception that leaves here would end the process
  return caf::sec::runtime_error;
}

std::string to_string(const Parcel& parcel) {
  return "envelope of kind " + std::to_string(static_cast<int>(parcel.envelope.kind));
}

}  // namespace troupe::runtime
