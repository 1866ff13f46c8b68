#include "gpu/kernel_module.hpp"

#include <fstream>

#include "gpu/kernel.hpp"
#include "tests/support/environment_variable.hpp"

namespace troupe::gpu {
namespace {

std::string reason_against(std::string_view name) {
  std::string why_not;
  CHECK(load_kernel_module(name, &why_not) == nullptr);
  CHECK(why_not.find('\n') == std::string::npos);
  return why_not;
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE(
    "load_kernel_module: a module that is nowhere is told with each folder that was searched") {
  const test::EnvironmentVariable path{"TROUPE_PLUGIN_PATH", "/nonexistent/one::/nonexistent/two"};
  const std::string why_not = reason_against("nowhere");
  CHECK(contains(why_not, "kernel module nowhere: "));
  CHECK(contains(why_not, "/nonexistent/one/libtroupe_nowhere.so: absent; "));
  CHECK(contains(why_not, "/nonexistent/two/libtroupe_nowhere.so: absent; "));
  const auto executable = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  CHECK(contains(why_not, executable.string() + "/libtroupe_nowhere.so: absent; "));
}

TEST_CASE("load_kernel_module: a module of another ABI is refused by number") {
  CHECK(contains(reason_against("wrong_abi"), "expected ABI 2, got 999"));
}

TEST_CASE("load_kernel_module: a module of another version is refused by version") {
  const std::string why_not = reason_against("wrong_version");
  CHECK(contains(why_not, "expected version "));
  CHECK(contains(why_not, ", got 0.0.0-other"));
}

TEST_CASE("load_kernel_module: a library that cannot be made here is a reason, not an exception") {
  CHECK(contains(reason_against("cannot_work"), "this machine lacks everything"));
}

TEST_CASE("load_kernel_module: a file that is no module is refused with the linker's reason") {
  const auto folder = std::filesystem::temp_directory_path() / "troupe_kernel_module_test";
  std::filesystem::create_directories(folder);
  std::ofstream{folder / "libtroupe_text.so"}
      << "not a shared object, though longer than its header, "
         "which has sixty-four bytes in all";
  const test::EnvironmentVariable path{"TROUPE_PLUGIN_PATH", folder.string()};
  CHECK(contains(reason_against("text"), "invalid ELF header"));
  std::filesystem::remove_all(folder);
}

TEST_CASE("load_kernel_module: a name cannot leave the folders") {
  CHECK(contains(reason_against("../onednn"), "expected a name of a-z, 0-9 and _"));
  CHECK(contains(reason_against(""), "expected a name"));
  CHECK(load_kernel_module("nowhere", nullptr) == nullptr);
}

}  // namespace troupe::gpu
