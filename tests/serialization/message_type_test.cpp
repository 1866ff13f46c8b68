#include "serialization/message_type.hpp"

#include "serialization/schema/checkpoint.capnp.h"
#include "serialization/schema/frame.capnp.h"

using namespace troupe;
using namespace troupe::serialization;

TEST_CASE("type_id: is the schema's number, one for each type, known when compiling") {
  static_assert(type_id<wire::TensorList>() == 0xf6c0b98949dddbec);
  static_assert(type_id<wire::TensorList>() != type_id<wire::Tensor>());
}

TEST_CASE("type_name: is the name in the schema, without the file's") {
  CHECK(type_name<wire::TensorList>() == "TensorList");
  CHECK(type_name<wire::Manifest::Tensor>() == "Manifest.Tensor");
}
