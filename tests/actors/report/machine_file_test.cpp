#include "actors/report/machine_file.hpp"

#include "tests/support/error_code.hpp"
#include "tests/support/file_double.hpp"

using namespace troupe;
using namespace troupe::actors;
using test::code_of;
using test::FileDouble;

TEST_CASE("machine.json: what bits depend on is read back, what people want to know is left out") {
  FileDouble disk;
  CHECK(read_machine(disk, "/machine.json").empty());
  const MachineFacts facts{{"cpu.isa", "avx2"}, {"probe", "01"}};
  write_atomically(disk, "/machine.json", test::as_bytes(machine_json(facts) + '\n'));
  CHECK(read_machine(disk, "/machine.json") == facts);
  CHECK(test::text_of(disk, "/machine.json").find("\"processors\"") != std::string::npos);
  for (const char* const text : {"", "[]", "{\"cpu.isa\": "}) {
    write_atomically(disk, "/machine.json", test::as_bytes(text));
    CHECK(code_of([&] { read_machine(disk, "/machine.json"); }) == ErrorCode::corrupted);
  }
}

TEST_CASE("machine.json: what differs is named, on both sides") {
  const MachineFacts was{{"cpu.isa", "avx2"}, {"probe", "01"}};
  CHECK(machine_difference(was, was).empty());
  CHECK(machine_difference(was, {{"cpu.isa", "avx512"}, {"probe", "02"}}) ==
        "cpu.isa avx2, here avx512; probe 01, here 02");
  CHECK(machine_difference(was, {{"probe", "01"}}) == "cpu.isa avx2, here absent");
  // A run from before there were probes, and one that went on elsewhere.
  CHECK(machine_difference({{"cpu.isa", "avx2"}}, was).empty());
  CHECK(machine_difference(
            {{"cpu.isa", "avx2"}, {"new_machine.1", "from step 7 on"}, {"probe", "01"}}, was)
            .empty());
}
