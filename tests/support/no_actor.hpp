#pragma once

#include <memory>

#include "runtime/actor/actor.hpp"
#include "runtime/base/error.hpp"
#include "runtime/registry.hpp"

namespace troupe::test {

/// A factory for types that are only registered.
inline std::unique_ptr<runtime::Actor> no_actor(runtime::Context&, const runtime::Parameters&) {
  throw Error{ErrorCode::unsupported, "this type makes no actors"};
}

}  // namespace troupe::test
