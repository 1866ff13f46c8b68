// The process in which the tests' actors live when they are isolated.
#include "runtime/cluster/worker_main.hpp"
#include "tests/support/actors.hpp"

// AddressSanitizer asks for its defaults: a SIGSEGV that a test sends is left to the kernel.
extern "C" const char* __asan_default_options();
extern "C" const char* __asan_default_options() {
  return "handle_segv=0";
}

int main(int argc, char** argv) {
  troupe::runtime::Registry registry = troupe::test::test_registry();
  return troupe::runtime::worker_main(argc, argv, registry).value_or(2);
}
