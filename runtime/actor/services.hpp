#pragma once

#include <atomic>
#include <cstdint>

#include "runtime/base/clock.hpp"

namespace troupe::runtime {

class ChildLauncher;
class ExecutorThreads;
class Faults;
class Log;
class Memories;
class Metrics;
class NameTable;
class TimerTable;
class Trace;

/// What a node offers to the actors in its process. All of it is thread-safe and outlives them.
struct Services {
  const Clock& clock;
  NameTable& names;
  TimerTable& timers;
  ExecutorThreads& executors;
  ChildLauncher& children;
  Memories& memories;
  Log& log;
  Metrics& metrics;
  Faults& faults;
  Trace* trace = nullptr;  ///< none: handlers are not recorded
};

}  // namespace troupe::runtime
