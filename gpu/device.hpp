#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gpu/operation.hpp"
#include "gpu/resident_data.hpp"
#include "gpu/step_state.hpp"
#include "gpu/tensor.hpp"

/// What a backend must offer. All work is enqueued on a Stream and done in its order; the host learns of its
/// end by an Event. (The CPU's stream does it at once, on the caller's thread.)
namespace troupe::gpu {

namespace nn {
struct OptimizerSpec;
struct StateLayout;
}  // namespace nn

/// A mark in a stream, for the host or another stream to wait on. Thread-safe.
class Event {
 public:
  virtual ~Event() = default;
  /// How many records of this event have been reached, since it was made.
  virtual std::uint64_t reached() const = 0;
  /// Blocks until `reached() >= count`; a record that is still to be enqueued may be waited for.
  virtual void wait(std::uint64_t count) const = 0;
};

/// Work in order. Used by one thread at a time.
class Stream {
 public:
  virtual ~Stream() = default;
  /// Either side may be host memory. It must stay as it is until the stream has passed the copy.
  virtual void copy(std::byte* to, const std::byte* from, std::size_t bytes) = 0;
  virtual void record(Event& event) = 0;
  /// What is enqueued from now on runs after `count` records of `event`.
  virtual void wait(const Event& event, std::uint64_t count) = 0;
  /// Blocks until all that was enqueued is done. @throws Error with what went wrong there.
  virtual void synchronize() = 0;
  /// Whether what is enqueued now is only recorded (Device::record): then programs signal nothing.
  virtual bool recording() const { return false; }
};

/// Where an operand lies. Only the arena belongs to the program; the rest is bound at each run.
enum class Space : std::uint8_t {
  arena,     ///< activations and scratch
  state,     ///< a version slot (nn::StateLayout)
  input,     ///< the batch ring `index`, in the slot that StepState::batch_slot names
  gradient,  ///< bucket `index`
  sums,      ///< the shard's sums: loss, row count, moments
  step,      ///< the StepState
};
struct Operand {
  Space space = Space::arena;
  std::uint32_t index = 0;
  std::size_t offset_bytes = 0;
};

struct Instruction {
  Operation operation;
  std::vector<Operand> operands;
  std::string layer;  ///< for errors and traces
};

struct ProgramSpec {
  std::vector<Instruction> instructions;
  std::size_t arena_bytes = 0;
  int threads = 1;
  std::string largest_layer = "";  ///< whose block of the arena is the largest, for errors
  std::size_t largest_bytes = 0;   ///< of that block
};

/// A ring of batch slots in the device's memory: slot i starts at data + i · slot_bytes.
struct BatchRing {
  const std::byte* data = nullptr;
  std::size_t slot_bytes = 0;
};

/// Tells how long a device took from mark to mark.
class Stopwatch {
 public:
  virtual ~Stopwatch() = default;
  /// Enqueues a mark.
  virtual void mark(Stream& stream) = 0;
  /// Seconds from each mark to the next, all of which are forgotten. After the stream has passed them.
  virtual std::vector<double> lap() = 0;
};

/// What a run reads and writes; all of it in the device's memory, and alive until the stream has passed the run.
struct Bindings {
  const std::byte* state = nullptr;
  std::span<const BatchRing> inputs;
  std::span<std::byte* const> buckets;
  std::byte* sums = nullptr;
  const StepState* step = nullptr;
  std::span<Event* const>
      events;  ///< by bucket, then that of the sums: recorded by Signal, before a listener hears
  Stopwatch* stopwatch = nullptr;  ///< if there is one, each Signal is a mark
};

/// Hears of Signal operations in stream order, from a thread of the device's: on the CPU the one that runs
/// the program. Must not block and not throw.
class SignalListener {
 public:
  virtual ~SignalListener() = default;
  virtual void signalled(std::uint32_t bucket) = 0;
};

/// Instructions made ready to run, with an arena of its own. Used by one thread at a time.
class Program {
 public:
  virtual ~Program() = default;
  virtual void run(Stream& stream, const Bindings& bindings, SignalListener* listener) = 0;
  virtual std::byte* arena() const = 0;
};

/// What an update reads and writes. `from` and `to` are version slots; `to` may not be `from`.
struct UpdateBindings {
  const std::byte* from = nullptr;
  std::byte* to = nullptr;
  std::span<const std::byte* const> buckets;  ///< the tree's sums, not yet divided
  const std::byte* sums = nullptr;
  const StepState* step = nullptr;
};

/// The optimizer's step from one slot to another, out of place (architecture, "Versions"). Several threads may
/// update different ranges at once, each on its own stream, after `prepare` is done.
class Updater {
 public:
  virtual ~Updater() = default;
  /// What precedes all ranges: the factor that divides by the row count and clips (JOB-4), and the running
  /// statistics. Reads the gradient only when the norm is needed.
  virtual void prepare(Stream& stream, const UpdateBindings& bindings) = 0;
  /// Elements [begin, end) of the parameter space: multiples of 16, or its end.
  virtual void update(Stream& stream, const UpdateBindings& bindings, std::size_t begin,
                      std::size_t end) = 0;
  /// After the stream was synchronised: the name of a parameter whose gradient was not finite, or empty.
  virtual std::string not_finite() const = 0;
  /// Whether that was so for every update since this was made. After the stream was synchronised; while later updates
  /// run it may speak of these as well.
  virtual bool stayed_finite() const = 0;
};

/// Work that was recorded and is enqueued as a whole.
class Recorded {
 public:
  virtual ~Recorded() = default;
  virtual void launch(Stream& stream) = 0;
};

/// StepStates that the host computed ahead, and what steps gave, in the device's memory, so that a step can be recorded that
/// has nothing from the host. Used by one thread; all of it by one stream, but for read().
class StepQueue {
 public:
  /// What a step gave.
  struct Outcome {
    double loss = 0.0;      ///< the sum over its rows
    std::int64_t rows = 0;  ///< that counted
  };

  virtual ~StepQueue() = default;
  /// Enqueues that these follow. At most `states` of them have been pushed and not popped.
  virtual void push(Stream& stream, std::span<const StepState> states) = 0;
  /// Enqueues that the next one goes to `to`, in the device's memory. May be recorded, as may note().
  virtual void pop(Stream& stream, StepState* to) = 0;
  /// Enqueues that the outcome in a step's sums (nn::StateLayout) is the next of the last `outcomes`.
  virtual void note(Stream& stream, const std::byte* sums) = 0;
  /// The outcomes from the first-th on, counted since this was made. Blocks until `stream` is done.
  virtual void read(Stream& stream, std::uint64_t first, std::span<Outcome> to) const = 0;
};

/// How a device is used, by all who use it.
struct DeviceUse {
  std::uint64_t used_bytes = 0, total_bytes = 0;  ///< of its memory
  std::optional<double> busy;  ///< in what share of the last moments it computed; none: not known
};

class Device {
 public:
  virtual ~Device() = default;
  virtual std::string name() const = 0;
  /// Zeroed, 64-byte aligned. @param what  it is for  @throws Error exhausted with that, the size, and what is free.
  virtual std::shared_ptr<Storage> allocate(std::size_t bytes, std::string_view what) = 0;
  /// Host memory, zeroed, that copies to and from the device are fastest with. @throws Error as allocate().
  virtual std::shared_ptr<Storage> allocate_staging(std::size_t bytes, std::string_view) {
    return allocate_host(bytes);
  }
  /// Whether the host may read and write the device's memory as its own, between runs.
  virtual bool host_accessible() const = 0;
  virtual std::unique_ptr<Stream> make_stream() = 0;
  virtual std::unique_ptr<Event> make_event() = 0;
  virtual std::unique_ptr<Stopwatch> make_stopwatch() = 0;
  virtual std::size_t workspace_bytes(const Operation& operation) = 0;
  /// Programs are made and run on one thread (JOB-6). @throws Error unsupported, naming the layer.
  virtual std::unique_ptr<Program> compile(const ProgramSpec& spec) = 0;
  virtual std::unique_ptr<Updater> make_updater(const nn::StateLayout& layout,
                                                const nn::OptimizerSpec& optimizer) = 0;
  /// What the canonical tree asks for when a leaf arrives (JOB-5), in one pass:
  /// to = t0 + (t1 + (… + tk)). `to` may be any term. f32 for gradients, f64 for moments and loss, i64 for counts.
  virtual void add_chain(Stream& stream, DType dtype, std::span<const std::byte* const> terms,
                         std::byte* to, std::size_t elements) = 0;
  /// What `enqueue` enqueues on `stream`, which it does not do now, and which neither waits nor allocates. What it reads
  /// and writes must stay where it is.
  virtual std::unique_ptr<Recorded> record(Stream& stream, std::function<void()> enqueue) = 0;
  /// @param states, outcomes  how many there is room for
  virtual std::unique_ptr<StepQueue> make_step_queue(std::size_t states, std::size_t outcomes) = 0;
  /// Copies the records to the device. Null: batches of this chain cannot be made there.
  /// @throws Error exhausted; bad_input where the spec contradicts itself.
  virtual std::unique_ptr<ResidentData> make_resident(const ResidentSpec&) { return nullptr; }
  /// None: the device has nothing of its own. Thread-safe.
  virtual std::optional<DeviceUse> use() const { return {}; }
  virtual std::vector<std::pair<std::string, std::string>> machine_record() const = 0;
};

}  // namespace troupe::gpu
