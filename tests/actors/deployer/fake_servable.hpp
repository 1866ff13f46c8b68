#pragma once

#include <cstring>
#include <filesystem>
#include <memory>
#include <string>

#include "actors/deployer/servable.hpp"
#include "runtime/base/error.hpp"

namespace troupe::test {

/// y = [sum of x, version], from x [4] FP32. The folder's name says what it is: ".../3" is version 3, ".../bad" cannot be
/// loaded, ".../cold" cannot compute, ".../picky" cannot compute what begins with -1.
class FakeServable final : public actors::Servable {
 public:
  explicit FakeServable(const std::string& folder)
      : name_{std::filesystem::path{folder}.filename().string()} {
    if (name_ == "bad") throw Error{ErrorCode::corrupted, folder + ": a bad model"};
    version_ = std::strtof(name_.c_str(), nullptr);
    info_ = {
        "fake", name_, "troupe", {{"x", "FP32", {4}}}, {{"y", "FP32", {2}}}, {"sum", "version"}};
  }
  const actors::ServableInfo& info() const override { return info_; }
  std::int64_t max_rows() const override { return 32; }
  void predict(std::span<const std::byte> rows, std::int64_t count,
               std::span<std::byte> out) override {
    if (name_ == "cold") throw Error{ErrorCode::bug, "it cannot compute"};
    for (std::int64_t row = 0; row < count; ++row) {
      float x[4], y[2] = {0, version_};
      std::memcpy(x, rows.data() + row * 16, 16);
      if (name_ == "picky" && x[0] == -1) throw Error{ErrorCode::bug, "it does not like that"};
      for (const float value : x) y[0] += value;
      std::memcpy(out.data() + row * 8, y, 8);
    }
  }

 private:
  std::string name_;
  float version_ = 0;
  actors::ServableInfo info_;
};

inline std::unique_ptr<actors::Servable> load_fake(const std::string& folder) {
  return std::make_unique<FakeServable>(folder);
}

}  // namespace troupe::test
