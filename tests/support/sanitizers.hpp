#pragma once

// What a sanitizer asks the program for; included once a program, beside its main.

/// A SIGSEGV that a test sends is left to the kernel.
extern "C" const char* __asan_default_options();
extern "C" const char* __asan_default_options() {
  return "handle_segv=0";
}

/// An exception that goes to another thread is counted inside libstdc++, which is not instrumented: ThreadSanitizer sees
/// its last owner free what another one read before.
extern "C" const char* __tsan_default_suppressions();
extern "C" const char* __tsan_default_suppressions() {
  return "race:std::__exception_ptr::exception_ptr::_M_release\n"
         "race:std::runtime_error::~runtime_error\n";
}
