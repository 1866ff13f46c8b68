#pragma once

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#endif

namespace troupe::test {

/// What this thread allocates while it lives, and all that hangs on that, is no leak to LeakSanitizer: for tests of
/// what is left behind on purpose.
class DeliberateLeak {
 public:
  DeliberateLeak() {
#ifdef __SANITIZE_ADDRESS__
    __lsan_disable();
#endif
  }
  ~DeliberateLeak() {
#ifdef __SANITIZE_ADDRESS__
    __lsan_enable();
#endif
  }
  DeliberateLeak(const DeliberateLeak&) = delete;
  DeliberateLeak& operator=(const DeliberateLeak&) = delete;
};

}  // namespace troupe::test
