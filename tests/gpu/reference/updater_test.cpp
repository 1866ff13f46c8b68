#include "gpu/reference/updater.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gpu/nn/step.hpp"
#include "gpu/reference/isa.hpp"
#include "gpu/reference/update_kernels.hpp"
#include "gpu/tensor.hpp"
#include "runtime/base/canonical_tree.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/float_environment.hpp"
#include "runtime/base/random.hpp"

using troupe::Error;
using troupe::FloatEnvironment;
using namespace troupe::gpu;
using namespace troupe::gpu::nn;
using troupe::gpu::reference::make_cpu_updater;

namespace {

constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();
constexpr float infinity = std::numeric_limits<float>::infinity();

/// The updater computes on the calling thread, so the stream has nothing to do.
struct NoStream final : Stream {
  void copy(std::byte*, const std::byte*, std::size_t) override {}
  void record(Event&) override {}
  void wait(const Event&, std::uint64_t) override {}
  void synchronize() override {}
};

/// Two slots, a gradient and sums, with the updater on them.
struct Bench {
  StateLayout layout;
  OptimizerSpec optimizer;
  Schedule schedule;
  std::unique_ptr<Updater> updater = make_cpu_updater(layout, optimizer);
  std::shared_ptr<Storage> from = allocate_host(layout.slot_bytes);
  std::shared_ptr<Storage> to = allocate_host(layout.slot_bytes);
  std::shared_ptr<Storage> sums = allocate_host(layout.sums_bytes);
  std::vector<std::shared_ptr<Storage>> buckets = allocate_buckets();
  std::uint64_t step = 0;

  std::vector<std::shared_ptr<Storage>> allocate_buckets() const {
    std::vector<std::shared_ptr<Storage>> all;
    for (const Bucket& bucket : layout.buckets) {
      all.push_back(allocate_host(bucket.size_bytes()));
      // Nobody promises zeros between the parameters.
      std::fill_n(reinterpret_cast<float*>(all.back()->data()), bucket.end - bucket.begin,
                  not_a_number);
    }
    return all;
  }

  static float& at(const std::shared_ptr<Storage>& storage, std::size_t element) {
    return reinterpret_cast<float*>(storage->data())[element];
  }
  float& gradient(std::size_t element) const {
    std::size_t bucket = 0;
    while (layout.buckets[bucket].end <= element) ++bucket;
    return at(buckets[bucket], element - layout.buckets[bucket].begin);
  }
  template <class T>
  void set_sum(std::size_t offset_bytes, T value) const {
    std::memcpy(sums->data() + offset_bytes, &value, sizeof value);
  }
  void set_rows(std::int64_t rows) const { set_sum(StateLayout::rows_offset_bytes, rows); }

  template <class Work>
  void with_bindings(Work work) const {
    std::vector<const std::byte*> pointers;
    for (const auto& bucket : buckets) pointers.push_back(bucket->data());
    const StepState state = make_step_state(optimizer, schedule, 0, step);
    work(UpdateBindings{from->data(), to->data(), pointers, sums->data(), &state});
  }
  void prepare() const {
    with_bindings([&](const UpdateBindings& bindings) {
      NoStream stream;
      updater->prepare(stream, bindings);
    });
  }
  void update(std::size_t begin, std::size_t end) const {
    with_bindings([&](const UpdateBindings& bindings) {
      NoStream stream;
      updater->update(stream, bindings, begin, end);
    });
  }
  /// A whole step; afterwards the new slot is `from`.
  void run() {
    prepare();
    update(0, layout.parameter_elements);
    std::swap(from, to);
    ++step;
  }
  std::vector<std::uint32_t> bits(const std::shared_ptr<Storage>& storage) const {
    std::vector<std::uint32_t> all(storage->size_bytes() / 4);
    std::memcpy(all.data(), storage->data(), storage->size_bytes());
    return all;
  }
};

/// One parameter p = 2 whose gradient is 1 a step, over 2 rows, so g = 0.5; and one beside it that does not decay.
Bench two_scalars(const OptimizerSpec& optimizer, double rate) {
  Bench bench{make_state_layout({{"decays", {1}, true, 0}, {"stays", {1}, false, 0}}, {},
                                state_names(optimizer)),
              optimizer,
              {rate, ConstantRate{}, 0}};
  Bench::at(bench.from, 0) = Bench::at(bench.from, 16) = 2.0F;
  bench.gradient(0) = bench.gradient(16) = 1.0F;
  bench.set_rows(2);
  return bench;
}

/// Sizes that divide evenly by nothing, over several buckets, with values from Philox.
Bench many_parameters(const OptimizerSpec& optimizer) {
  Bench bench{make_state_layout({{"z", {5000}, true, 0},
                                 {"b", {7}, false, 0},
                                 {"a", {33, 3}, true, 0},
                                 {"empty", {0}, true, 0},
                                 {"m", {9001}, true, 0}},
                                {}, state_names(optimizer), 1U << 14U),
              optimizer,
              {0.01, ConstantRate{}, 0}};
  troupe::Draws draws{1, 0, troupe::Purpose::initialise, 0};
  for (const ParameterEntry& parameter : bench.layout.parameters) {
    for (std::size_t i = 0; i < static_cast<std::size_t>(parameter.shape.elements()); ++i) {
      const std::size_t element = parameter.begin + i;
      Bench::at(bench.from, element) = draws.uniform(3 * element) - 0.5F;
      bench.gradient(element) = 64.0F * (draws.uniform(3 * element + 1) - 0.5F);
      // One so large that squares added to its own are lost: the norm depends on who is added to whom.
      const bool large = parameter.name == "m" && i == 17;
      bench.gradient(element) *= large ? 0x1p27F : draws.uniform(3 * element + 2);
    }
  }
  bench.set_rows(256);
  return bench;
}

/// JOB-4 in plain words, for many_parameters(): parameters by name, blocks of 4,096 elements in 16 lanes, halves
/// onto halves; then the tree over 7 blocks.
double norm_by_hand(const Bench& bench) {
  std::vector<double> blocks;
  for (const char* name : {"a", "b", "m", "z"}) {
    const auto& parameters = bench.layout.parameters;
    const ParameterEntry& entry = *std::ranges::find(parameters, name, &ParameterEntry::name);
    const auto elements = static_cast<std::size_t>(entry.shape.elements());
    for (std::size_t block = 0; block < elements; block += 4096) {
      double lanes[16] = {};
      for (std::size_t i = block; i < std::min(elements, block + 4096); ++i) {
        const double element = bench.gradient(entry.begin + i) * 0x1p-8F;
        lanes[i % 16] += element * element;
      }
      for (std::size_t width = 8; width > 0; width /= 2) {
        for (std::size_t lane = 0; lane < width; ++lane) lanes[lane] += lanes[lane + width];
      }
      blocks.push_back(lanes[0]);
    }
  }
  REQUIRE(blocks.size() == 7);
  return std::sqrt(((blocks[0] + blocks[1]) + (blocks[2] + blocks[3])) +
                   ((blocks[4] + blocks[5]) + blocks[6]));
}

/// A clip_norm below `one` for which the f32 factor tells the norms `one` and `other`, neighbours in f64, apart:
/// sought near the ties between two values of f32. NaN if there is none.
double edge_between(double one, double other, double rows) {
  float below = 0.7F / static_cast<float>(rows);
  for (int tie = 0; tie < 100; ++tie) {
    const float above = std::nextafter(below, 1.0F);
    double clip = (double{below} + double{above}) / 2.0 * rows * one * (1.0 - 0x1p-48);
    for (int step = 0; step < 64; ++step, clip = std::nextafter(clip, one)) {
      if (static_cast<float>(clip / one / rows) != static_cast<float>(clip / other / rows)) {
        return clip;
      }
    }
    below = above;
  }
  return std::numeric_limits<double>::quiet_NaN();
}

const std::vector<OptimizerSpec> all_algorithms{
    {Sgd{0.0, false, 0.1}, {}}, {Sgd{0.9, false, 0.1}, {}},        {Sgd{0.9, true, 0.1}, {}},
    {Adagrad{1e-10, 0.1}, {}},  {Adam{0.9, 0.999, 1e-8, 0.1}, {}}, {AdamW{}, 0.25}};

}  // namespace

TEST_CASE("Updater: plain SGD moves against the mean gradient and decays where told") {
  const FloatEnvironment environment;
  Bench bench = two_scalars({Sgd{0.0, false, 0.25}, {}}, 0.5);
  bench.run();
  CHECK(Bench::at(bench.from, 0) == 1.5F);    // 2 - 0.5 (0.5 + 0.25 · 2)
  CHECK(Bench::at(bench.from, 16) == 1.75F);  // 2 - 0.5 · 0.5
}

TEST_CASE("Updater: momentum keeps a velocity that starts at 0") {
  const FloatEnvironment environment;
  Bench bench = two_scalars({Sgd{0.5, false, 0.0}, {}}, 0.5);
  bench.run();
  CHECK(Bench::at(bench.from, 0) == 1.75F);  // v = 0.5
  bench.run();
  CHECK(Bench::at(bench.from, 0) == 1.375F);      // v = 0.25 + 0.5
  CHECK(Bench::at(bench.from, 32 + 0) == 0.75F);  // the state
}

TEST_CASE("Updater: Nesterov's momentum looks ahead") {
  const FloatEnvironment environment;
  Bench bench = two_scalars({Sgd{0.5, true, 0.0}, {}}, 0.5);
  bench.run();
  CHECK(Bench::at(bench.from, 0) == 1.625F);  // g + 0.5 v = 0.75
  bench.run();
  CHECK(Bench::at(bench.from, 0) == 1.1875F);  // v = 0.75, g + 0.5 v = 0.875
}

TEST_CASE("Updater: Adagrad divides by the root of the sum of squares") {
  const FloatEnvironment environment;
  Bench bench = two_scalars({Adagrad{0.5, 0.0}, {}}, 1.0);
  bench.run();
  CHECK(Bench::at(bench.from, 0) == 1.5F);  // a = 0.25: 0.5 / (0.5 + 0.5)
  Bench::at(bench.from, 32) = 2.0F;
  bench.run();
  CHECK(Bench::at(bench.from, 32) == 2.25F);
  CHECK(Bench::at(bench.from, 0) == 1.25F);  // 0.5 / (1.5 + 0.5)
}

TEST_CASE("Updater: Adam's first steps are its rate, by the bias corrections of t + 1 (JOB-4)") {
  const FloatEnvironment environment;
  // With a constant gradient m̂ = g and v̂ = g², so that each step is lr · g / (g + epsilon).
  Bench bench = two_scalars({Adam{0.5, 0.75, 0.5, 0.0}, {}}, 1.0);
  bench.run();
  CHECK(Bench::at(bench.from, 32) == 0.25F);    // m = 0.5 g
  CHECK(Bench::at(bench.from, 64) == 0.0625F);  // v = 0.25 g²
  CHECK(Bench::at(bench.from, 0) == 1.5F);
  bench.run();
  CHECK(Bench::at(bench.from, 0) == doctest::Approx(1.0).epsilon(1e-6));
}

TEST_CASE("Updater: Adam's decay goes through the gradient, AdamW's beside it") {
  const FloatEnvironment environment;
  Bench coupled = two_scalars({Adam{0.5, 0.75, 0.5, 0.5}, {}}, 1.0);
  coupled.run();
  CHECK(Bench::at(coupled.from, 0) == 1.25F);  // g = 1.5: 2 - 1.5 / 2
  CHECK(Bench::at(coupled.from, 16) == 1.5F);
  Bench decoupled = two_scalars({AdamW{0.5, 0.75, 0.5, 0.25}, {}}, 1.0);
  decoupled.run();
  CHECK(Bench::at(decoupled.from, 0) == 1.0F);  // 2 - 0.5 / 1 - 0.25 · 2
  CHECK(Bench::at(decoupled.from, 16) == 1.5F);
}

TEST_CASE("Updater: Adam forgets what it should when beta is 0") {
  const FloatEnvironment environment;
  Bench bench = two_scalars({Adam{0.0, 0.0, 0.5, 0.0}, {}}, 1.0);
  Bench::at(bench.from, 32) = Bench::at(bench.from, 64) = 1e6F;
  bench.run();
  CHECK(Bench::at(bench.from, 32) == 0.5F);
  CHECK(Bench::at(bench.from, 64) == 0.25F);
}

TEST_CASE("Updater: ranges cut in any way and shared among threads give the same bits (JOB-6)") {
  for (const OptimizerSpec& optimizer : all_algorithms) {
    const FloatEnvironment environment;
    Bench whole = many_parameters(optimizer);
    Bench cut = many_parameters(optimizer);
    const std::size_t end = cut.layout.parameter_elements;
    for (const std::size_t stride : {std::size_t{16}, std::size_t{48}, std::size_t{5008}}) {
      whole.run();
      cut.prepare();
      const auto share = [&](std::size_t first) {
        const FloatEnvironment own;
        for (std::size_t begin = first * stride; begin < end; begin += 2 * stride) {
          cut.update(begin, std::min(begin + stride, end));
        }
      };
      std::thread other{share, 1};
      share(0);
      other.join();
      std::swap(cut.from, cut.to);
      ++cut.step;
      CHECK(cut.bits(cut.from) == whole.bits(whole.from));
    }
  }
}

TEST_CASE("Updater: buckets of any size give the same bits") {
  const FloatEnvironment environment;
  for (const OptimizerSpec& optimizer : all_algorithms) {
    Bench bench = many_parameters(optimizer);
    Bench other{make_state_layout(bench.layout.parameters, {}, bench.layout.optimizer_states, 64),
                optimizer, bench.schedule};
    std::memcpy(other.from->data(), bench.from->data(), bench.from->size_bytes());
    for (std::size_t i = 0; i < bench.layout.parameter_elements; ++i) {
      other.gradient(i) = bench.gradient(i);
    }
    other.set_rows(256);
    bench.run();
    other.run();
    CHECK(other.bits(other.from) == bench.bits(bench.from));
  }
}

TEST_CASE("Updater: leaves the old slot alone and all padding at zero") {
  const FloatEnvironment environment;
  for (const OptimizerSpec& optimizer : all_algorithms) {
    Bench bench = many_parameters(optimizer);
    const auto before = bench.bits(bench.from);
    bench.run();
    CHECK(bench.bits(bench.to) == before);
    CHECK(bench.updater->not_finite() == "");
    bench.run();
    std::vector<std::uint32_t> after = bench.bits(bench.from);
    for (const StateTensor& tensor : bench.layout.tensors()) {
      std::fill_n(after.begin() + static_cast<std::ptrdiff_t>(tensor.offset_bytes / 4),
                  tensor.shape.elements(), 0U);
    }
    CHECK(std::ranges::count(after, 0U) == static_cast<std::ptrdiff_t>(after.size()));
  }
}

TEST_CASE("Updater: the norm is that of JOB-4, to the last bit") {
  const FloatEnvironment environment;
  const Bench bench = many_parameters({Sgd{0.5, false, 0.0}, {}});
  const double norm = norm_by_hand(bench);
  for (const double other : {std::nextafter(norm, 0.0), std::nextafter(norm, 2.0 * norm)}) {
    const double clip = edge_between(norm, other, 256.0);
    REQUIRE(clip < norm);
    const auto factor = static_cast<float>(clip / norm / 256.0);
    Bench clipped = many_parameters({Sgd{0.5, false, 0.0}, clip});
    clipped.run();
    std::size_t wrong = 0;
    for (const ParameterEntry& parameter : bench.layout.parameters) {
      for (std::size_t i = 0; i < static_cast<std::size_t>(parameter.shape.elements()); ++i) {
        const std::size_t element = parameter.begin + i;
        const float velocity = Bench::at(clipped.from, bench.layout.parameter_elements + element);
        if (velocity != bench.gradient(element) * factor) ++wrong;
      }
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("Updater: a norm at or below the limit clips nothing") {
  const FloatEnvironment environment;
  Bench bench = two_scalars({Sgd{}, std::sqrt(0.5)}, 1.0);  // the norm of (0.5, 0.5)
  bench.run();
  CHECK(Bench::at(bench.from, 0) == 1.5F);
  bench = two_scalars({Sgd{}, std::sqrt(0.5) / 2.0}, 1.0);
  bench.run();
  CHECK(Bench::at(bench.from, 0) == 1.75F);
}

TEST_CASE("Updater: running statistics move once a step towards the tree's moments (JOB-4)") {
  const FloatEnvironment environment;
  Bench bench{make_state_layout({}, {{"norm", 2, 0.25, 0, 0, 0}}, {}), {Sgd{}, {}}, {}};
  const StatisticEntry& norm = bench.layout.statistics[0];
  const std::size_t mean = norm.mean_offset_bytes / 4, variance = norm.variance_offset_bytes / 4;
  Bench::at(bench.from, mean) = 4.0F;
  Bench::at(bench.from, variance) = Bench::at(bench.from, variance + 1) = 1.0F;
  // 5 values a channel: 0 0 0 0 5 and 2 2 2 2 2.
  const double moments[] = {5.0, 5.0, 10.0, 25.0, 20.0};
  for (std::size_t i = 0; i < 5; ++i) {
    bench.set_sum(norm.moments_offset_bytes + 8 * i, moments[i]);
  }
  bench.run();
  CHECK(Bench::at(bench.from, mean) == 3.25F);  // 0.75 · 4 + 0.25 · 1
  CHECK(Bench::at(bench.from, mean + 1) == 0.5F);
  CHECK(Bench::at(bench.from, variance) == 2.0F);       // 0.75 + 0.25 · 4 · 5/4
  CHECK(Bench::at(bench.from, variance + 1) == 0.75F);  // 0.75 + 0.25 · 0
  bench.set_sum(norm.moments_offset_bytes, 0.0);
  bench.run();
  CHECK(Bench::at(bench.from, mean) == 3.25F);
  CHECK(Bench::at(bench.from, variance) == 2.0F);
}

TEST_CASE("Updater: names the first parameter whose gradient is not finite, else the loss") {
  const FloatEnvironment environment;
  for (const OptimizerSpec& optimizer : all_algorithms) {
    for (const float bad : {not_a_number, infinity, -infinity}) {
      Bench bench = many_parameters(optimizer);
      bench.gradient(bench.layout.parameters[4].begin + 9000) = bad;
      bench.set_sum(StateLayout::loss_offset_bytes, std::numeric_limits<double>::quiet_NaN());
      bench.prepare();
      CHECK(bench.updater->not_finite() == "loss");
      bench.update(0, bench.layout.parameters[4].begin);
      CHECK(bench.updater->not_finite() == "loss");
      bench.update(bench.layout.parameters[4].begin, bench.layout.parameter_elements);
      CHECK(bench.updater->not_finite() == "m");
      bench.gradient(bench.layout.parameters[1].begin) = bad;
      bench.update(0, bench.layout.parameters[4].begin);
      CHECK(bench.updater->not_finite() == "b");
      bench.update(bench.layout.parameters[4].begin, bench.layout.parameter_elements);
      CHECK(bench.updater->not_finite() == "b");
      bench.set_sum(StateLayout::loss_offset_bytes, 1.0);
      bench.prepare();
      CHECK(bench.updater->not_finite() == "");
    }
  }
}

TEST_CASE("Updater: without counted rows the gradient counts as zero") {
  const FloatEnvironment environment;
  Bench bench = two_scalars({Sgd{}, 1.0}, 0.5);
  bench.set_rows(0);
  bench.run();
  CHECK(Bench::at(bench.from, 0) == 2.0F);
  CHECK(bench.updater->not_finite() == "");
}

TEST_CASE("Updater: refuses slots that overlap, missing buckets and odd ranges") {
  Bench bench = two_scalars({Sgd{}, {}}, 0.5);
  CHECK_THROWS_WITH_AS(bench.update(0, 48),
                       "update: expected a range of multiples of 16 in [0, 32], got [0, 48)",
                       Error);
  CHECK_THROWS_AS(bench.update(8, 16), Error);
  CHECK_THROWS_AS(bench.update(16, 0), Error);
  bench.with_bindings([&](UpdateBindings bindings) {
    NoStream stream;
    std::byte* const to = std::exchange(bindings.to, bench.from->data());
    CHECK_THROWS_WITH_AS(bench.updater->update(stream, bindings, 0, 16),
                         "update: expected two slots, got one to update in place", Error);
    CHECK_THROWS_AS(bench.updater->prepare(stream, bindings), Error);
    bindings.to = to;
    bindings.buckets = {};
    CHECK_THROWS_WITH_AS(bench.updater->update(stream, bindings, 0, 16),
                         "update: expected 1 buckets, got 0", Error);
  });
  CHECK_THROWS_AS(make_cpu_updater(bench.layout, {Adam{}, {}}), Error);
  CHECK_THROWS_AS(make_cpu_updater(bench.layout, {Sgd{2.0, false, 0.0}, {}}), Error);
}

#if defined(__x86_64__)
TEST_CASE("Update kernels: every ISA gives the same bits (JOB-6)") {
  const FloatEnvironment environment;
  namespace kernels = troupe::gpu::reference;
  std::vector<const kernels::UpdateTable*> tables{&kernels::baseline::update_table};
  if (kernels::isa() >= kernels::Isa::avx2) tables.push_back(&kernels::avx2::update_table);
  if (kernels::isa() >= kernels::Isa::avx512) tables.push_back(&kernels::avx512::update_table);

  const kernels::UpdateScalars scalars{0x1p-8F, 0.01F, 0.1F, 0.003F, 0.9F, 0.1F, 0.001F, 1e-8F};
  constexpr std::size_t elements = 1000, stride = 1008;
  const auto memory = allocate_host(stride * 7 * sizeof(float));
  float* const gradient = reinterpret_cast<float*>(memory->data());
  float* const from = gradient + stride;
  float* const to = from + 3 * stride;
  troupe::Draws draws{2, 0, troupe::Purpose::initialise, 0};
  for (std::size_t i = 0; i < 4 * stride; ++i) gradient[i] = draws.uniform(i);
  for (std::size_t i = 0; i < elements; i += 7) gradient[i] *= -0x1p-60F;  // some squares vanish

  for (const auto kernel : {&kernels::UpdateTable::sgd, &kernels::UpdateTable::momentum,
                            &kernels::UpdateTable::nesterov, &kernels::UpdateTable::adagrad,
                            &kernels::UpdateTable::adam}) {
    std::vector<std::vector<std::byte>> results;
    for (const kernels::UpdateTable* table : tables) {
      CHECK((table->*kernel)({gradient, from, to, stride, elements}, scalars) == 0);
      const auto* const bytes = reinterpret_cast<const std::byte*>(to);
      results.emplace_back(bytes, bytes + 3 * stride * sizeof(float));
    }
    for (const auto& result : results) CHECK(result == results.front());
  }
  std::vector<std::vector<double>> sums;
  for (const kernels::UpdateTable* table : tables) {
    sums.emplace_back(16, 0.5);
    table->add_squares(gradient, elements, 0.3F, sums.back().data());
    CHECK(sums.back() == sums.front());
  }
}
#endif
