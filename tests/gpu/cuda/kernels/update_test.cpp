#include "gpu/cuda/kernels/update.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "gpu/cuda/update_tables.hpp"
#include "gpu/nn/step.hpp"
#include "gpu/reference/updater.hpp"
#include "gpu/tensor.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/float_environment.hpp"
#include "runtime/base/random.hpp"

using troupe::Draws;
using troupe::FloatEnvironment;
using troupe::Purpose;
using troupe::gpu::cuda::UpdateResult;
using troupe::gpu::cuda::UpdateTables;
using namespace troupe::gpu;
using namespace troupe::gpu::nn;

namespace {

struct NoStream final : Stream {
  void copy(std::byte*, const std::byte*, std::size_t) override {}
  void record(Event&) override {}
  void wait(const Event&, std::uint64_t) override {}
  void synchronize() override {}
};

/// The kernels, run by the emulator.
class EmulatedUpdater final : public Updater {
 public:
  EmulatedUpdater(const StateLayout& layout, const OptimizerSpec& optimizer)
      : tables_{layout, optimizer}, memory_{allocate_host(tables_.bytes())} {
    const std::vector<std::byte> contents = tables_.contents();
    std::memcpy(memory_->data(), contents.data(), contents.size());
  }
  void prepare(Stream&, const UpdateBindings& bindings) override {
    tables_.prepare(nullptr, memory_->data(), bindings);
  }
  void update(Stream&, const UpdateBindings& bindings, std::size_t begin,
              std::size_t end) override {
    tables_.update(nullptr, memory_->data(), bindings, begin, end);
  }
  std::string not_finite() const override { return tables_.not_finite(result()); }
  bool stayed_finite() const override { return UpdateTables::stayed_finite(result()); }
  UpdateResult result() const {
    UpdateResult result;
    std::memcpy(&result, memory_->data() + tables_.result_offset_bytes(), sizeof result);
    return result;
  }

 private:
  UpdateTables tables_;
  std::shared_ptr<Storage> memory_;
};

struct Slots {
  std::shared_ptr<Storage> from, to;
};

/// Both updaters on one gradient, each with slots of its own that start alike.
class Duel {
 public:
  Duel(StateLayout layout, const OptimizerSpec& optimizer, std::uint64_t seed)
      : layout_{std::move(layout)},
        optimizer_{optimizer},
        draws_{seed, 0, Purpose::initialise, 0},
        cpu_{reference::make_cpu_updater(layout_, optimizer)},
        gpu_{std::make_unique<EmulatedUpdater>(layout_, optimizer)},
        sums_{allocate_host(layout_.sums_bytes)} {
    for (const Bucket& bucket : layout_.buckets) {
      buckets_.push_back(allocate_host(bucket.size_bytes()));
    }
    for (Slots* slots : {&of_cpu_, &of_gpu_}) {
      slots->from = allocate_host(layout_.slot_bytes);
      slots->to = allocate_host(layout_.slot_bytes);
    }
    for (const StateTensor& tensor : layout_.tensors()) {
      auto* const values = reinterpret_cast<float*>(of_cpu_.from->data() + tensor.offset_bytes);
      for (std::int64_t i = 0; i < tensor.shape.elements(); ++i) values[i] = next();
    }
    std::memcpy(of_gpu_.from->data(), of_cpu_.from->data(), layout_.slot_bytes);
  }

  /// New sums. What lies between the gradients of two parameters is NaN.
  void draw_gradient(std::int64_t rows) {
    for (const auto& bucket : buckets_) {
      std::fill_n(reinterpret_cast<float*>(bucket->data()), bucket->size_bytes() / sizeof(float),
                  std::numeric_limits<float>::quiet_NaN());
    }
    for (const ParameterEntry& parameter : layout_.parameters) {
      for (std::int64_t i = 0; i < parameter.shape.elements(); ++i) {
        gradient(parameter.begin + static_cast<std::size_t>(i)) = 100.0F * (next() - 0.5F) * next();
      }
    }
    set(StateLayout::loss_offset_bytes, 3.5);
    set(StateLayout::rows_offset_bytes, rows);
    for (const StatisticEntry& entry : layout_.statistics) {
      const double count = static_cast<double>(rows) * 7.0;
      set(entry.moments_offset_bytes, count);
      for (std::int64_t i = 0; i < 2 * entry.channels; ++i) {
        set(entry.moments_offset_bytes + static_cast<std::size_t>(1 + i) * sizeof(double),
            count * (next() + (i >= entry.channels ? 0.5 : -0.5)));
      }
    }
  }

  float& gradient(std::size_t element) {
    std::size_t bucket = 0;
    while (layout_.buckets[bucket].end <= element) ++bucket;
    return reinterpret_cast<float*>(
        buckets_[bucket]->data())[element - layout_.buckets[bucket].begin];
  }
  template <class T>
  void set(std::size_t offset_bytes, T value) {
    std::memcpy(sums_->data() + offset_bytes, &value, sizeof value);
  }

  /// A step of each; the GPU's in ranges of `stride` elements. Whether all bits are equal.
  bool step(std::size_t stride) {
    const std::size_t end = layout_.parameter_elements;
    run(*cpu_, of_cpu_, std::max(end, std::size_t{16}));
    run(*gpu_, of_gpu_, stride);
    ++steps_;
    return std::memcmp(of_cpu_.from->data(), of_gpu_.from->data(), layout_.slot_bytes) == 0;
  }
  const Updater& cpu() const { return *cpu_; }
  const EmulatedUpdater& gpu() const { return *gpu_; }
  const StateLayout& layout() const { return layout_; }

 private:
  float next() { return draws_.uniform(drawn_++); }

  void run(Updater& updater, Slots& slots, std::size_t stride) {
    std::vector<const std::byte*> pointers;
    for (const auto& bucket : buckets_) pointers.push_back(bucket->data());
    const StepState state = make_step_state(optimizer_, {0.01, ConstantRate{}, 0}, 0, steps_);
    const UpdateBindings bindings{slots.from->data(), slots.to->data(), pointers, sums_->data(),
                                  &state};
    NoStream stream;
    updater.prepare(stream, bindings);
    for (std::size_t begin = 0; begin < layout_.parameter_elements; begin += stride) {
      updater.update(stream, bindings, begin, std::min(begin + stride, layout_.parameter_elements));
    }
    std::swap(slots.from, slots.to);
  }

  StateLayout layout_;
  OptimizerSpec optimizer_;
  Draws draws_;
  std::uint64_t drawn_ = 0;
  std::unique_ptr<Updater> cpu_;
  std::unique_ptr<EmulatedUpdater> gpu_;
  std::shared_ptr<Storage> sums_;
  std::vector<std::shared_ptr<Storage>> buckets_;
  Slots of_cpu_, of_gpu_;
  std::uint64_t steps_ = 0;
};

/// Sizes that divide evenly by nothing, and names that come in another order than they are laid out.
StateLayout layout_of(const OptimizerSpec& optimizer, std::size_t bucket_bytes) {
  return make_state_layout({{"z", {5000}, true, 0},
                            {"b", {7}, false, 0},
                            {"a", {33, 3}, true, 0},
                            {"empty", {0}, true, 0},
                            {"one", {1}, true, 0},
                            {"m", {9001}, false, 0},
                            {"block", {4096}, true, 0}},
                           {{"norm1", 3, 0.1, 0, 0, 0}, {"norm2", 300, 0.01, 0, 0, 0}},
                           state_names(optimizer), bucket_bytes);
}

/// JOB-5 as it is defined: the left subtree holds the largest power of two below the count.
double tree_by_hand(std::span<const double> leaves) {
  if (leaves.size() == 1) return leaves[0];
  std::size_t left = 1;
  while (2 * left < leaves.size()) left *= 2;
  return tree_by_hand(leaves.first(left)) + tree_by_hand(leaves.subspan(left));
}

/// JOB-4 in plain words: parameters by name, blocks of 4,096 elements in 16 lanes, halves onto halves, then the tree.
double norm_by_hand(Duel& duel, std::int64_t rows) {
  const float factor = 1.0F / static_cast<float>(rows);  // a power of two
  std::vector<double> blocks;
  for (const char* name : {"a", "b", "block", "m", "one", "z"}) {
    const auto& parameters = duel.layout().parameters;
    const ParameterEntry& entry = *std::ranges::find(parameters, name, &ParameterEntry::name);
    const auto elements = static_cast<std::size_t>(entry.shape.elements());
    for (std::size_t block = 0; block < elements; block += 4096) {
      double lanes[16] = {};
      for (std::size_t i = block; i < std::min(elements, block + 4096); ++i) {
        const double element = duel.gradient(entry.begin + i) * factor;
        lanes[i % 16] += element * element;
      }
      for (std::size_t width = 8; width > 0; width /= 2) {
        for (std::size_t lane = 0; lane < width; ++lane) lanes[lane] += lanes[lane + width];
      }
      blocks.push_back(lanes[0]);
    }
  }
  return std::sqrt(tree_by_hand(blocks));
}

const std::vector<OptimizerSpec> all_algorithms{
    {Sgd{0.0, false, 0.1}, {}}, {Sgd{0.9, false, 0.1}, {}},        {Sgd{0.9, true, 0.1}, {}},
    {Adagrad{1e-10, 0.1}, {}},  {Adam{0.9, 0.999, 1e-8, 0.1}, {}}, {AdamW{}, {}}};

}  // namespace

TEST_CASE("CUDA update: every optimizer gives the CPU's bits, whatever the buckets and ranges") {
  const FloatEnvironment environment;
  std::uint64_t seed = 1;
  for (OptimizerSpec optimizer : all_algorithms) {
    for (const std::optional<double> clip : {std::optional<double>{}, {0.25}, {1e6}}) {
      optimizer.clip_norm = clip;
      for (const std::size_t bucket_bytes :
           {std::size_t{4096}, std::size_t{1} << 14U, std::size_t{4} << 20U}) {
        Duel duel{layout_of(optimizer, bucket_bytes), optimizer, seed++};
        for (const std::size_t stride :
             {std::size_t{1} << 20U, std::size_t{5008}, std::size_t{1040}}) {
          duel.draw_gradient(256);
          CHECK_MESSAGE(duel.step(stride), "algorithm " << optimizer.algorithm.index() << ", clip "
                                                        << clip.value_or(0.0) << ", buckets of "
                                                        << bucket_bytes << ", ranges of "
                                                        << stride);
          CHECK(duel.gpu().not_finite() == "");
        }
      }
    }
  }
}

TEST_CASE("CUDA update: the norm is that of JOB-4, to the last bit, over buckets of any size") {
  const FloatEnvironment environment;
  const OptimizerSpec optimizer{Sgd{}, 1e-3};
  for (const std::size_t bucket_bytes : {std::size_t{128}, std::size_t{1} << 14U}) {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
      Duel duel{layout_of(optimizer, bucket_bytes), optimizer, seed};
      duel.draw_gradient(256);
      // One so large that squares added to its own are lost: the norm depends on who is added to whom.
      duel.gradient(duel.layout().parameters[0].begin + 17 * seed) = 3e7F;
      CHECK(duel.step(std::size_t{1} << 20U));
      CHECK(duel.gpu().result().norm == norm_by_hand(duel, 256));
    }
  }
}

TEST_CASE("CUDA update: without counted rows it moves by the decay alone, as the CPU does") {
  const FloatEnvironment environment;
  for (const std::optional<double> clip : {std::optional<double>{}, {0.5}}) {
    const OptimizerSpec optimizer{Sgd{0.9, false, 0.1}, clip};
    Duel duel{layout_of(optimizer, 1U << 14U), optimizer, 1};
    duel.draw_gradient(0);
    CHECK(duel.step(std::size_t{1} << 20U));
  }
}

TEST_CASE("CUDA update: what was not finite once is so from then on, on the CPU as well") {
  const FloatEnvironment environment;
  const OptimizerSpec optimizer{Adam{}, {}};
  for (const bool loss : {true, false}) {
    CAPTURE(loss);
    Duel duel{layout_of(optimizer, 1U << 14U), optimizer, 1};
    const auto both_say = [&](bool finite) {
      duel.step(5008);
      CHECK(duel.cpu().stayed_finite() == finite);
      CHECK(duel.gpu().stayed_finite() == finite);
    };
    duel.draw_gradient(10);
    duel.set(StateLayout::loss_offset_bytes, 1.0);
    both_say(true);
    if (loss)
      duel.set(StateLayout::loss_offset_bytes, std::numeric_limits<double>::infinity());
    else
      duel.gradient(3) = std::numeric_limits<float>::infinity();
    both_say(false);
    duel.draw_gradient(10);
    duel.set(StateLayout::loss_offset_bytes, 1.0);
    both_say(false);
    CHECK(duel.gpu().not_finite() == "");
  }
}

TEST_CASE("CUDA update: names the first parameter that is not finite, else the loss") {
  const FloatEnvironment environment;
  const OptimizerSpec optimizer{Adam{}, {}};
  Duel duel{layout_of(optimizer, 1U << 14U), optimizer, 1};
  const auto first_of = [&](std::size_t parameter) {
    return duel.layout().parameters[parameter].begin;
  };
  const auto both_say = [&](const std::string& name) {
    duel.step(5008);
    CHECK(duel.cpu().not_finite() == name);
    CHECK(duel.gpu().not_finite() == name);
  };
  duel.draw_gradient(10);
  duel.set(StateLayout::loss_offset_bytes, std::numeric_limits<double>::infinity());
  both_say("loss");
  duel.gradient(first_of(5) + 9000) = std::numeric_limits<float>::infinity();
  both_say("m");
  duel.gradient(first_of(1) + 6) = std::numeric_limits<float>::quiet_NaN();
  both_say("b");
  duel.draw_gradient(10);
  both_say("");
}

TEST_CASE("CUDA update: takes a layout without parameters, for its running statistics") {
  const FloatEnvironment environment;
  const OptimizerSpec optimizer{Sgd{}, 1.0};
  Duel duel{make_state_layout({}, {{"norm", 5, 0.25, 0, 0, 0}}, {}), optimizer, 1};
  duel.draw_gradient(10);
  CHECK(duel.step(16));
}

TEST_CASE("CUDA update: refuses what does not fit") {
  const OptimizerSpec optimizer{Sgd{}, {}};
  const StateLayout layout = layout_of(optimizer, 1U << 14U);
  CHECK_THROWS_AS(UpdateTables(layout, {Adam{}, {}}), troupe::Error);
  CHECK_THROWS_AS(
      UpdateTables(make_state_layout({{"p", {20'000}, true, 0}}, {}, {}, 64), optimizer),
      troupe::Error);  // more buckets than a launch takes
  const UpdateTables tables{layout, optimizer};
  std::vector<std::byte> memory(tables.bytes()), slots(2 * layout.slot_bytes);
  const std::vector<const std::byte*> buckets(layout.buckets.size());
  UpdateBindings bindings{slots.data(), slots.data() + layout.slot_bytes, buckets};
  CHECK_THROWS_AS(tables.update(nullptr, memory.data(), bindings, 8, 16), troupe::Error);
  bindings.to = slots.data() + 64;
  CHECK_THROWS_AS(tables.prepare(nullptr, memory.data(), bindings), troupe::Error);
  bindings.to = slots.data() + layout.slot_bytes;
  bindings.buckets = bindings.buckets.subspan(1);
  CHECK_THROWS_AS(tables.prepare(nullptr, memory.data(), bindings), troupe::Error);
}
