#include "serialization/make_frame.hpp"

#include <capnp/message.h>

#include "serialization/frame_reader.hpp"
#include "serialization/schema/frame.capnp.h"

using namespace troupe;
using namespace troupe::serialization;

TEST_CASE("make_frame: head and payloads come out as they were given") {
  const std::vector<float> floats = {1.0F, -0.0F, 3.5F};
  const std::array<std::uint8_t, 5> bytes = {1, 2, 3, 4, 5};
  const Frame frame = make_frame<wire::TensorList>(
      [](wire::TensorList::Builder head) {
        head.setStep(9);
        head.initTensors(1)[0].setName("weight");
      },
      floats, bytes);
  const Frame read = Frame::from_bytes(frame.bytes(), frame.bytes().size());
  CHECK(std::ranges::equal(read.payload_of<float>(0), floats));
  CHECK(std::ranges::equal(read.payload_of<std::uint8_t>(1), bytes));
  CHECK(read.payload_count() == 2);
  read_head<wire::TensorList>(read, [](wire::TensorList::Reader head) {
    CHECK(head.getStep() == 9);
    CHECK(head.getTensors()[0].getName() == "weight");
  });
}

TEST_CASE("make_frame: a head may be of any size") {
  for (const unsigned count : {0U, 1U, 100U, 20'000U}) {
    const Frame frame = make_frame<wire::TensorList>([&](wire::TensorList::Builder head) {
      for (auto tensor : head.initTensors(count)) tensor.setName("a name that takes some room");
    });
    CHECK(frame.payload_count() == 0);
    read_head<wire::TensorList>(frame, [&](wire::TensorList::Reader head) {
      REQUIRE(head.getTensors().size() == count);
      if (count > 0) CHECK(head.getTensors()[count - 1].getName() == "a name that takes some room");
    });
  }
}
