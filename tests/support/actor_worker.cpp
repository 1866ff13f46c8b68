// The process in which the tests' actors live when they are isolated.
#include "runtime/cluster/worker_main.hpp"
#include "tests/support/actors.hpp"
#include "tests/support/sanitizers.hpp"

int main(int argc, char** argv) {
  troupe::runtime::Registry registry = troupe::test::test_registry();
  return troupe::runtime::worker_main(argc, argv, registry).value_or(2);
}
