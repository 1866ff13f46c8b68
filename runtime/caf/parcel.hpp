#pragma once

#include <caf/fwd.hpp>

#include <string>

#include "runtime/actor/envelope.hpp"

namespace troupe::runtime {

/// The one message type that CAF sees: an Envelope that it can copy, print and send to another process.
struct Parcel {
  Parcel() = default;
  explicit Parcel(Envelope&& from) : envelope{std::move(from)} {}
  Parcel(Parcel&&) noexcept = default;
  Parcel& operator=(Parcel&&) noexcept = default;
  // CAF asks for copies, and makes none of a message that has one receiver. A copy has neither duty nor closure.
  Parcel(const Parcel& other);
  Parcel& operator=(const Parcel& other);

  mutable Envelope envelope;
};

caf::error inspect(caf::serializer& out, Parcel& parcel);
/// What comes from a peer: lengths are checked before memory is taken; a frame that is none
/// stays away, and `failure` says why.
caf::error inspect(caf::deserializer& in, Parcel& parcel) noexcept;
std::string to_string(const Parcel& parcel);

}  // namespace troupe::runtime
