#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "runtime/base/clock.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/file_descriptor.hpp"
#include "runtime/cluster/spawn.hpp"
#include "runtime/cluster/worker_bootstrap.hpp"
#include "runtime/exit.hpp"

namespace troupe::runtime {

/// Names a worker for as long as its launcher lives; none is used twice, as a pid may be.
using WorkerId = std::uint64_t;

struct WorkerCommand {
  /// argv[0] is the program's path, not searched for; none, or an empty one: this program itself, even if
  /// its file has been replaced. find_worker_start() gives it the others.
  std::vector<std::string> argv = {};
  std::vector<std::string> extra_environment = {};  ///< "NAME=value"; comes before what we have
  std::vector<InheritedMemory> memories = {};
};

struct Worker {
  WorkerId id = 0;
  pid_t pid = 0;
  FileDescriptor socket;  ///< stream socket to the worker, close-on-exec; its end ends the worker
};

/// What becomes of a worker. First comes started or failed; after started, once, ended. Called on the
/// launcher's thread: must neither block nor throw, may launch and kill. Each may be empty.
struct WorkerEvents {
  std::function<void(Worker)> started = {};
  /// There is no process, and nothing more to come. Disconnected: the launcher is ending, so do not try again.
  std::function<void(const Error&)> failed = {};
  std::function<void(const std::string& signal)> stopped = {};
  std::function<void()> continued = {};
  /// It is reaped. Exit status 0 is normal, another one failed; the end by a signal is killed if kill(), the
  /// stop limit or the launcher's end meant it, else lost, with the signal's name.
  std::function<void(const Exit&)> ended = {};
};

/// Starts processes and watches over them. All of them are children of one thread that lasts, since
/// they get SIGKILL when it ends: with the launcher, or with this process, however that ends.
///
/// It waits for its own children only, never for the application's. The application must not wait
/// for ours (waitpid(-1)) nor ignore SIGCHLD: what took them is then unknown.
/// Thread-safe, but for construction and destruction.
class WorkerLauncher {
 public:
  /// @param stopped_limit a worker that stays stopped for longer is killed, and its end names the stop.
  /// Stops are looked for each 100 ms.
  explicit WorkerLauncher(Duration stopped_limit = std::chrono::seconds{1});
  /// Kills and reaps all workers, after at most 5 s, and reports their end before it returns; launches
  /// that still wait fail. Not to be called from an event.
  ~WorkerLauncher();
  WorkerLauncher(const WorkerLauncher&) = delete;
  WorkerLauncher& operator=(const WorkerLauncher&) = delete;

  /// Asks for a worker, and returns at once.
  /// @throws Error bad_input for a malformed command, exhausted if 1024 launches wait already; no event
  /// comes then.
  WorkerId launch(WorkerCommand command, WorkerEvents events);

  /// Sends a signal. False if the worker has not started or has ended: nobody else can be hit.
  bool kill(WorkerId id, int signal);

 private:
  struct Launch {
    WorkerId id;
    std::string path;
    std::vector<std::string> argv;
    std::vector<std::string> environment;
    std::vector<InheritedMemory> memories;
    WorkerEvents events;
  };
  struct Watched {
    ChildProcess process;
    WorkerEvents events;
    bool killed = false;   ///< we have sent SIGKILL
    bool polled = true;    ///< its pidfd is, if there is one
    std::string why = {};  ///< it was killed, if for a reason of our own
    std::string stop_signal = {};
    std::optional<TimePoint> stopped_since = {};
    std::optional<Exit> exit = {};  ///< it is reaped
  };

  void run();
  bool start_queued();
  void start(Launch& launch);
  void end_all();
  void fail_queued();
  void wait();
  void look(TimePoint now);
  void observe(Watched& worker, TimePoint now);
  void check_stop(Watched& worker, TimePoint now);
  bool send(Watched& worker, int signal);
  void wake();

  const Duration stopped_limit_;
  SteadyClock clock_;
  FileDescriptor wake_;
  std::mutex mutex_;  ///< of all below; the launcher's thread alone adds and removes workers
  std::deque<Launch> queue_;
  std::map<WorkerId, Watched> workers_;
  WorkerId last_id_ = 0;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace troupe::runtime
