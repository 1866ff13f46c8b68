#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

struct CUstream_st;
struct CUevent_st;
struct CUgraph_st;
struct CUgraphExec_st;

/// A GPU's memory, streams, events and graphs, as host code of ours meets them, on the CPU and without haste: what is
/// enqueued runs when somebody waits for it and no earlier, so that whoever forgets to wait reads what was there before;
/// and the device's memory can be touched from within enqueued work alone: a host that follows a device pointer gets a
/// SIGSEGV. New blocks hold garbage.
///
/// Thread-safe: one call at a time.
namespace troupe::test::cuda_emulator {

using Work = std::function<void()>;

inline constexpr std::size_t memory_bytes = std::size_t{256} << 20;
/// What the host may lock in place at once.
inline constexpr std::size_t pinned_bytes = std::size_t{1} << 30;

void* allocate(std::size_t bytes);  ///< null where there is no room
void free(void* block);
void* allocate_pinned(std::size_t bytes);
void free_pinned(void* block);
std::size_t free_bytes();

CUstream_st* make_stream();
void end_stream(CUstream_st* stream);
/// Into the graph, if the stream is being captured. The null stream does its work at once, after that of all streams.
void enqueue(CUstream_st* stream, Work work);
/// False while it is being captured.
bool synchronize(CUstream_st* stream);
/// Within work: what a host function does, which may not touch the device's memory.
void on_host(const Work& work);

CUevent_st* make_event();
void end_event(CUevent_st* event);
void record(CUevent_st* event, CUstream_st* stream);
/// For the last record that was enqueued, or whose graph was launched.
void synchronize(CUevent_st* event);
void wait_for_event(CUstream_st* stream, CUevent_st* event);

bool begin_capture(CUstream_st* stream);
CUgraph_st* end_capture(CUstream_st* stream);
void end_graph(CUgraph_st* graph);
CUgraphExec_st* instantiate(CUgraph_st* graph);
void end_executable(CUgraphExec_st* executable);
void launch(CUgraphExec_st* executable, CUstream_st* stream);

/// As a real event that is timed: how long after `from` its stream came to `to`. After both were passed.
float milliseconds_between(const CUevent_st* from, const CUevent_st* to);

/// Whether the device has failed for good, as it does where TROUPE_EMULATED_FAULT is "FILE:COUNT": when so many graphs were
/// launched, in the first process that comes so far, which leaves FILE.
bool failed();

/// How many graphs were launched, and pieces of work enqueued otherwise, since the process began.
struct Counts {
  std::uint64_t launches = 0, enqueued = 0;
};
Counts counts();

}  // namespace troupe::test::cuda_emulator
