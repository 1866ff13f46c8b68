#include "actors/coordinator/machine_check.hpp"

#include "actors/report/ledger.hpp"
#include "runtime/base/error.hpp"
#include "serialization/sha256.hpp"
#include "tests/support/doctest_std.hpp"
#include "tests/support/error_code.hpp"
#include "tests/support/file_double.hpp"

using namespace troupe;
using namespace troupe::actors;
using namespace troupe::test;

namespace {

constexpr serialization::Xxh3Digest one{std::byte{1}}, two{std::byte{2}};

MachineFacts machine(const std::string& isa, const serialization::Xxh3Digest& probe) {
  return {{"cpu.isa", isa}, {"probe", serialization::to_hex(probe)}};
}

/// A job of 5 steps, computed by `one` with avx2.
struct Case {
  Case() {
    LedgerWriter ledger = LedgerWriter::create(files, "/ledger", {1, 8, 20, 7, {}});
    ledger.set_machine(one);
    for (std::uint64_t step = 0; step < 5; ++step)
      ledger.append(step, std::vector<ShardDigest>(1), 0.5);
    check("avx2", one, 0);
  }

  void check(const std::string& isa, const serialization::Xxh3Digest& probe, std::uint64_t step,
             bool accept = false, const MachineFacts& saved = {}) {
    check_machine(files, {"/machine.json", "/ledger", machine(isa, probe), accept}, step, saved);
  }
  std::string refusal(const std::string& isa, const serialization::Xxh3Digest& probe,
                      std::uint64_t step, const MachineFacts& saved = {}) {
    const auto before = read_machine(files, "/machine.json");
    try {
      check(isa, probe, step, false, saved);
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::bad_input);
      CHECK(read_machine(files, "/machine.json") == before);
      return error.what();
    }
    return "none";
  }

  FileDouble files;
};

}  // namespace

TEST_CASE("Machine: a job that begins is at home, and goes on where it began") {
  Case with;
  CHECK(read_machine(with.files, "/machine.json") == machine("avx2", one));
  with.check("avx2", one, 3);
  with.check("avx2", one, 5);
}

TEST_CASE("Machine: elsewhere it is refused with what differs, or accepted") {
  Case with;
  CHECK(with.refusal("avx512", one, 3) ==
        "/machine.json: the job was computed with cpu.isa avx2, here avx512: it would go on with "
        "other bits, from step 3 on; --new-machine accepts that");
  CHECK(with.refusal("avx2", two, 3)
            .starts_with("/machine.json: the job was computed with probe 01"));
  with.check("avx512", two, 3, true);
  CHECK(read_machine(with.files, "/machine.json") == machine("avx512", two));
  // Accepted, but not noted yet: the ledger still says who computed.
  CHECK(with.refusal("avx512", two, 3).starts_with("/ledger: the job was computed with probe 01"));
  {
    LedgerWriter ledger = LedgerWriter::open(with.files, "/ledger", {1, 8, 20, 7, {}}, 3);
    ledger.set_machine(two);
  }
  with.check("avx512", two, 3);
  CHECK(with.refusal("avx512", two, 2).starts_with("/ledger: "));  // before it took over
}

TEST_CASE("Machine: what a checkpoint says counts where the run has no machine.json") {
  Case with;
  with.files.remove("/machine.json");
  CHECK(with.refusal("avx512", one, 3, machine("avx2", one)).find("cpu.isa") != std::string::npos);
  with.check("avx2", one, 3, false, machine("avx2", one));
}

TEST_CASE("Machine: a ledger without the steps of a checkpoint is refused, whoever computes") {
  Case with;
  CHECK(with.refusal("avx2", one, 6) ==
        "/ledger: expected 6 steps, as the newest checkpoint has, got 5");
  CHECK(code_of([&] { with.check("avx2", one, 6, true); }) == ErrorCode::bad_input);
  with.files.remove("/ledger");
  CHECK(with.refusal("avx2", one, 3) ==
        "/ledger: expected 3 steps, as the newest checkpoint has, got no ledger");
}
