#include "gpu/cpu_device.hpp"

#include <atomic>
#include <cstdlib>
#include <limits>
#include <new>
#include <thread>

#include "gpu/kernel.hpp"
#include "gpu/reference/library.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/float_environment.hpp"
#include "tests/support/allocations.hpp"

using namespace troupe;
using namespace troupe::gpu;

namespace {

std::unique_ptr<Device> reference_device() {
  return make_cpu_device({.threads = 1, .backend = CpuBackend::reference});
}

template <class Values>
auto bytes_of(Values& values) {
  if constexpr (std::is_const_v<std::remove_pointer_t<decltype(std::data(values))>>) {
    return reinterpret_cast<const std::byte*>(std::data(values));
  } else {
    return reinterpret_cast<std::byte*>(std::data(values));
  }
}

/// A library that makes the kernels of some operations (by index in the variant), which write down its name.
class NamedLibrary final : public KernelLibrary {
 public:
  NamedLibrary(std::string name, std::vector<std::size_t> makes)
      : name_{std::move(name)}, makes_{std::move(makes)} {}
  std::unique_ptr<Kernel> make(const Operation& operation, const KernelOptions&) override {
    for (const std::size_t index : makes_) {
      if (index == operation.index()) return std::make_unique<Writer>(name_[0]);
    }
    return nullptr;
  }
  std::size_t workspace_bytes(const Operation&) override {
    return static_cast<std::size_t>(name_[0]);
  }
  std::vector<std::pair<std::string, std::string>> machine_record() const override {
    return {{name_, "here"}};
  }

 private:
  class Writer final : public Kernel {
   public:
    explicit Writer(char name) : name_{name} {}
    void run(void* const* operands) override { *static_cast<char*>(operands[0]) = name_; }

   private:
    char name_;
  };
  std::string name_;
  std::vector<std::size_t> makes_;
};

const ConvolutionGeometry window{.rows = 1,
                                 .in_height = 2,
                                 .in_width = 2,
                                 .in_channels = 1,
                                 .out_height = 1,
                                 .out_width = 1,
                                 .out_channels = 1,
                                 .kernel_height = 2,
                                 .kernel_width = 2};

struct Heard final : SignalListener {
  void signalled(std::uint32_t bucket) override { buckets[count++] = bucket; }
  std::array<std::uint32_t, 16> buckets{};
  std::size_t count = 0;
};

}  // namespace

TEST_CASE("CpuDevice: finds operands in every space, the input in the slot of the StepState") {
  const auto device = reference_device();
  ProgramSpec spec;
  spec.arena_bytes = 64;
  const StridedCopy word{1, 4, 4, 4};
  spec.instructions = {
      {word, {{Space::state, 0, 8}, {Space::arena, 0, 16}}, "from the state"},
      {word, {{Space::input, 1, 4}, {Space::gradient, 1, 4}}, "from the ring"},
      {Signal{1}, {}, "bucket 1"},
      {word, {{Space::arena, 0, 16}, {Space::sums, 0, 4}}, "from the arena"},
      {StridedCopy{1, 8, 8, 8}, {{Space::step, 0, 8}, {Space::gradient, 0, 0}}, "position"},
      {Signal{0}, {}, "bucket 0"},
      {Signal{2}, {}, "sums"},
  };
  const auto program = device->compile(spec);
  const std::array<std::uint32_t, 4> state{1, 2, 3, 4};
  const std::array<std::uint32_t, 2> unused{};
  const std::array<std::uint32_t, 6> ring{10, 11, 12, 13, 14, 15};  // three slots of 8 bytes
  std::array<std::uint32_t, 4> bucket0{}, bucket1{}, sums{};
  const std::array<BatchRing, 2> inputs{BatchRing{bytes_of(unused), 8},
                                        BatchRing{bytes_of(ring), 8}};
  const std::array<std::byte*, 2> buckets{bytes_of(bucket0), bytes_of(bucket1)};
  StepState step;
  step.batch_slot = 2;
  step.position = 77;
  const Bindings bindings{bytes_of(state), inputs, buckets, bytes_of(sums), &step, {}};
  Heard heard;
  const auto stream = device->make_stream();
  program->run(*stream, bindings, &heard);
  CHECK(bucket1[1] == 15);
  CHECK(sums[1] == 3);
  CHECK(bucket0[0] == 77);
  CHECK(heard.count == 3);
  CHECK(heard.buckets[0] == 1);
  CHECK(heard.buckets[2] == 2);
  std::uint32_t in_arena = 0;
  std::memcpy(&in_arena, program->arena() + 16, 4);
  CHECK(in_arena == 3);

  step.batch_slot = 0;
  program->run(*stream, bindings, nullptr);
  CHECK(bucket1[1] == 11);
}

TEST_CASE("CpuDevice: a run allocates nothing on the heap") {
  const auto device = reference_device();
  ProgramSpec spec;
  spec.arena_bytes = 4096;
  spec.instructions = {{Zero{4096}, {{Space::arena, 0, 0}}, "zero"},
                       {StridedCopy{4, 8, 16, 8}, {{}, {Space::arena, 0, 512}}, "copy"},
                       {Signal{0}, {}, "signal"}};
  const auto program = device->compile(spec);
  const auto stream = device->make_stream();
  Heard heard;
  StepState step;
  Bindings bindings;
  bindings.step = &step;
  program->run(*stream, bindings, &heard);
  const std::size_t before = test::allocations();
  for (int i = 0; i < 10; ++i) program->run(*stream, bindings, &heard);
  CHECK(test::allocations() == before);
}

TEST_CASE("CpuDevice: refuses programs that it cannot run, naming layer and operation") {
  const auto device = reference_device();
  const auto refused = [&](const Instruction& instruction, const char* message, int threads = 1) {
    const ProgramSpec spec{{instruction}, 64, threads};
    CHECK_THROWS_WITH_AS(device->compile(spec), message, Error);
  };
  refused({Zero{4}, {}, "a"}, "layer a: zero: expected 1 operands, got 0");
  refused({Zero{4}, {{Space::arena, 0, 65}}, "b"},
          "layer b: zero: expected operands within the arena's 64 bytes, got one at 65");
  refused({Zero{4}, {{}}, "c"}, "program: expected 1 to 1 threads, got 2", 2);
  const auto empty = make_cpu_device(std::vector<std::shared_ptr<KernelLibrary>>{}, 1);
  CHECK_THROWS_WITH_AS(empty->compile({{{Zero{4}, {{}}, "d"}}, 64, 1}),
                       "layer d: no kernel for zero on the cpu", Error);
  CHECK_THROWS_WITH_AS(make_cpu_device({.threads = 0}),
                       "cpu device: expected 1 thread or more, got 0", Error);
}

TEST_CASE("CpuDevice: refuses a run without what the program uses") {
  const auto device = reference_device();
  const auto stream = device->make_stream();
  const auto refused = [&](Operand operand, const char* message) {
    const auto program = device->compile({{{Zero{4}, {operand}, "a"}}, 64, 1});
    StepState step;
    Bindings bindings;
    if (operand.space != Space::step) bindings.step = &step;
    CHECK_THROWS_WITH_AS(program->run(*stream, bindings, nullptr), message, Error);
  };
  refused({Space::state, 0, 0}, "program: expected bindings for the state, got none");
  refused({Space::sums, 0, 0}, "program: expected bindings for the sums, got none");
  refused({Space::step, 0, 0}, "program: expected bindings for the step state, got none");
  refused({Space::input, 2, 0}, "program: expected bindings for 3 inputs, got 0");
  refused({Space::gradient, 1, 0}, "program: expected bindings for 2 buckets, got 0");
}

TEST_CASE("CpuDevice: prefers earlier libraries, but takes both ends of a workspace from one") {
  const std::size_t pool = Operation{Pool{}}.index(), back = Operation{PoolBackward{}}.index();
  const std::size_t zero = Operation{Zero{}}.index();
  const auto device = make_cpu_device(
      std::vector<std::shared_ptr<KernelLibrary>>{
          std::make_shared<NamedLibrary>("first", std::vector{pool, zero}),
          std::make_shared<NamedLibrary>("second", std::vector{pool, back, zero})},
      1);
  const auto maker = [&](const Operation& operation) {
    const std::vector<Operand> operands(operand_count(operation));
    const auto program = device->compile({{{operation, operands, "layer"}}, 64, 1});
    program->run(*device->make_stream(), {}, nullptr);
    return static_cast<char>(*program->arena());
  };
  CHECK(maker(Zero{1}) == 'f');
  CHECK(maker(Pool{PoolKind::max, window, true}) == 's');
  CHECK(maker(PoolBackward{PoolKind::max, window}) == 's');
  CHECK(maker(Pool{PoolKind::max, window, false}) == 'f');  // inference has no workspace
  CHECK(maker(Pool{PoolKind::average, window, true}) == 'f');
  CHECK(maker(PoolBackward{PoolKind::average, window}) == 's');
  CHECK(device->workspace_bytes(Pool{PoolKind::max, window, true}) == 's');
  CHECK(device->workspace_bytes(Pool{PoolKind::max, window, false}) == 0);
  const auto record = device->machine_record();
  CHECK(record.front().first == "cpu.isa");
  CHECK(record.back() == std::pair<std::string, std::string>{"second", "here"});
}

TEST_CASE("CpuDevice: an event counts its records, and wakes who waits for one still to come") {
  const auto device = reference_device();
  const auto stream = device->make_stream();
  const auto event = device->make_event();
  CHECK(event->reached() == 0);
  std::thread other{[&] {
    for (int i = 0; i < 3; ++i) stream->record(*event);
  }};
  const auto waiting = device->make_stream();
  waiting->wait(*event, 3);
  CHECK(event->reached() == 3);
  event->wait(2);
  other.join();
}

TEST_CASE("CpuDevice: a signal records the event of its bucket before the listener hears of it") {
  const auto device = reference_device();
  const auto stream = device->make_stream();
  const auto first = device->make_event(), sums = device->make_event();
  const auto program = device->compile({{{Signal{1}, {}, "a"}, {Signal{2}, {}, "b"}}, 0, 1});
  const std::array<Event*, 2> events{first.get(), sums.get()};
  struct Listener final : SignalListener {
    void signalled(std::uint32_t) override { seen += event->reached(); }
    const Event* event = nullptr;
    std::uint64_t seen = 0;
  } listener;
  listener.event = sums.get();
  Bindings bindings;
  bindings.events = events;
  program->run(*stream, bindings, &listener);
  CHECK(first->reached() == 0);
  CHECK(sums->reached() == 1);
  CHECK(listener.seen == 2);
}

TEST_CASE("CpuDevice: kernels run in the floating-point environment of JOB-6") {
  const auto device = reference_device();
  const auto program = device->compile(
      {{{CastScale{DType::f32, 1, 1.0F, 0.0F}, {{}, {Space::arena, 0, 4}}, "a"}}, 64, 1});
  const float subnormal = 1e-40F;
  float scaled = 1.0F;
  std::memcpy(program->arena(), &subnormal, 4);
  program->run(*device->make_stream(), {}, nullptr);
  std::memcpy(&scaled, program->arena() + 4, 4);
  const FloatEnvironment environment;
  // Not every processor has it.
  if (float_environment_is_set()) CHECK(std::bit_cast<std::uint32_t>(scaled) == 0);
}

TEST_CASE("CpuDevice: the reference library makes every operation but Signal") {
  reference::ReferenceLibrary library;
  const ConvolutionGeometry g = window;
  const std::vector<Operation> all{Dense{1, 1, 1},
                                   DenseBackwardData{1, 1, 1},
                                   DenseBackwardWeights{1, 1, 1},
                                   Convolution{g},
                                   ConvolutionBackwardData{g},
                                   ConvolutionBackwardWeights{g},
                                   Pool{PoolKind::max, g},
                                   PoolBackward{PoolKind::max, g},
                                   BatchNorm{4, 1, 1e-5F},
                                   BatchNormBackward{4, 1, 1e-5F},
                                   BatchNormInference{4, 1, 1e-5F},
                                   LayerNorm{1, 4, 1e-5F},
                                   LayerNormBackward{1, 4, 1e-5F},
                                   Activate{Activation::gelu, 1},
                                   ActivateBackward{Activation::gelu, 1},
                                   Softmax{1, 1},
                                   SoftmaxBackward{1, 1},
                                   Dropout{1, 1, 0.5F, 0},
                                   Add{1, 2},
                                   StridedCopy{1, 4, 4, 4},
                                   Zero{4},
                                   CastScale{DType::u8, 1},
                                   SoftmaxCrossEntropy{1, 2},
                                   BinaryCrossEntropy{1, 1},
                                   MeanSquaredError{1, 1}};
  CHECK(all.size() == std::variant_size_v<Operation> - 1);
  for (const Operation& operation : all) {
    CHECK_MESSAGE(library.make(operation, {}) != nullptr, name_of(operation));
  }
}

TEST_CASE("CpuDevice: memory is zeroed and aligned, and streams copy it") {
  const auto device = reference_device();
  const auto storage = device->allocate(100, "a test");
  CHECK(reinterpret_cast<std::uintptr_t>(storage->data()) % alignment_bytes == 0);
  CHECK(static_cast<int>(storage->data()[99]) == 0);
  const std::array<char, 3> word{'a', 'b', 'c'};
  const auto stream = device->make_stream();
  stream->copy(storage->data() + 97, bytes_of(word), 3);
  stream->synchronize();
  CHECK(static_cast<char>(storage->data()[99]) == 'c');
}

TEST_CASE("CpuDevice: a chain of sums is t0 + (t1 + (… + tk)) to the bit (JOB-5)") {
  const auto device = reference_device();
  const auto stream = device->make_stream();
  const FloatEnvironment environment;
  for (const std::size_t count : {1, 2, 3, 7, 64}) {
    for (const std::size_t elements : {1, 15, 64, 203}) {
      std::vector<std::vector<float>> terms(count, std::vector<float>(elements));
      std::vector<const std::byte*> addresses;
      std::uint32_t next = 1;
      for (auto& term : terms) {
        for (float& value : term) {
          next = next * 1664525 + 1013904223;
          value = static_cast<float>(next >> 8) - 8e6F;
        }
        addresses.push_back(bytes_of(term));
      }
      std::vector<float> expected = terms.back();
      for (std::size_t t = count - 1; t-- > 0;) {
        for (std::size_t i = 0; i < elements; ++i) expected[i] = terms[t][i] + expected[i];
      }
      // The sum may stand where any term stood.
      std::vector<float>& to = terms[count / 2];
      device->add_chain(*stream, DType::f32, addresses, bytes_of(to), elements);
      CHECK(to == expected);
    }
  }
}

TEST_CASE("CpuDevice: a chain of sums takes f64 and i64, and keeps a lone -0.0 (JOB-5)") {
  const auto device = reference_device();
  const auto stream = device->make_stream();
  const std::array<double, 2> a{1e16, -0.0}, b{1.0, -0.0}, c{1.0, -0.0};
  std::array<double, 2> sum{};
  const std::array<const std::byte*, 3> terms{bytes_of(a), bytes_of(b), bytes_of(c)};
  device->add_chain(*stream, DType::f64, terms, bytes_of(sum), 2);
  CHECK(sum[0] == 1e16 + 2.0);
  CHECK(std::signbit(sum[1]));
  const std::array<std::int64_t, 1> most{std::numeric_limits<std::int64_t>::max()}, one{1};
  std::array<std::int64_t, 1> whole{};
  const std::array<const std::byte*, 2> counts{bytes_of(most), bytes_of(one)};
  device->add_chain(*stream, DType::i64, counts, bytes_of(whole), 1);
  CHECK(whole[0] == std::numeric_limits<std::int64_t>::min());
  CHECK_THROWS_WITH_AS(device->add_chain(*stream, DType::u8, counts, bytes_of(whole), 1),
                       "add_chain: expected f32, f64 or i64, got u8", Error);
  CHECK_THROWS_WITH_AS(device->add_chain(*stream, DType::f32, {}, bytes_of(whole), 1),
                       "add_chain: expected 1 to 64 terms, got 0", Error);
}
