// Times a training step beside the floor: what the arithmetic and the memory of this machine would allow.
//
//   taskset -c 1 train_step [--json] [--profile] [CASE]...
//
// The floor is the FLOPs that are needed (no input gradient of the first layer), each layer's over the best rate that
// any of its products reaches alone at its shape in this run, plus each activation and its gradient written once and
// read once, plus the optimizer's bytes, both over the bandwidth of a copy of that size. --json prints the seconds of
// a step as one line for other programs; --profile prints each operation's share.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "gpu/cpu_device.hpp"
#include "gpu/nn/local_job.hpp"
#include "gpu/nn/models.hpp"
#include "tests/bench/measure.hpp"
#include "tests/bench/step_flops.hpp"

namespace {

using namespace troupe;
using namespace troupe::gpu;
using namespace troupe::gpu::nn;
using bench::largest_operand;
using bench::median_seconds;

struct Case {
  std::string name;
  ModelDescription model;
  std::int64_t batch;
  OptimizerSpec optimizer;
  double optimizer_passes;  // over the parameters: what it reads and writes of each
  std::vector<std::uint32_t> shards;
  double goal;  // of the step at S = 1, in floors
};

std::vector<Case> cases() {
  const ModelDescription flat = mlp(std::array<std::int64_t, 3>{784, 128, 10});
  const OptimizerSpec adam{Adam{}, {}}, momentum{Sgd{0.9, false, 0.0}, {}};
  return {{"mlp-32", flat, 32, adam, 7, {1}, 1.6},
          {"mlp-256", flat, 256, adam, 7, {1, 8}, 1.35},
          {"cnn-64", cnn(Shape{28, 28, 1}, 10), 64, adam, 7, {1, 2, 8}, 1.35},
          {"resnet20-64", resnet20(10), 64, momentum, 5, {1, 2}, 1.5}};
}

/// Random data, written once: what a loader would have put there.
BatchSource synthetic(const Graph& graph) {
  return [&graph, filled = false](PositionRange range, std::span<std::byte* const> inputs) mutable {
    if (std::exchange(filled, true)) return;
    std::mt19937 random{1};
    std::normal_distribution<float> normal;
    const auto rows = static_cast<std::int64_t>(range.count());
    for (std::size_t i = 0; i < graph.inputs().size(); ++i) {
      const std::int64_t elements = rows * graph.inputs()[i].shape.elements();
      for (std::int64_t k = 0; k < elements; ++k) {
        if (graph.inputs()[i].dtype == DType::i32)
          reinterpret_cast<std::int32_t*>(inputs[i])[k] = static_cast<std::int32_t>(random() % 10);
        else
          reinterpret_cast<float*>(inputs[i])[k] = normal(random);
      }
    }
  };
}

JobSpec spec_of(const Case& each, std::uint32_t shards) {
  JobSpec spec;
  spec.batch = each.batch;
  spec.shards = shards;
  spec.optimizer = each.optimizer;
  spec.schedule.rate = 1e-4;
  return spec;
}

double step_seconds(const Case& each, const Graph& graph, Device& device, std::uint32_t shards) {
  LocalJob job{graph, device, spec_of(each, shards)};
  const BatchSource source = synthetic(graph);
  return median_seconds([&] { job.step(source); }, 11, 0.05);
}

/// Memory for every operand of one instruction alone.
class Alone {
 public:
  Alone(Device& device, const Instruction& instruction, std::size_t bytes)
      : stream_{device.make_stream()} {
    ProgramSpec spec;
    Instruction moved = instruction;
    // Every operand in the arena: an operand's size is unknown here, but none is larger than all of them together.
    for (std::size_t i = 0; i < moved.operands.size(); ++i)
      moved.operands[i] = {Space::arena, 0, i * bytes};
    spec.arena_bytes = bytes * moved.operands.size();
    spec.instructions.push_back(std::move(moved));
    program_ = device.compile(spec);
    std::mt19937 random{1};
    auto* const values = reinterpret_cast<float*>(program_->arena());
    for (std::size_t i = 0; i < spec.arena_bytes / sizeof(float); ++i)
      values[i] = static_cast<float>(random() % 256) / 256.0F - 0.5F;
  }
  double seconds() {
    return median_seconds([&] { program_->run(*stream_, {}, nullptr); });
  }

 private:
  std::unique_ptr<Stream> stream_;
  std::unique_ptr<Program> program_;
};

/// Bytes a second that a copy moves, reading and writing, where it touches `bytes` in all.
double bandwidth(std::size_t bytes) {
  const std::size_t half = std::max<std::size_t>(bytes / 2, 4096);
  std::vector<std::byte> from(half), to(half);
  const double seconds = median_seconds([&] { std::memcpy(to.data(), from.data(), half); });
  return 2.0 * static_cast<double>(half) / seconds;
}

struct Floor {
  double arithmetic, activations, optimizer;
  double seconds() const { return arithmetic + activations + optimizer; }
};

Floor floor_of(const Case& each, const Graph& graph, Device& device) {
  const StateLayout layout = graph.layout(each.optimizer);
  const Plan plan{graph, layout, device, {Mode::train, each.batch}};
  std::map<std::string, double> peak;        // by layer
  std::map<std::string, double> seconds_of;  // by operation and shape: equal ones are measured once
  for (const Instruction& instruction : plan.instructions()) {
    const double work = flops(instruction.operation);
    if (work == 0.0) continue;
    const std::string key = name_of(instruction.operation) + std::to_string(work) + "/" +
                            std::to_string(largest_operand(instruction));
    if (!seconds_of.contains(key))
      seconds_of[key] = Alone{device, instruction, largest_operand(instruction)}.seconds();
    peak[instruction.layer] = std::max(peak[instruction.layer], work / seconds_of[key]);
  }
  Floor floor{};
  for (const auto& [layer, work] : bench::needed_flops(plan.instructions()))
    floor.arithmetic += work / peak[layer];
  const double activations = 2.0 * static_cast<double>(plan.activation_bytes());
  floor.activations = activations / bandwidth(plan.arena_bytes());
  const double optimizer =
      each.optimizer_passes * sizeof(float) * static_cast<double>(layout.parameter_elements);
  floor.optimizer = optimizer / bandwidth(static_cast<std::size_t>(optimizer));
  return floor;
}

/// Where a shard's time goes: each instruction's program prefix less the one before.
void profile(const Case& each, const Graph& graph, Device& device) {
  const StateLayout layout = graph.layout(each.optimizer);
  LocalJob job{graph, device, spec_of(each, 1)};
  const BatchSource source = synthetic(graph);
  job.step(source);
  std::map<std::string, double> by_kind;
  const auto stream = device.make_stream();
  const auto sums = allocate_host(layout.sums_bytes);
  std::vector<std::shared_ptr<Storage>> memory;
  std::vector<std::byte*> buckets, inputs;
  std::vector<BatchRing> rings;
  for (const Bucket& bucket : layout.buckets) {
    memory.push_back(allocate_host(bucket.size_bytes()));
    buckets.push_back(memory.back()->data());
  }
  for (std::size_t i = 0; i < graph.inputs().size(); ++i) {
    memory.push_back(allocate_host(job.plan().input_bytes(i)));
    inputs.push_back(memory.back()->data());
    rings.push_back({memory.back()->data(), job.plan().input_bytes(i)});
  }
  synthetic(graph)({0, static_cast<std::uint64_t>(each.batch)}, inputs);
  StepState step;
  step.rows = static_cast<std::uint32_t>(each.batch);
  Bindings bindings;
  bindings.state = job.state().data();
  bindings.inputs = rings;
  bindings.buckets = buckets;
  bindings.sums = sums->data();
  bindings.step = &step;
  // One program of all instructions, timed between them, as often as it takes for a mean.
  std::vector<std::unique_ptr<Program>> parts;
  const auto instructions = job.plan().instructions();
  ProgramSpec spec{{instructions.begin(), instructions.end()}, job.plan().arena_bytes(), 1};
  double before = 0.0;
  for (std::size_t n = 1; n <= spec.instructions.size(); ++n) {
    ProgramSpec prefix{
        {instructions.begin(), instructions.begin() + static_cast<std::ptrdiff_t>(n)},
        spec.arena_bytes,
        1};
    const auto program = device.compile(prefix);
    const double seconds = median_seconds([&] { program->run(*stream, bindings, nullptr); }, 15);
    const double rate =
        flops(instructions[n - 1].operation) / std::max(seconds - before, 1e-9) / 1e9;
    std::printf("  %8.1f us  %-28s %-24s %6.1f GFLOP/s\n", (seconds - before) * 1e6,
                name_of(instructions[n - 1].operation).c_str(), instructions[n - 1].layer.c_str(),
                rate);
    by_kind[name_of(instructions[n - 1].operation)] += seconds - before;
    before = seconds;
  }
  for (const auto& [kind, seconds] : by_kind)
    std::printf("  %8.1f us  all %s\n", seconds * 1e6, kind.c_str());
}

}  // namespace

int main(int argc, char** argv) {
  bool json = false, profiles = false;
  std::vector<std::string> wanted;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--json") == 0)
      json = true;
    else if (std::strcmp(argv[i], "--profile") == 0)
      profiles = true;
    else
      wanted.emplace_back(argv[i]);
  }
  const auto device = make_cpu_device();
  if (!json) {
    for (const auto& [key, value] : device->machine_record())
      std::printf("%s %s, ", key.c_str(), value.c_str());
    std::printf(
        "one core\n%-12s %3s %10s %12s %8s   floor: arithmetic + activations + optimizer, us\n",
        "case", "S", "step us", "samples/s", "floors");
  }
  for (const Case& each : cases()) {
    if (!wanted.empty() && std::ranges::find(wanted, each.name) == wanted.end()) continue;
    const Graph graph{each.model};
    if (json) {
      std::printf("{\"case\": \"%s\", \"seconds\": %.9f}\n", each.name.c_str(),
                  step_seconds(each, graph, *device, 1));
      continue;
    }
    if (profiles) {
      profile(each, graph, *device);
      continue;
    }
    for (const std::uint32_t shards : each.shards) {
      // The floor and the step turn by turn, since clocks drift.
      std::vector<double> floors, steps;
      Floor floor{};
      for (int round = 0; round < (shards == 1 ? 5 : 3); ++round) {
        if (shards == 1) floor = floor_of(each, graph, *device);
        floors.push_back(floor.seconds());
        steps.push_back(step_seconds(each, graph, *device, shards));
      }
      std::ranges::sort(floors);
      std::ranges::sort(steps);
      const double step = steps[steps.size() / 2];
      std::printf("%-12s %3u %10.1f %12.0f", each.name.c_str(), shards, step * 1e6,
                  static_cast<double>(each.batch) / step);
      if (shards == 1) {
        const double least = floors[floors.size() / 2];
        std::printf(" %8.2f   %.1f = %.1f + %.1f + %.1f, goal %.2f: %s", step / least, least * 1e6,
                    floor.arithmetic * 1e6, floor.activations * 1e6, floor.optimizer * 1e6,
                    each.goal, step / least <= each.goal ? "reached" : "MISSED");
      }
      std::printf("\n");
      std::fflush(stdout);
    }
  }
  return 0;
}
