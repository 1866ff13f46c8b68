#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/error.hpp"
#include "runtime/cluster/shared_memory.hpp"

namespace troupe::runtime {

/// The memories that a process shares with its workers, or its node with it, by name. Thread-safe.
class Memories {
 public:
  /// @throws Error bad_input if the name is taken.
  void add(std::shared_ptr<SharedMemory> memory) {
    const std::lock_guard lock{mutex_};
    const std::string name{memory->name()};
    if (!by_name_.emplace(name, std::move(memory)).second)
      throw Error{ErrorCode::bad_input, "shared memory \"" + name + "\": the name is taken"};
  }
  /// Null: there is none.
  std::shared_ptr<SharedMemory> find(std::string_view name) const {
    const std::lock_guard lock{mutex_};
    const auto at = by_name_.find(name);
    return at == by_name_.end() ? nullptr : at->second;
  }
  std::vector<std::shared_ptr<SharedMemory>> all() const {
    const std::lock_guard lock{mutex_};
    std::vector<std::shared_ptr<SharedMemory>> memories;
    for (const auto& [name, memory] : by_name_) memories.push_back(memory);
    return memories;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<SharedMemory>, std::less<>> by_name_;
};

}  // namespace troupe::runtime
