#include "tests/support/data.hpp"

#include <cstdlib>
#include <filesystem>

std::optional<std::string> troupe::test::find_data(const std::string& name) {
  const char* folder = std::getenv("TROUPE_DATA");
  if (folder == nullptr) return std::nullopt;
  const std::filesystem::path path = std::filesystem::path{folder} / name;
  if (!std::filesystem::exists(path)) return std::nullopt;
  return path.string();
}
