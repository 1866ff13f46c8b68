#include "tests/reference/arguments.hpp"

#include <functional>
#include <memory>
#include <utility>

#include "gpu/kernel.hpp"
#include "gpu/operation.hpp"

using namespace troupe::test::reference;
using namespace troupe::gpu;

namespace {

// x [4] -> y [4], however it pleases.
using Body = std::function<void(float* x, float* y)>;

struct BodyKernel final : Kernel {
  explicit BodyKernel(Body body) : body_{std::move(body)} {}
  void run(void* const* operands) override {
    body_(static_cast<float*>(operands[0]), static_cast<float*>(operands[1]));
  }
  Body body_;
};

struct BodyLibrary final : KernelLibrary {
  explicit BodyLibrary(Body body) : body_{std::move(body)} {}
  std::unique_ptr<Kernel> make(const Operation&, const KernelOptions&) override {
    if (!body_) return nullptr;
    return std::make_unique<BodyKernel>(body_);
  }
  std::size_t workspace_bytes(const Operation&) override { return 0; }
  std::vector<std::pair<std::string, std::string>> machine_record() const override { return {}; }
  Body body_;
};

void copy4(const float* x, float* y) {
  for (int i = 0; i < 4; ++i) y[i] = x[i];
}

bool run(Body body, bool complete = true) {
  BodyLibrary library{std::move(body)};
  Arguments arguments;
  arguments.in(Values{1, 2, 3, 4});
  arguments.out(4);
  return arguments.run({"a fake", library, complete}, Activate{Activation::none, 4}, "copy");
}

}  // namespace

TEST_CASE("Arguments: hands over aligned operands and gives back what was written") {
  BodyLibrary library{copy4};
  Arguments arguments;
  arguments.in(Values{1, 2, 3, 4});
  arguments.out(4);
  REQUIRE(arguments.run({"a fake", library, true}, Activate{Activation::none, 4}, "copy"));
  CHECK(arguments.get(1)[3] == 4.0F);
  CHECK(reinterpret_cast<std::uintptr_t>(arguments.get(1).data()) % alignment_bytes == 0);
}

TEST_CASE("Arguments: lets an incomplete library lack a kernel") {
  CHECK(!run({}, false));
}

// From here on the kernels are at fault, and the cases must fail.
TEST_CASE("Arguments: refuses a complete library without the kernel" * doctest::should_fail()) {
  run({});
}

TEST_CASE("Arguments: finds a write past the end" * doctest::should_fail()) {
  run([](float* x, float* y) {
    copy4(x, y);
    y[4] = 0;
  });
}

TEST_CASE("Arguments: finds a write before the begin" * doctest::should_fail()) {
  run([](float* x, float* y) {
    copy4(x, y);
    y[-1] = 0;
  });
}

TEST_CASE("Arguments: finds a changed input" * doctest::should_fail()) {
  run([](float* x, float* y) {
    copy4(x, y);
    x[0] = 7;
  });
}

TEST_CASE("Arguments: finds an element that is left unwritten" * doctest::should_fail()) {
  run([](float* x, float* y) {
    for (int i = 0; i < 3; ++i) y[i] = x[i];
  });
}

TEST_CASE("Arguments: finds a kernel that adds to what was there" * doctest::should_fail()) {
  run([](float* x, float* y) {
    for (int i = 0; i < 4; ++i) y[i] += x[i];
  });
}

TEST_CASE("Arguments: finds bits that change from run to run" * doctest::should_fail()) {
  run([runs = 0](float* x, float* y) mutable {
    copy4(x, y);
    y[0] += static_cast<float>(runs++);
  });
}
