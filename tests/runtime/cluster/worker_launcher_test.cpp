#include "runtime/cluster/worker_launcher.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <future>
#include <thread>
#include <utility>

#include "tests/support/doctest_std.hpp"
#include "tests/support/skip.hpp"

using namespace troupe;
using namespace troupe::runtime;
using namespace std::chrono_literals;

namespace {

constexpr auto patience = 20s;

/// It stands beside the test program (tests/support/worker_program.cpp).
std::string worker_program() {
  return (std::filesystem::read_symlink("/proc/self/exe").parent_path() / "worker_program")
      .string();
}

template <class T>
T get(std::future<T>& future) {
  REQUIRE(future.wait_for(patience) == std::future_status::ready);
  return future.get();
}

/// The bytes that come up to the end of the stream, or the first `most`.
std::string read_text(int descriptor, std::size_t most = 1 << 20) {
  std::string text;
  while (text.size() < most) {
    pollfd polled{descriptor, POLLIN, 0};
    REQUIRE(::poll(&polled, 1, 20'000) == 1);
    char buffer[4096];
    const ssize_t got = ::read(descriptor, buffer, std::min(sizeof buffer, most - text.size()));
    if (got <= 0) break;
    text.append(buffer, static_cast<std::size_t>(got));
  }
  return text;
}

/// What becomes of one worker, for a test to wait for.
struct Watch {
  std::promise<Worker> started;
  std::promise<Error> failed;
  std::promise<std::string> stopped;
  std::promise<void> continued;
  std::promise<Exit> ended;

  std::future<Worker> worker = started.get_future();
  std::future<Error> failure = failed.get_future();
  std::future<std::string> stop = stopped.get_future();
  std::future<void> continuation = continued.get_future();
  std::future<Exit> end = ended.get_future();

  WorkerEvents events() {
    return {[this](Worker w) { started.set_value(std::move(w)); },
            [this](const Error& error) { failed.set_value(error); },
            [this](const std::string& signal) { stopped.set_value(signal); },
            [this] { continued.set_value(); }, [this](const Exit& exit) { ended.set_value(exit); }};
  }
};

WorkerCommand command(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), worker_program());
  return {std::move(arguments)};
}

/// Starts a worker and waits until it says that it is ready.
Worker ready(WorkerLauncher& launcher, Watch& watch) {
  launcher.launch(command({"sleep"}), watch.events());
  Worker worker = get(watch.worker);
  CHECK(read_text(worker.socket.get(), 5) == "ready");
  return worker;
}

/// What a worker says until it ends by itself.
std::string said_by(WorkerLauncher& launcher, WorkerCommand what) {
  Watch watch;
  launcher.launch(std::move(what), watch.events());
  const Worker worker = get(watch.worker);
  const std::string text = read_text(worker.socket.get());
  CHECK(get(watch.end).kind == ExitKind::normal);
  return text;
}

void check(const Exit& exit, ExitKind kind, std::string_view reason) {
  CHECK(to_string(exit.kind) == to_string(kind));
  CHECK(exit.reason == reason);
}

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator all{"/proc/self/fd"};
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

bool has_children() {
  siginfo_t info{};
  return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

/// A signal that this process ignores meanwhile.
class Ignored {
 public:
  explicit Ignored(int signal) : signal_{signal} {
    struct sigaction ignore {};
    ignore.sa_handler = SIG_IGN;
    REQUIRE(::sigaction(signal_, &ignore, &before_) == 0);
  }
  ~Ignored() { ::sigaction(signal_, &before_, nullptr); }
  Ignored(const Ignored&) = delete;
  Ignored& operator=(const Ignored&) = delete;

 private:
  int signal_;
  struct sigaction before_ {};
};

struct Pipe {
  Pipe() {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    out = FileDescriptor{ends[0]};
    in = FileDescriptor{ends[1]};
  }
  FileDescriptor out, in;
};

/// Starts the worker program as a child of the test's own.
pid_t own_child(std::vector<std::string> arguments, int output = STDOUT_FILENO) {
  arguments.insert(arguments.begin(), worker_program());
  std::vector<char*> list;
  for (std::string& argument : arguments) list.push_back(argument.data());
  list.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  if (output != STDOUT_FILENO) posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  pid_t pid = 0;
  REQUIRE(::posix_spawn(&pid, list[0], &actions, nullptr, list.data(), ::environ) == 0);
  posix_spawn_file_actions_destroy(&actions);
  return pid;
}

int wait_for(pid_t pid) {
  int status = 0;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  return status;
}

}  // namespace

TEST_CASE("WorkerLauncher: a worker hears and answers on its socket, and ends with it") {
  WorkerLauncher launcher;
  Watch watch;
  launcher.launch(command({"echo"}), watch.events());
  Worker worker = get(watch.worker);
  CHECK(worker.pid > 0);
  CHECK((::fcntl(worker.socket.get(), F_GETFD) & FD_CLOEXEC) != 0);
  const std::string text(100, 'x');
  REQUIRE(::write(worker.socket.get(), text.data(), text.size()) == 100);
  CHECK(read_text(worker.socket.get(), 100) == text);
  worker.socket = FileDescriptor{};
  check(get(watch.end), ExitKind::normal, "");
}

TEST_CASE("WorkerLauncher: the ways in which a worker may end are told apart") {
  WorkerLauncher launcher;
  Watch watch;
  SUBCASE("exit status") {
    launcher.launch(command({"exit", "3"}), watch.events());
    check(get(watch.end), ExitKind::failed, "exit status 3");
  }
  SUBCASE("a crash") {
    launcher.launch(command({"crash"}), watch.events());
    const Exit exit = get(watch.end);
    CHECK(exit.kind == ExitKind::lost);
    CHECK(exit.reason.starts_with("SIGSEGV"));
  }
  SUBCASE("SIGKILL of somebody else's") {
    const Worker worker = ready(launcher, watch);
    ::kill(worker.pid, SIGKILL);
    check(get(watch.end), ExitKind::lost, "SIGKILL");
  }
  SUBCASE("SIGKILL of ours") {
    const Worker worker = ready(launcher, watch);
    CHECK(launcher.kill(worker.id, SIGKILL));
    check(get(watch.end), ExitKind::killed, "SIGKILL");
    CHECK_FALSE(launcher.kill(worker.id, SIGKILL));
  }
  SUBCASE("another signal of ours") {
    const Worker worker = ready(launcher, watch);
    CHECK(launcher.kill(worker.id, SIGTERM));
    check(get(watch.end), ExitKind::lost, "SIGTERM");
  }
}

TEST_CASE("WorkerLauncher: a worker that stays stopped is killed, and its end says so") {
  WorkerLauncher launcher{200ms};
  Watch watch;
  const Worker worker = ready(launcher, watch);
  ::kill(worker.pid, SIGSTOP);
  CHECK(get(watch.stop) == "SIGSTOP");
  check(get(watch.end), ExitKind::killed, "SIGSTOP: stopped for 0.2 s, then killed");
}

TEST_CASE("WorkerLauncher: a worker that is continued in time lives on") {
  WorkerLauncher launcher{patience};
  Watch watch;
  const Worker worker = ready(launcher, watch);
  CHECK(launcher.kill(worker.id, SIGSTOP));
  CHECK(get(watch.stop) == "SIGSTOP");
  CHECK(launcher.kill(worker.id, SIGCONT));
  REQUIRE(watch.continuation.wait_for(patience) == std::future_status::ready);
  CHECK(launcher.kill(worker.id, SIGKILL));
  check(get(watch.end), ExitKind::killed, "SIGKILL");
}

TEST_CASE("WorkerLauncher: a program that cannot be run is an error with its path and the reason") {
  const std::size_t descriptors = open_descriptors();
  {
    WorkerLauncher launcher;
    for (const auto& [path, reason] :
         {std::pair{"/no/such/program", "execve: No such file or directory"},
          std::pair{"/", "execve: Permission denied"}}) {
      Watch watch;
      launcher.launch({{path}}, watch.events());
      const Error error = get(watch.failure);
      CHECK(error.what() == "worker " + std::string{path} + ": " + reason);
      CHECK(error.code() == ErrorCode::bad_input);
      CHECK_FALSE(has_children());
    }
  }
  CHECK(open_descriptors() == descriptors);
}

TEST_CASE("WorkerLauncher: a malformed command is refused at once") {
  WorkerLauncher launcher;
  CHECK_THROWS_AS(launcher.launch({{}, {"NAME"}}, {}), Error);
  CHECK_THROWS_AS(launcher.launch({{}, {"=value"}}, {}), Error);
  CHECK_THROWS_AS(launcher.launch({{std::string{"a\0b", 3}}}, {}), Error);
  CHECK_THROWS_AS(launcher.launch({{}, {std::string{"A=\0", 3}}}, {}), Error);
  CHECK_THROWS_AS(launcher.launch({{}, {}, {{nullptr}}}, {}), Error);
}

TEST_CASE("WorkerLauncher: a worker inherits no descriptor but its own") {
  std::vector<FileDescriptor> leaky;
  for (int i = 0; i < 8; ++i) leaky.emplace_back(::open("/dev/null", O_RDONLY));
  leaky.emplace_back(::fcntl(leaky.front().get(), F_DUPFD, 500));
  WorkerLauncher launcher;
  CHECK(said_by(launcher, command({"descriptors"})) == "0 1 2 3 ");
  WorkerCommand with_memory = command({"descriptors"});
  for (const std::string name : {"a", "b"}) {
    with_memory.memories.push_back(
        {std::make_shared<const SharedMemory>(SharedMemory::create(name, 8))});
  }
  CHECK(said_by(launcher, with_memory) == "0 1 2 3 4 5 ");
}

TEST_CASE("WorkerLauncher: a worker has its own session, and no signal is blocked or ignored") {
  const Ignored sigpipe{SIGPIPE};
  WorkerLauncher launcher;
  CHECK(said_by(launcher, command({"signals"})) == "0000000000000000 0000000000000000 ");
  CHECK(said_by(launcher, command({"session"})) == "own");
}

TEST_CASE("WorkerLauncher: the environment is ours, but for what the command sets") {
  REQUIRE(::setenv("TROUPE_TEST_INHERITED", "ours", 1) == 0);
  WorkerLauncher launcher;
  WorkerCommand what = command({"variable", "TROUPE_TEST_INHERITED"});
  CHECK(said_by(launcher, what) == "ours");
  what.extra_environment = {"TROUPE_TEST_INHERITED=set"};
  CHECK(said_by(launcher, what) == "set");
  what.extra_environment = {"TROUPE_TEST=other"};
  CHECK(said_by(launcher, what) == "ours");
  ::unsetenv("TROUPE_TEST_INHERITED");
}

TEST_CASE("WorkerLauncher: memory is shared both ways, read-only where the command says so") {
  SharedMemory given = SharedMemory::create("given", 4096);
  const auto counter = std::make_shared<const SharedMemory>(SharedMemory::create("counter", 8));
  given.writable_bytes()[0] = std::byte{7};
  const auto shared = std::make_shared<const SharedMemory>(std::move(given));
  WorkerLauncher launcher;
  WorkerCommand what = command({"memory"});
  what.memories = {{shared, SharedMemory::Access::read_only}, {counter}};
  for (std::uint64_t round = 1; round <= 2; ++round) {
    Watch watch;
    launcher.launch(what, watch.events());
    Worker worker = get(watch.worker);
    CHECK(read_text(worker.socket.get(), 4) == "done");
    std::uint64_t count = 0;
    std::memcpy(&count, counter->bytes().data(), sizeof count);
    CHECK(count == 7 * round);
    worker.socket = FileDescriptor{};
    check(get(watch.end), ExitKind::normal, "");
  }
  what.argv[1] = "overwrite";
  CHECK(said_by(launcher, what) == "shared memory 'given': expected memory that may be written");
}

TEST_CASE("WorkerLauncher: a worker outlives the thread that asked for it") {
  WorkerLauncher launcher;
  Watch watch;
  Worker worker;
  std::thread{[&] { launcher.launch(command({"echo"}), watch.events()); }}.join();
  worker = get(watch.worker);
  REQUIRE(::write(worker.socket.get(), "x", 1) == 1);
  CHECK(read_text(worker.socket.get(), 1) == "x");
  CHECK(launcher.kill(worker.id, SIGKILL));
  check(get(watch.end), ExitKind::killed, "SIGKILL");
}

TEST_CASE("WorkerLauncher: a worker dies with the process that started it") {
  Pipe pipe;  // its other end is the output of the worker and the process between, and theirs alone
  const pid_t middle = own_child({"middle", "say"}, pipe.in.get());
  pipe.in = FileDescriptor{};
  CHECK(read_text(pipe.out.get(), 6) == "ready\n");
  ::kill(middle, SIGKILL);
  CHECK(WTERMSIG(wait_for(middle)) == SIGKILL);
  CHECK(read_text(pipe.out.get()) == "");
}

TEST_CASE("WorkerLauncher: it works without close_range and pidfd_open too") {
  Pipe pipe;
  const pid_t child = own_child({"old_kernel"}, pipe.in.get());
  pipe.in = FileDescriptor{};
  const std::string text = read_text(pipe.out.get());
  const int status = wait_for(child);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
    troupe::test::skip("seccomp filters are not allowed here");
    return;
  }
  CHECK(text == "0 1 2 3 | normal \nready| killed SIGKILL\n");
}

TEST_CASE("WorkerLauncher: the application's own children are left to it") {
  WorkerLauncher launcher;
  const pid_t child = own_child({"exit", "7"});
  siginfo_t info{};
  REQUIRE(::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT) == 0);
  Watch watch;  // whose end comes when the launcher has looked around
  launcher.launch(command({"exit", "0"}), watch.events());
  check(get(watch.end), ExitKind::normal, "");
  CHECK(WEXITSTATUS(wait_for(child)) == 7);
}

TEST_CASE("WorkerLauncher: a status that somebody else took is said to be unknown") {
  WorkerLauncher launcher;
  Watch watch;
  const Ignored sigchld{SIGCHLD};  // the system itself reaps then
  launcher.launch(command({"exit", "0"}), watch.events());
  check(get(watch.end), ExitKind::lost, "its exit status was taken by somebody else");
}

TEST_CASE("WorkerLauncher: several threads may launch and kill at once; nothing is left over") {
  const std::size_t descriptors = open_descriptors();
  {
    WorkerLauncher launcher;
    std::atomic<int> killed = 0;
    const auto launch_25 = [&] {
      std::vector<std::unique_ptr<Watch>> watches;
      for (int i = 0; i < 25; ++i) {
        watches.push_back(std::make_unique<Watch>());
        launcher.launch(command({"sleep"}), watches.back()->events());
      }
      for (const auto& watch : watches) {
        if (watch->worker.wait_for(patience) != std::future_status::ready) return;
        const Worker worker = watch->worker.get();
        launcher.kill(worker.id, SIGKILL);
        if (watch->end.wait_for(patience) != std::future_status::ready) return;
        if (watch->end.get().kind == ExitKind::killed) ++killed;
      }
    };
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) threads.emplace_back(launch_25);
    for (std::thread& thread : threads) thread.join();
    CHECK(killed == 100);
    CHECK_FALSE(has_children());
  }
  CHECK(open_descriptors() == descriptors);
}

TEST_CASE("WorkerLauncher: its end kills, reaps and reports what is left") {
  const std::size_t descriptors = open_descriptors();
  {
    std::vector<Watch> watches(5);
    Worker worker;
    {
      WorkerLauncher launcher;
      for (Watch& watch : watches) launcher.launch(command({"sleep"}), watch.events());
      worker = get(watches.front().worker);
    }
    check(get(watches.front().end), ExitKind::killed, "SIGKILL");
    CHECK_FALSE(has_children());
    for (Watch& watch : watches) {
      const bool failed = watch.failure.wait_for(0s) == std::future_status::ready;
      const bool ended =
          &watch == &watches.front() || watch.end.wait_for(0s) == std::future_status::ready;
      CHECK(failed != ended);
    }
  }
  CHECK(open_descriptors() == descriptors);
}

TEST_CASE("WorkerLauncher: an event may launch the next worker") {
  WorkerLauncher launcher;
  Watch second;
  WorkerEvents events;
  events.ended = [&](const Exit&) { launcher.launch(command({"exit", "4"}), second.events()); };
  launcher.launch(command({"exit", "3"}), events);
  check(get(second.end), ExitKind::failed, "exit status 4");
}

TEST_CASE("WorkerLauncher: what an event launches while the launcher ends fails") {
  Watch first, second;
  Worker worker;
  {
    WorkerLauncher launcher;
    WorkerEvents events = first.events();
    events.ended = [&](const Exit&) { launcher.launch(command({"sleep"}), second.events()); };
    launcher.launch(command({"sleep"}), events);
    worker = get(first.worker);
  }
  CHECK(get(second.failure).code() == ErrorCode::disconnected);
}

TEST_CASE("WorkerLauncher: launches that wait are bounded") {
  WorkerLauncher launcher;
  std::promise<void> go_on;
  std::promise<void> held;
  const std::shared_future<void> gate = go_on.get_future().share();
  WorkerEvents holding;  // an event that blocks, as none should, holds up the launches
  holding.failed = [&held, gate](const Error&) {
    held.set_value();
    gate.wait();
  };
  launcher.launch({{"/no/such/program"}}, holding);
  std::future<void> is_held = held.get_future();
  get(is_held);
  std::atomic<int> failures = 0;
  WorkerEvents counting;
  counting.failed = [&failures](const Error&) { ++failures; };
  for (int i = 0; i < 1023; ++i) launcher.launch({{"/no/such/program"}}, counting);
  Watch last;
  launcher.launch({{"/no/such/program"}}, last.events());
  CHECK_THROWS_AS(launcher.launch({{"/no/such/program"}}, counting), Error);
  go_on.set_value();
  get(last.failure);
  CHECK(failures == 1023);
}
