#pragma once

#include <sys/types.h>

#include <string>

#include "runtime/base/clock.hpp"

namespace troupe::runtime {

/// Lets stack_of_thread() use `signo`, for the rest of this process's life. A process's signals are its program's, so the
/// runtime takes none by itself. Again with the same signal: nothing.
/// @throws Error bad_input if another was installed, if the program handles this one already, or if no
/// handler can be had for it.
void install_stack_signal(int signo);

/// Where thread `tid` of this process is, innermost function first, one a line. Functions that the linker does not export
/// (-rdynamic) appear as file and offset. Waits up to `wait` for the thread to answer; if it does
/// not (it is gone, or blocks the signal), the text says so, in brackets. Empty without
/// install_stack_signal(), and where there are no such signals. Thread-safe; one after the other.
std::string stack_of_thread(pid_t tid, Duration wait);

}  // namespace troupe::runtime
