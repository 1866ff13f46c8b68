#pragma once

#include <cstddef>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

namespace troupe {

/// Memory in blocks of one size for what one thread makes and another one ends, such as messages: malloc's arenas lock
/// against each other there, at each block. Blocks are kept by thread and go from thread to thread by the batch. What
/// is kept is bounded, and never given back to the system before its thread ends. Thread-safe.
template <std::size_t size>
class BlockCache {
 public:
  static constexpr std::size_t batch = 64;
  static constexpr std::size_t most_batches = 256;  ///< that belong to no thread

  /// @throws std::bad_alloc
  static void* get() {
    if (over) return ::operator new(block_bytes);
    Chain& mine = of_this_thread();
    if (!mine.first) mine = shared().take();
    if (!mine.first) return ::operator new(block_bytes);
    --mine.count;
    return std::exchange(mine.first, mine.first->next);
  }
  static void put(void* block) noexcept {
    if (over) return ::operator delete(block);
    Chain& mine = of_this_thread();
    if (mine.count >= batch && !shared().give(mine)) return ::operator delete(block);
    mine.first = new (block) Free{mine.first};
    ++mine.count;
  }

 private:
  struct Free {
    Free* next;
  };
  static constexpr std::size_t block_bytes = size < sizeof(Free) ? sizeof(Free) : size;

  struct Chain {
    Chain() = default;
    Chain(Chain&& other) noexcept
        : first{std::exchange(other.first, nullptr)}, count{std::exchange(other.count, 0)} {}
    Chain& operator=(Chain&& other) noexcept {
      std::swap(first, other.first);
      std::swap(count, other.count);
      return *this;
    }
    ~Chain() {
      while (first) ::operator delete(std::exchange(first, first->next));
    }
    Free* first = nullptr;
    std::size_t count = 0;
  };

  class Shared {
   public:
    Shared() { chains_.reserve(most_batches); }
    Chain take() {
      const std::lock_guard lock{mutex_};
      if (chains_.empty()) return {};
      Chain chain = std::move(chains_.back());
      chains_.pop_back();
      return chain;
    }
    /// False: there is no room, and the chain stays where it was.
    bool give(Chain& chain) noexcept {
      const std::lock_guard lock{mutex_};
      if (chains_.size() == most_batches) return false;
      chains_.push_back(std::move(chain));
      return true;
    }

   private:
    std::mutex mutex_;
    std::vector<Chain> chains_;
  };

  // Never destroyed: a thread that is left behind may outlive everything else.
  static Shared& shared() {
    static Shared& shared = *new Shared;
    return shared;
  }
  static Chain& of_this_thread() {
    struct Mine : Chain {
      ~Mine() { over = true; }
    };
    static thread_local Mine mine;
    return mine;
  }

  // What ends in this thread after its chain did is not kept.
  static inline thread_local bool over = false;
};

}  // namespace troupe
