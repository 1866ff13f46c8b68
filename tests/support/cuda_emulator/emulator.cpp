#include "tests/support/cuda_emulator/emulator.hpp"

#include <ucontext.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <numeric>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "runtime/base/float_environment.hpp"
#include "tests/support/cuda_emulator/fiber_switch.hpp"

namespace troupe::test::cuda_emulator {
namespace {

constexpr std::size_t stack_bytes = std::size_t{128} << 10;
constexpr unsigned warp_lanes = 32;
constexpr unsigned most_threads = 1024;  // of a block, as CUDA has it

enum class State : std::uint8_t { ready, waits_for_block, waits_for_warp, ended };

struct Fiber {
  ucontext_t context{};
  std::vector<std::byte> stack = std::vector<std::byte>(stack_bytes);
  FiberSwitch switching;
  State state = State::ended;
  unsigned mask = 0;  // of the lanes that it waits for
  int line = 0;       // where it waits
  unsigned exchanges = 0;
};

/// One for the process. Fibers are kept from block to block, as making one costs more than most kernels.
class Machine {
 public:
  static Machine& instance() {
    static Machine machine;
    return machine;
  }

  void run(Index3 blocks, Index3 threads, const std::function<void()>& kernel) {
    kernel_ = &kernel;
    position.threads = threads;
    position.blocks = blocks;
    count_ = threads.x * threads.y * threads.z;
    make_fibers();
    std::vector<std::uint64_t> order(std::uint64_t{blocks.x} * blocks.y * blocks.z);
    std::iota(order.begin(), order.end(), std::uint64_t{0});
    std::shuffle(order.begin(), order.end(), random_);
    for (const std::uint64_t block : order) {
      position.block = {static_cast<unsigned>(block % blocks.x),
                        static_cast<unsigned>(block / blocks.x % blocks.y),
                        static_cast<unsigned>(block / blocks.x / blocks.y)};
      run_block();
    }
  }

  void wait(State state, unsigned mask, int line) {
    Fiber& fiber = *fibers_[current_];
    fiber.state = state;
    fiber.mask = mask;
    fiber.line = line;
    leave(fiber);
  }

  unsigned lane() const { return current_ % warp_lanes; }

  /// Each exchange of a warp uses the other half of its slots, so that nobody overwrites what another is yet to read.
  std::uint64_t exchange(unsigned mask, std::uint64_t bits, unsigned lanes, int line) {
    const unsigned thread = current_, warp = thread / warp_lanes;
    auto& slots = slots_[warp][fibers_[thread]->exchanges++ % 2];
    slots[lane()] = bits;
    wait(State::waits_for_warp, mask, line);
    return slots[(thread % warp_lanes) ^ lanes];
  }

  Position position;

 private:
  void make_fibers() {
    while (fibers_.size() < count_) {
      auto fiber = std::make_unique<Fiber>();
      ::getcontext(&fiber->context);
      fiber->context.uc_stack.ss_sp = fiber->stack.data();
      fiber->context.uc_stack.ss_size = stack_bytes;
      ::makecontext(&fiber->context, &Machine::live, 0);
      fiber->switching.made(fiber->stack.data(), stack_bytes);
      fibers_.push_back(std::move(fiber));
    }
  }

  /// The life of a fiber: block after block.
  static void live() {
    Machine& machine = instance();
    machine.scheduler_.arrived();
    // A fiber has a control register of its own, and our kernels flush subnormals wherever they are launched from.
    const FloatEnvironment environment;
    while (true) {
      (*machine.kernel_)();
      Fiber& fiber = *machine.fibers_[machine.current_];
      fiber.state = State::ended;
      machine.leave(fiber);
    }
  }

  void leave(Fiber& fiber) {
    scheduler_.about_to_enter(fiber.switching);
    ::swapcontext(&fiber.context, &scheduler_context_);
    scheduler_.entered_from(fiber.switching);
  }

  void enter(unsigned thread) {
    current_ = thread;
    const Index3& size = position.threads;
    position.thread = {thread % size.x, thread / size.x % size.y, thread / size.x / size.y};
    Fiber& fiber = *fibers_[thread];
    fiber.switching.about_to_enter(scheduler_);
    ::swapcontext(&scheduler_context_, &fiber.context);
    fiber.switching.left(scheduler_);
  }

  void run_block() {
    ready_.clear();
    for (unsigned thread = 0; thread < count_; ++thread) {
      fibers_[thread]->exchanges = 0;
      wake(thread);
    }
    unsigned ended = 0, waiting = 0;
    while (ended < count_) {
      if (ready_.empty()) fail();
      std::swap(ready_[random_() % ready_.size()], ready_.back());
      const unsigned thread = ready_.back();
      ready_.pop_back();
      enter(thread);
      switch (fibers_[thread]->state) {
        case State::ended:
          ++ended;
          break;
        case State::waits_for_block:
          if (++waiting == count_ && all_wait_at(0, count_, *fibers_[thread])) {
            waiting = 0;
            for (unsigned other = 0; other < count_; ++other) wake(other);
          }
          break;
        case State::waits_for_warp:
          wake_warp(thread);
          break;
        case State::ready:
          break;
      }
    }
  }

  void wake(unsigned thread) {
    fibers_[thread]->state = State::ready;
    ready_.push_back(thread);
  }

  bool all_wait_at(unsigned begin, unsigned end, const Fiber& like) const {
    return std::all_of(fibers_.begin() + begin, fibers_.begin() + end, [&like](const auto& fiber) {
      return fiber->state == like.state && fiber->line == like.line && fiber->mask == like.mask;
    });
  }

  /// Where `thread` was the last of its warp's lanes to come. A lane that the block has not never comes.
  void wake_warp(unsigned thread) {
    const unsigned first = thread / warp_lanes * warp_lanes, mask = fibers_[thread]->mask;
    for (const bool waking : {false, true}) {
      for (unsigned lane = 0; lane < warp_lanes; ++lane) {
        if ((mask >> lane & 1U) == 0) continue;
        if (waking) {
          wake(first + lane);
        } else if (first + lane >= count_ ||
                   !all_wait_at(first + lane, first + lane + 1, *fibers_[thread])) {
          return;
        }
      }
    }
  }

  [[noreturn]] void fail() {
    std::string where;
    const auto describe = [&](unsigned thread) {
      const Fiber& fiber = *fibers_[thread];
      const std::string line = " at line " + std::to_string(fiber.line);
      return "thread " + std::to_string(thread) +
             (fiber.state == State::ended             ? " has ended"
              : fiber.state == State::waits_for_block ? " waits for the block" + line
                                                      : " waits for its warp" + line);
    };
    const auto begin = fibers_.begin(), end = begin + count_;
    const auto first =
        std::find_if(begin, end, [](const auto& fiber) { return fiber->state != State::ended; });
    const auto other = std::find_if(begin, end, [&](const auto& fiber) {
      return fiber->state != (*first)->state || fiber->line != (*first)->line;
    });
    where = describe(static_cast<unsigned>(first - begin));
    where += other == end ? ", and lanes of its mask never come"
                          : ", " + describe(static_cast<unsigned>(other - begin));
    fibers_.clear();  // they stand in the middle of a kernel
    throw std::runtime_error{"CUDA emulator: block " + std::to_string(position.block.x) +
                             ": expected all threads at one barrier, got that " + where};
  }

  const std::function<void()>* kernel_ = nullptr;
  unsigned count_ = 0;  // threads of a block
  unsigned current_ = 0;
  std::vector<std::unique_ptr<Fiber>> fibers_;
  std::vector<unsigned> ready_;
  ucontext_t scheduler_context_{};
  FiberSwitch scheduler_;
  std::array<std::array<std::array<std::uint64_t, warp_lanes>, 2>, most_threads / warp_lanes>
      slots_{};
  std::mt19937_64 random_{1};
};

}  // namespace

const Position& position() {
  return Machine::instance().position;
}

bool valid(Index3 blocks, Index3 threads) {
  constexpr unsigned most_blocks_x = 0x7FFFFFFF, most_blocks_yz = 0xFFFF;
  const auto within = [](unsigned size, unsigned most) { return size >= 1 && size <= most; };
  return within(blocks.x, most_blocks_x) && within(blocks.y, most_blocks_yz) &&
         within(blocks.z, most_blocks_yz) && within(threads.x, most_threads) &&
         within(threads.y, most_threads) && within(threads.z, 64) &&
         threads.x * threads.y * threads.z <= most_threads;
}

void run(Index3 blocks, Index3 threads, const std::function<void()>& kernel) {
  Machine::instance().run(blocks, threads, kernel);
}

void wait_for_block(int line) {
  Machine::instance().wait(State::waits_for_block, 0, line);
}

void wait_for_warp(unsigned mask, int line) {
  Machine::instance().wait(State::waits_for_warp, mask, line);
}

std::uint64_t exchange(unsigned mask, std::uint64_t bits, unsigned lanes, int line) {
  return Machine::instance().exchange(mask, bits, lanes, line);
}

}  // namespace troupe::test::cuda_emulator
