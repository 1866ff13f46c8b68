#pragma once

#include <cstddef>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TROUPE_FIBERS_ASAN
#elif __has_feature(thread_sanitizer)
#define TROUPE_FIBERS_TSAN
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define TROUPE_FIBERS_ASAN
#elif defined(__SANITIZE_THREAD__)
#define TROUPE_FIBERS_TSAN
#endif

#if defined(TROUPE_FIBERS_ASAN)
#include <sanitizer/common_interface_defs.h>
#elif defined(TROUPE_FIBERS_TSAN)
#include <sanitizer/tsan_interface.h>
#endif

namespace troupe::test::cuda_emulator {

/// What a sanitizer wants to know of a stack that is switched to and from: one for each fiber, and one for the thread
/// that schedules them. Nothing without a sanitizer.
class FiberSwitch {
 public:
  FiberSwitch() = default;
  FiberSwitch(const FiberSwitch&) = delete;
  FiberSwitch& operator=(const FiberSwitch&) = delete;

#if defined(TROUPE_FIBERS_ASAN)
  void made(const void* stack, std::size_t bytes) {
    stack_ = stack;
    bytes_ = bytes;
  }
  /// On the stack of `from`, right before the switch to this one.
  void about_to_enter(FiberSwitch& from) {
    __sanitizer_start_switch_fiber(&from.frames_, stack_, bytes_);
  }
  /// In a fiber that has just begun: where this one, the scheduler, has its stack.
  void arrived() {
    __sanitizer_finish_switch_fiber(nullptr, &stack_, &bytes_);
  }
  /// Back in `fiber`, from this one, the scheduler.
  void entered_from(FiberSwitch& fiber) {
    __sanitizer_finish_switch_fiber(fiber.frames_, &stack_, &bytes_);
  }
  /// Back in the scheduler, from this one.
  void left(FiberSwitch& scheduler) {
    __sanitizer_finish_switch_fiber(scheduler.frames_, nullptr, nullptr);
  }

 private:
  const void* stack_ = nullptr;
  std::size_t bytes_ = 0;
  void* frames_ = nullptr;
#elif defined(TROUPE_FIBERS_TSAN)
  ~FiberSwitch() {
    if (made_) __tsan_destroy_fiber(fiber_);
  }
  void made(const void*, std::size_t) {
    fiber_ = __tsan_create_fiber(0);
    made_ = true;
  }
  void about_to_enter(FiberSwitch& from) {
    if (!from.made_) from.fiber_ = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(fiber_, 0);
  }
  void arrived() {}
  void entered_from(FiberSwitch&) {}
  void left(FiberSwitch&) {}

 private:
  void* fiber_ = nullptr;
  bool made_ = false;
#else
  void made(const void*, std::size_t) {}
  void about_to_enter(FiberSwitch&) {}
  void arrived() {}
  void entered_from(FiberSwitch&) {}
  void left(FiberSwitch&) {}
#endif
};

}  // namespace troupe::test::cuda_emulator
