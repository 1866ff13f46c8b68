#pragma once

#include <cstdint>
#include <functional>

/// Runs grids of CUDA threads on one thread of the CPU. Each CUDA thread of a block is a fiber, switched only where it
/// waits for others; blocks run one after another, and so may keep what is shared in static variables. Threads and blocks
/// take turns in a random order that differs from launch to launch, so that a kernel whose result depends on the order
/// gives other bits when it is run again.
///
/// Not thread-safe: one launch at a time in a process.
namespace troupe::test::cuda_emulator {

struct Index3 {
  unsigned x = 0, y = 0, z = 0;
};
/// Of the fiber that runs.
struct Position {
  Index3 thread, block, threads, blocks;
};
const Position& position();

/// Whether CUDA would take a launch of these sizes.
bool valid(Index3 blocks, Index3 threads);
/// Calls `kernel` for each thread of `blocks` times `threads`, which are valid. @throws std::runtime_error in one line, where threads of a block wait for others that never come: because those
/// have ended, or wait elsewhere. Blocks not yet begun do not run then.
void run(Index3 blocks, Index3 threads, const std::function<void()>& kernel);

/// From inside a kernel; `line` tells places to wait at apart.
void wait_for_block(int line);
/// For the lanes of this thread's warp that `mask` has.
void wait_for_warp(unsigned mask, int line);
/// wait_for_warp, with what the lane of this one's index xor `lanes` brings.
std::uint64_t exchange(unsigned mask, std::uint64_t bits, unsigned lanes, int line);

}  // namespace troupe::test::cuda_emulator
