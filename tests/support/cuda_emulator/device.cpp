#include "tests/support/cuda_emulator/device.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

struct CUgraph_st {
  std::vector<troupe::test::cuda_emulator::Work> work;
};
struct CUgraphExec_st {
  std::vector<troupe::test::cuda_emulator::Work> work;
};
struct CUstream_st {
  std::deque<troupe::test::cuda_emulator::Work> queue;
  std::unique_ptr<CUgraph_st> captured;
};
struct CUevent_st {
  struct State {
    std::chrono::steady_clock::time_point passed = {};
    CUstream_st* last = nullptr;  // where it was recorded
  };
  std::shared_ptr<State> state = std::make_shared<State>();  // what was enqueued may outlive it
};

namespace troupe::test::cuda_emulator {
namespace {

constexpr std::size_t alignment = 512;

/// The device's memory: first fit, with nothing but the page tables between it and the host.
class DeviceMemory {
 public:
  DeviceMemory() {
    base_ = static_cast<std::byte*>(::mmap(nullptr, memory_bytes, PROT_NONE,
                                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    if (base_ == MAP_FAILED) throw std::runtime_error{"emulated CUDA: no address space"};
  }

  void* allocate(std::size_t bytes) {
    const std::size_t size =
        (std::max(bytes, std::size_t{1}) + alignment - 1) / alignment * alignment;
    std::size_t at = 0;
    for (const auto& [begin, length] : blocks_) {
      if (begin - at >= size) break;
      at = begin + length;
    }
    if (memory_bytes - at < size) return nullptr;
    blocks_.emplace(at, size);
    used_ += size;
    open(true);
    std::memset(base_ + at, 0xCD, size);
    open(false);
    return base_ + at;
  }
  void free(void* block) {
    const auto found =
        blocks_.find(static_cast<std::size_t>(static_cast<std::byte*>(block) - base_));
    if (found == blocks_.end()) throw std::runtime_error{"emulated CUDA: freed what is no block"};
    used_ -= found->second;
    blocks_.erase(found);
  }
  std::size_t used() const { return used_; }

  void open(bool yes) {
    depth_ += yes ? 1 : -1;
    if (depth_ == (yes ? 1 : 0))
      ::mprotect(base_, memory_bytes, yes ? PROT_READ | PROT_WRITE : PROT_NONE);
  }
  void close_for(const Work& work) {
    const int depth = std::exchange(depth_, 0);
    ::mprotect(base_, memory_bytes, PROT_NONE);
    work();
    depth_ = depth;
    ::mprotect(base_, memory_bytes, PROT_READ | PROT_WRITE);
  }

 private:
  std::byte* base_;
  std::map<std::size_t, std::size_t> blocks_;  // begin, size
  std::size_t used_ = 0;
  int depth_ = 0;
};

DeviceMemory& memory() {
  static DeviceMemory& memory = *new DeviceMemory;
  return memory;
}

std::vector<CUstream_st*>& streams() {
  static std::vector<CUstream_st*> streams;
  return streams;
}

/// A device that failed runs nothing more.
bool& broken() {
  static bool broken = false;
  return broken;
}

Counts& counted() {
  static Counts counts;
  return counts;
}

void run(const Work& work) {
  memory().open(true);
  try {
    work();
  } catch (...) {
    memory().open(false);
    throw;
  }
  memory().open(false);
}

void drain(CUstream_st& stream) {
  if (broken()) stream.queue.clear();
  while (!stream.queue.empty()) {
    const Work work = std::move(stream.queue.front());
    stream.queue.pop_front();
    run(work);
  }
}

void wait_until_passed(const CUevent_st::State& event) {
  if (std::ranges::find(streams(), event.last) != streams().end()) {
    drain(*event.last);
  } else {
    for (CUstream_st* const each : streams()) drain(*each);
  }
}

/// Of a whole call, and of what it runs.
class Turn {
 public:
  Turn() : lock_{mutex()} {}

 private:
  static std::recursive_mutex& mutex() {
    static std::recursive_mutex& mutex = *new std::recursive_mutex;
    return mutex;
  }
  const std::scoped_lock<std::recursive_mutex> lock_;
};

}  // namespace

void* allocate(std::size_t bytes) {
  const Turn turn;
  return memory().allocate(bytes);
}
void free(void* block) {
  const Turn turn;
  memory().free(block);
}
void* allocate_pinned(std::size_t bytes) {
  if (bytes > pinned_bytes) return nullptr;
  return ::operator new (std::max(bytes, std::size_t{1}), std::align_val_t{alignment});
}
void free_pinned(void* block) {
  ::operator delete (block, std::align_val_t{alignment});
}
std::size_t free_bytes() {
  const Turn turn;
  return memory_bytes - memory().used();
}

CUstream_st* make_stream() {
  const Turn turn;
  return streams().emplace_back(new CUstream_st);
}

void end_stream(CUstream_st* stream) {
  const Turn turn;
  drain(*stream);
  std::erase(streams(), stream);
  delete stream;
}

void enqueue(CUstream_st* stream, Work work) {
  const Turn turn;
  if (stream == nullptr) {
    for (CUstream_st* const each : streams()) drain(*each);
    run(work);
  } else if (stream->captured != nullptr) {
    stream->captured->work.push_back(std::move(work));
  } else {
    ++counted().enqueued;
    stream->queue.push_back(std::move(work));
  }
}

bool synchronize(CUstream_st* stream) {
  const Turn turn;
  if (stream == nullptr) {
    for (CUstream_st* const each : streams()) drain(*each);
    return true;
  }
  if (stream->captured != nullptr) return false;
  drain(*stream);
  return true;
}

void on_host(const Work& work) {
  const Turn turn;
  memory().close_for(work);
}

CUevent_st* make_event() {
  const Turn turn;
  return new CUevent_st;
}
void end_event(CUevent_st* event) {
  const Turn turn;
  delete event;
}
void record(CUevent_st* event, CUstream_st* stream) {
  const Turn turn;
  if (stream->captured != nullptr) {
    // Where the graph will be launched is not known yet.
    stream->captured->work.push_back([state = event->state] { state->last = nullptr; });
  } else {
    event->state->last = stream;
    stream->queue.emplace_back(
        [state = event->state] { state->passed = std::chrono::steady_clock::now(); });
  }
}
void synchronize(CUevent_st* event) {
  const Turn turn;
  wait_until_passed(*event->state);
}
void wait_for_event(CUstream_st* stream, CUevent_st* event) {
  const Turn turn;
  enqueue(stream, [state = event->state] { wait_until_passed(*state); });
}

bool begin_capture(CUstream_st* stream) {
  const Turn turn;
  if (stream == nullptr || stream->captured != nullptr) return false;
  stream->captured = std::make_unique<CUgraph_st>();
  return true;
}
CUgraph_st* end_capture(CUstream_st* stream) {
  const Turn turn;
  return stream->captured.release();
}
void end_graph(CUgraph_st* graph) {
  const Turn turn;
  delete graph;
}
CUgraphExec_st* instantiate(CUgraph_st* graph) {
  const Turn turn;
  return new CUgraphExec_st{graph->work};
}
void end_executable(CUgraphExec_st* executable) {
  const Turn turn;
  delete executable;
}
void launch(CUgraphExec_st* executable, CUstream_st* stream) {
  const Turn turn;
  ++counted().launches;
  for (const Work& work : executable->work) stream->queue.push_back(work);
}

float milliseconds_between(const CUevent_st* from, const CUevent_st* to) {
  const Turn turn;
  return std::chrono::duration<float, std::milli>(to->state->passed - from->state->passed).count();
}

bool failed() {
  const Turn turn;
  if (broken()) return true;
  static const char* wanted = std::getenv("TROUPE_EMULATED_FAULT");
  if (wanted == nullptr) return false;
  const std::string fault{wanted};
  const std::size_t colon = fault.rfind(':');
  if (counted().launches < std::stoull(fault.substr(colon + 1))) return false;
  const int file = ::open(fault.substr(0, colon).c_str(), O_CREAT | O_EXCL | O_WRONLY, 0600);
  if (file >= 0) ::close(file);
  wanted = nullptr;
  broken() = file >= 0;
  return broken();
}

Counts counts() {
  const Turn turn;
  return counted();
}

}  // namespace troupe::test::cuda_emulator
