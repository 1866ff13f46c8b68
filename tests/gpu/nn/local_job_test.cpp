#include "gpu/nn/local_job.hpp"

#include <dlfcn.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <new>
#include <numeric>
#include <thread>

#include "gpu/cpu_device.hpp"
#include "gpu/nn/models.hpp"
#include "gpu/nn/step.hpp"
#include "runtime/base/error.hpp"
#include "tests/support/skip.hpp"

using namespace troupe;
using namespace troupe::gpu;
using namespace troupe::gpu::nn;

namespace {

// Set while calls of operator new are to be counted, and only those whose caller is not oneDNN's or OpenMP's.
thread_local bool counting = false;
std::size_t counted = 0;

void count_call(void* caller) {
  if (!counting) return;
  counting = false;  // dladdr may allocate
  Dl_info info{};
  const bool known = dladdr(caller, &info) != 0 && info.dli_fname != nullptr;
  const std::string_view name = known ? info.dli_fname : "";
  if (name.find("libdnnl") == std::string_view::npos &&
      name.find("libgomp") == std::string_view::npos)
    ++counted;
  counting = true;
}

}  // namespace

// Not inlined, lest g++ see a free of what a call of operator new returned and warn of a mismatch.
[[gnu::noinline]] void* operator new(std::size_t size) {
  count_call(__builtin_return_address(0));
  if (void* const memory = std::malloc(size)) return memory;
  throw std::bad_alloc{};
}
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  count_call(__builtin_return_address(0));
  return std::malloc(size);
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace {

ModelDescription small_cnn() {
  using I = std::int64_t;
  ModelBuilder m;
  m.input("image", Shape{8, 8, 3});
  m.input("label", Shape{}, DType::i32);
  m.add("conv2d", {{"filters", I{16}}, {"kernel", I{3}}, {"padding", I{1}}, {"bias", false}});
  m.add("batch_norm");
  m.add("relu");
  m.add("max_pool", {{"kernel", I{2}}});
  m.add("flatten");
  m.add("dense", {{"units", I{32}}});
  m.add("gelu");
  m.add("dropout", {{"rate", 0.2}});
  const std::string logits = m.add("dense", {{"units", I{5}}});
  m.add("softmax_cross_entropy", {}, {logits, "label"});
  return m.description();
}

/// A batch source that is a pure function of the position.
void synthetic(PositionRange range, std::span<std::byte* const> inputs) {
  auto* image = reinterpret_cast<float*>(inputs[0]);
  auto* label = reinterpret_cast<std::int32_t*>(inputs[1]);
  for (std::uint64_t p = range.first; p < range.last; ++p) {
    std::uint64_t x = p * 0x9E3779B97F4A7C15U + 1;
    for (int i = 0; i < 192; ++i) {
      x = x * 6364136223846793005U + 1442695040888963407U;
      *image++ = static_cast<float>(x >> 40) * 0x1p-23F - 1.0F;
    }
    *label++ = static_cast<std::int32_t>((x >> 33) % 5);
  }
}

JobSpec spec_of(std::uint32_t shards) {
  JobSpec spec;
  spec.seed = 11;
  spec.batch = 48;
  spec.shards = shards;
  spec.optimizer = {AdamW{}, 1.0};
  spec.schedule = {1e-2, CosineRate{100}, 3};
  return spec;
}

std::vector<std::byte> copy_of(std::span<const std::byte> bytes) {
  return {bytes.begin(), bytes.end()};
}

std::vector<std::unique_ptr<Device>> devices() {
  std::vector<std::unique_ptr<Device>> all;
  all.push_back(make_cpu_device({1, CpuBackend::reference}));
  try {
    all.push_back(make_cpu_device({1, CpuBackend::onednn}));
  } catch (const Error& error) {
    MESSAGE("without oneDNN: " << error.what());
  }
  return all;
}

/// One step's shards in the order given, dealt out to `threads` threads, each with a device, plan and stream of its
/// own; the sums are added as they come.
std::vector<std::byte> step_on_threads(const Graph& graph, const LocalJob& job,
                                       std::span<const std::uint32_t> order, std::size_t threads,
                                       CpuBackend backend) {
  const StateLayout& layout = job.layout();
  const auto device = make_cpu_device({1, backend});
  ShardReduction reduction{*device, layout, job.spec().shards, allocate_host};
  std::mutex mutex;
  std::atomic<std::size_t> next = 0;
  StepState state =
      make_step_state(job.spec().optimizer, job.spec().schedule, job.spec().seed, job.next_step());
  const auto work = [&] {
    const auto own = make_cpu_device({1, backend});
    const std::int64_t rows = job.spec().batch / job.spec().shards;
    Plan plan{graph, layout, *own, {Mode::train, rows}};
    const auto stream = own->make_stream();
    const auto images = allocate_host(plan.input_bytes(0)),
               labels = allocate_host(plan.input_bytes(1));
    const std::array<std::byte*, 2> inputs{images->data(), labels->data()};
    const std::array<BatchRing, 2> rings{BatchRing{images->data(), 0},
                                         BatchRing{labels->data(), 0}};
    for (std::size_t i = next++; i < order.size(); i = next++) {
      StepState mine = state;
      mine.position = state.step * static_cast<std::uint64_t>(job.spec().batch) +
                      order[i] * static_cast<std::uint64_t>(rows);
      mine.rows = static_cast<std::uint32_t>(rows);
      synthetic({mine.position, mine.position + mine.rows}, inputs);
      ShardReduction::Buffers buffers;
      {
        const std::lock_guard lock{mutex};
        buffers = reduction.acquire();
      }
      Bindings bindings;
      bindings.state = job.state().data();
      bindings.inputs = rings;
      bindings.buckets = buffers.buckets;
      bindings.sums = buffers.sums;
      bindings.step = &mine;
      plan.run(*stream, bindings);
      const std::lock_guard lock{mutex};
      reduction.complete(*stream, order[i], buffers);
    }
  };
  std::vector<std::thread> pool;
  for (std::size_t i = 0; i < threads; ++i) pool.emplace_back(work);
  for (std::thread& thread : pool) thread.join();
  // The update too, in two ranges.
  const auto stream = device->make_stream();
  const auto updater = device->make_updater(layout, job.spec().optimizer);
  const auto to = allocate_host(layout.slot_bytes);
  const ShardReduction::Buffers sum = reduction.result();
  const UpdateBindings bindings{job.state().data(), to->data(), sum.buckets, sum.sums, &state};
  updater->prepare(*stream, bindings);
  const std::size_t half = layout.parameter_elements / 32 * 16;
  updater->update(*stream, bindings, half, layout.parameter_elements);
  updater->update(*stream, bindings, 0, half);
  return copy_of({to->data(), layout.slot_bytes});
}

std::size_t resident_pages() {
  std::ifstream statm{"/proc/self/statm"};
  std::size_t size = 0, resident = 0;
  statm >> size >> resident;
  return resident;
}

}  // namespace

TEST_CASE(
    "LocalJob: shards in any order, on one plan or on several threads, give the same bits (JOB-4, "
    "JOB-5)") {
  const Graph graph{small_cnn()};
  for (const CpuBackend backend : {CpuBackend::reference, CpuBackend::automatic}) {
    const auto device = make_cpu_device({1, backend});
    for (const std::uint32_t shards : {1U, 2U, 6U, 8U}) {
      LocalJob job{graph, *device, spec_of(shards)};
      for (int step = 0; step < 3; ++step) {
        std::vector<std::uint32_t> forward(shards), backward(shards), mixed(shards);
        std::iota(forward.begin(), forward.end(), 0U);
        backward.assign(forward.rbegin(), forward.rend());
        mixed = forward;
        std::shuffle(mixed.begin(), mixed.end(), std::mt19937{static_cast<unsigned>(step)});
        const auto one = step_on_threads(graph, job, backward, 1, backend);
        const auto two = step_on_threads(graph, job, mixed, 2, backend);
        const auto many = step_on_threads(graph, job, forward, 4, backend);
        job.step(synthetic);
        CAPTURE(shards);
        CHECK(one == copy_of(job.state()));
        CHECK(two == copy_of(job.state()));
        CHECK(many == copy_of(job.state()));
      }
    }
  }
}

TEST_CASE("LocalJob: another seed, or another number of shards, is another job") {
  const Graph graph{small_cnn()};
  const auto device = make_cpu_device({1, CpuBackend::reference});
  const auto trained = [&](JobSpec spec) {
    LocalJob job{graph, *device, spec};
    for (int step = 0; step < 2; ++step) job.step(synthetic);
    return copy_of(job.state());
  };
  const auto first = trained(spec_of(2));
  CHECK(first == trained(spec_of(2)));
  CHECK(first != trained(spec_of(4)));
  JobSpec other = spec_of(2);
  other.seed = 12;
  CHECK(first != trained(other));
  JobSpec buckets = spec_of(2);
  buckets.bucket_bytes = 256;  // how the gradient is cut is not part of the job's bits
  CHECK(first == trained(buckets));
}

TEST_CASE("LocalJob: goes on from a saved version as if it had never stopped") {
  const Graph graph{small_cnn()};
  for (const auto& device : devices()) {
    LocalJob whole{graph, *device, spec_of(2)}, before{graph, *device, spec_of(2)},
        after{graph, *device, spec_of(2)};
    for (int step = 0; step < 7; ++step) whole.step(synthetic);
    for (int step = 0; step < 3; ++step) before.step(synthetic);
    after.restore(before.next_step(), before.state());
    while (after.next_step() < 7) after.step(synthetic);
    CHECK(copy_of(after.state()) == copy_of(whole.state()));
    CHECK_THROWS_AS(after.restore(1, before.state().first(4)), Error);
  }
}

TEST_CASE("LocalJob: learns") {
  const Graph graph{small_cnn()};
  for (const auto& device : devices()) {
    LocalJob job{graph, *device, spec_of(2)};
    const auto same = [](PositionRange range, std::span<std::byte* const> inputs) {
      synthetic({range.first % 48, range.first % 48 + range.count()}, inputs);
    };
    const LocalJob::StepResult first = job.step(same);
    CHECK(first.rows == 48);
    double last = 0.0;
    for (int step = 0; step < 60; ++step) last = job.step(same).loss;
    CHECK(last < 0.3 * first.loss);
  }
}

TEST_CASE("LocalJob: what is not finite stops the step, named, and the state stays") {
  const Graph graph{small_cnn()};
  const auto device = make_cpu_device({1, CpuBackend::reference});
  LocalJob job{graph, *device, spec_of(2)};
  job.step(synthetic);
  const auto before = copy_of(job.state());
  const auto broken = [](PositionRange range, std::span<std::byte* const> inputs) {
    synthetic(range, inputs);
    reinterpret_cast<float*>(inputs[0])[5] = std::numeric_limits<float>::infinity();
  };
  CHECK_THROWS_WITH_AS(job.step(broken),
                       "step 1: expected finite values, got others in dense_2.weight", Error);
  CHECK(job.next_step() == 1);
  CHECK(copy_of(job.state()) == before);
  job.step(synthetic);
}

TEST_CASE("LocalJob: refuses a spec that is out of range") {
  const Graph graph{small_cnn()};
  const auto device = make_cpu_device({1, CpuBackend::reference});
  JobSpec spec = spec_of(5);
  CHECK_THROWS_WITH_AS((LocalJob{graph, *device, spec}),
                       "job: expected shards that divide the batch of 48, got 5", Error);
  spec = spec_of(0);
  spec.batch = 256;
  CHECK(LocalJob{graph, *device, spec}.spec().shards == 8);
  spec.optimizer = {Adam{1.5, 0.999, 1e-8, 0.0}, {}};
  CHECK_THROWS_AS((LocalJob{graph, *device, spec}), Error);
}

TEST_CASE("LocalJob: a steady-state step allocates nothing of its own") {
  const Graph graph{small_cnn()};
  for (const auto& device : devices()) {
    LocalJob job{graph, *device, spec_of(8)};
    const BatchSource source = synthetic;
    for (int step = 0; step < 3; ++step) job.step(source);
    counted = 0;
    counting = true;
    for (int step = 0; step < 20; ++step) job.step(source);
    counting = false;
    CHECK(counted == 0);
  }
}

TEST_CASE("LocalJob: memory does not grow over 10,000 steps") {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  test::skip("a sanitizer's own memory grows");
  return;
#endif
  const Graph graph{mlp(std::array<std::int64_t, 3>{32, 16, 4})};
  for (const auto& device : devices()) {
    JobSpec spec = spec_of(2);
    LocalJob job{graph, *device, spec};
    const BatchSource source = [](PositionRange range, std::span<std::byte* const> inputs) {
      for (std::uint64_t i = 0; i < range.count() * 32; ++i) {
        reinterpret_cast<float*>(inputs[0])[i] = static_cast<float>((range.first + i) % 7) - 3.0F;
      }
      for (std::uint64_t i = 0; i < range.count(); ++i) {
        reinterpret_cast<std::int32_t*>(inputs[1])[i] =
            static_cast<std::int32_t>((range.first + i) % 4);
      }
    };
    for (int step = 0; step < 100; ++step) job.step(source);
    const std::size_t before = resident_pages();
    for (int step = 0; step < 10000; ++step) job.step(source);
    // Pages of code and of the test's own reading may still come in; a leak of one float a step is 10 pages.
    CHECK(resident_pages() <= before + 8);
  }
}
