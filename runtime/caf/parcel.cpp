#include "runtime/caf/parcel.hpp"

#include <caf/binary_deserializer.hpp>
#include <caf/deserializer.hpp>
#include <caf/error.hpp>
#include <caf/sec.hpp>
#include <caf/serializer.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <memory>
#include <utility>

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
  const std::span<const std::byte> bytes = e.frame.bytes();
  if (auto error = write(
          out, static_cast<std::uint8_t>(e.kind), e.type, e.from_incarnation, e.to_incarnation,
          e.request, std::int64_t{e.left.count()}, e.trace, route->to, route->from,
          static_cast<std::uint8_t>(failure ? failure->kind : FailureKind::dropped),
          failure ? failure->text.substr(0, longest_text) : std::string{},
          std::uint64_t{bytes.size()}))
    return error;
  // Frames are never written to; apply_raw takes a plain pointer for both directions.
  return bytes.empty() ? caf::error{}
                       : out.apply_raw(bytes.size(), const_cast<std::byte*>(bytes.data()));
}

caf::error inspect(caf::deserializer& in, Parcel& parcel) noexcept try {
  std::uint8_t kind = 0, failure = 0;
  std::int64_t left = 0;
  std::uint64_t size = 0;
  std::string text;
  Envelope e;
  Route& route = e.enclose().route.emplace();
  if (auto error = read(in, kind, e.type, e.from_incarnation, e.to_incarnation, e.request, left,
                        e.trace, route.to, route.from, failure, text, size))
    return error;
  const auto* const wire = dynamic_cast<caf::binary_deserializer*>(&in);
  if (!wire || size > wire->remaining())
    return caf::sec::end_of_stream;  // a peer may lie about the length
  if (kind > static_cast<std::uint8_t>(EnvelopeKind::failure) ||
      failure > static_cast<std::uint8_t>(FailureKind::dropped))
    return caf::sec::invalid_argument;
  e.kind = static_cast<EnvelopeKind>(kind);
  e.left = Duration{left};
  if (e.kind == EnvelopeKind::failure)
    e.enclosed->failure = std::make_shared<const Failure>(
        Failure{static_cast<FailureKind>(failure), std::move(text)});
  if (size > 0) {
    constexpr std::size_t alignment = serialization::Frame::alignment;
    const std::size_t room = (size + alignment - 1) / alignment * alignment;
    const std::shared_ptr<std::byte> block{
        static_cast<std::byte*>(std::aligned_alloc(alignment, room)), std::free};
    if (!block) return caf::sec::runtime_error;
    if (auto error = in.apply_raw(size, block.get())) return error;
    try {
      e.frame = serialization::Frame::from_block(block, size, size);
    } catch (const std::exception& error) {
      e.enclosed->failure = std::make_shared<const Failure>(Failure{FailureKind::refused, error.what()});
    }
  }
  parcel.envelope = std::move(e);
  return {};
} catch (...) {  // an exception that leaves here would end the process
  return caf::sec::runtime_error;
}

std::string to_string(const Parcel& parcel) {
  return "envelope of kind " + std::to_string(static_cast<int>(parcel.envelope.kind));
}

}  // namespace troupe::runtime
