#include "runtime/supervision/tree_messages.hpp"

#include <capnp/message.h>

#include "serialization/make_frame.hpp"
#include "serialization/malformed_frame.hpp"
#include "serialization/schema/tree.capnp.h"
#include "tests/support/doctest_std.hpp"

namespace troupe::runtime {

TEST_CASE("StartChild: parameters of every kind cross as they are") {
  StartChild sent;
  sent.spec.name = "x";
  sent.spec.type = "t";
  sent.spec.parameters = Parameters{{{"boolean", true},
                                     {"duration", Duration{7}},
                                     {"integer", std::int64_t{-1}},
                                     {"number", 0.1},
                                     {"numbers", std::vector<double>{1, -0.5}},
                                     {"structure", Structure{R"({"a":["\u0000",null]})"}},
                                     {"text", std::string{"{}"}},
                                     {"texts", std::vector<std::string>{"a", ""}}}};
  StartChild read_back;
  read(to_frame(sent), read_back);
  CHECK(read_back.spec.parameters.values() == sent.spec.parameters.values());
}

TEST_CASE("StartChild: a structure that is not canonical JSON is refused") {
  for (const char* json : {"", "{", "{ }", "1"}) {
    const serialization::Frame frame = serialization::make_frame<wire::StartChild>([&](auto to) {
      auto parameter = to.initSpec().initParameters(1)[0];
      parameter.setName("x");
      parameter.getValue().setStructure(json);
    });
    StartChild message;
    CHECK_THROWS_WITH_AS(read(frame, message), "child spec: a structure is not canonical JSON",
                         serialization::MalformedFrame);
  }
}

}  // namespace troupe::runtime
