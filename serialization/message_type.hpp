#pragma once

#include <cstdint>
#include <string_view>

namespace troupe::serialization {

/// The number that the schema gives to T, one of the generated types: the same in every program and version.
template <class T>
constexpr std::uint64_t type_id() {
  return T::_capnpPrivate::typeId;
}

/// The name of a type whose schema is encoded there.
std::string_view schema_name(const void* encoded_schema);

/// The name of T as its schema writes it ("TensorList", "Manifest.Tensor"), for people to read.
template <class T>
std::string_view type_name() {
  return schema_name(T::_capnpPrivate::encodedSchema());
}

}  // namespace troupe::serialization
