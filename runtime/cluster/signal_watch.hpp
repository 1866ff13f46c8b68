#pragma once

#include <functional>
#include <thread>

#include "runtime/base/file_descriptor.hpp"

namespace troupe::runtime {

/// Turns SIGINT, SIGTERM and, unless it is ignored as nohup has it, SIGHUP into calls while it lives. They are blocked in the thread that makes it, and so in all
/// threads that this one starts later: make it before those.
class SignalWatch {
 public:
  /// @param told on a thread of its own, with the signal's number.
  explicit SignalWatch(std::function<void(int)> told);
  /// Signals stay blocked: a second ^C does not interrupt an orderly end.
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

 private:
  FileDescriptor signals_;
  FileDescriptor end_;
  std::thread thread_;
};

}  // namespace troupe::runtime
