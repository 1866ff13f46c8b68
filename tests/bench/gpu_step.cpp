// Times a training step of a whole job on a GPU, as a trainer makes it that is alone, beside the rate that this GPU reaches
// in one large matrix product in the same run.
//
//   gpu_step [--json] [--device cuda|cpu] [--steps N] [--tf32] [CASE]...
//
// A step's FLOPs are those of its layers, forward and backward, without the input gradient of the first one; its share is
// of the large product's rate in the same precision. The share of the convolutions is that of all of them one after
// another, with nothing in between. --json prints the machine and then each case as one line for other programs. --steps
// times so many steps, once, in place of five rounds of half a second. --device cpu times the cases without convolutions
// there, unless others are named. Without a GPU it says why, and ends with 77.
#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "actors/job/gpu_options.hpp"
#include "gpu/cpu_device.hpp"
#include "gpu/cuda_device.hpp"
#include "gpu/nn/matrix_peak.hpp"
#include "gpu/nn/models.hpp"
#include "gpu/nn/plan_compiler.hpp"
#include "runtime/base/error.hpp"
#include "tests/bench/measure.hpp"
#include "tests/bench/resident_training.hpp"
#include "tests/bench/step_flops.hpp"

namespace {

using namespace troupe;
using namespace troupe::gpu;
using namespace troupe::gpu::nn;
using bench::ResidentTraining;
using bench::StepCase;
using Json = nlohmann::json;

constexpr int no_gpu = 77, wrong_usage = 2;

struct Options {
  bool json = false, tf32 = false;
  std::string device = "cuda";
  std::size_t steps = 0;  ///< 0: by time
  std::vector<std::string> wanted;
};

std::vector<StepCase> cases() {
  const ModelDescription flat = mlp(std::array<std::int64_t, 3>{784, 128, 10});
  const std::string adam = R"("optimizer": "adam")",
                    momentum = R"("optimizer": {"sgd": {"momentum": 0.9}})";
  return {{"mlp-32", flat, 10, 32, 8192, adam},
          {"mlp-1024", flat, 10, 1024, 8192, adam},
          {"cnn-256", cnn(Shape{28, 28, 1}, 10), 10, 256, 8192, adam},
          {"resnet20-512", resnet20(10), 10, 512, 8192, momentum},
          {"resnet50-256", resnet50(1000), 1000, 256, 2048, momentum + R"(, "precision": "bf16")"}};
}

bool is_convolution(const Instruction& instruction) {
  const Operation& operation = instruction.operation;
  return std::holds_alternative<Convolution>(operation) ||
         std::holds_alternative<ConvolutionBackwardData>(operation) ||
         std::holds_alternative<ConvolutionBackwardWeights>(operation);
}

double total_flops(const std::vector<Instruction>& instructions) {
  double total = 0.0;
  for (const auto& [layer, work] : bench::needed_flops(instructions)) total += work;
  return total;
}

/// Seconds of products one after another, on operands of their own. The results go where other operands lie.
double seconds_alone(Device& device, std::vector<Instruction> products, bool once) {
  std::size_t bytes = 0, operands = 0;
  for (const Instruction& product : products) {
    bytes = std::max(bytes, bench::largest_operand(product) / sizeof(float) *
                                size_bytes(element_type(product.operation)));
    operands = std::max(operands, product.operands.size());
  }
  for (Instruction& product : products) {
    for (std::size_t i = 0; i < product.operands.size(); ++i)
      product.operands[i] = {Space::arena, 0, i * bytes};
  }
  const auto stream = device.make_stream();
  const auto program = device.compile({std::move(products), bytes * operands, 1});
  fill_with_numbers(device, *stream, program->arena(), bytes * operands);
  const auto run = [&](std::size_t times) {
    for (std::size_t i = 0; i < times; ++i) program->run(*stream, {}, nullptr);
    stream->synchronize();
  };
  return once ? bench::median_seconds_of_many(run, 1, 0.0)
              : bench::median_seconds_of_many(run, 5, 0.1);
}

struct Result {
  double seconds = 0.0, flops = 0.0, peak = 0.0;
  std::optional<double> enqueue_seconds;    ///< where the device works while the host goes on
  std::optional<double> convolution_share;  ///< where there are convolutions
  std::string precision;
  bool has_data_on_device = false;
  double share() const { return flops / seconds / peak; }
};

class Measurement {
 public:
  Measurement(Device& device, const Options& options) : device_{device}, options_{options} {}

  Result of(const StepCase& each) {
    Result result;
    std::vector<Instruction> instructions;
    {
      Json train{{"device", options_.device}};
      if (options_.tf32) train["tf32"] = true;
      const std::string members = train.dump();
      ResidentTraining training{each, device_, members.substr(1, members.size() - 2)};
      const actors::TrainingJob& job = training.job();
      result.precision = to_string(job.spec().precision);
      result.has_data_on_device = training.has_data_on_device();
      result.seconds = step_seconds(training);
      if (!device_.host_accessible()) result.enqueue_seconds = training.enqueue_seconds();
      instructions = instructions_of(job);
      result.peak = peak(job.spec().precision);
    }
    result.flops = total_flops(instructions);
    std::erase_if(instructions, [](const Instruction& i) { return !is_convolution(i); });
    if (!instructions.empty()) {
      const double work = total_flops(instructions);
      const double seconds = seconds_alone(device_, std::move(instructions), options_.steps > 0);
      result.convolution_share = work / seconds / result.peak;
    }
    return result;
  }

 private:
  double step_seconds(ResidentTraining& training) const {
    const auto steps = [&training](std::size_t count) {
      training.advance(count);
      training.finish();
    };
    if (options_.steps == 0) return bench::median_seconds_of_many(steps, 5, 0.5);
    steps(1);
    const auto begin = std::chrono::steady_clock::now();
    steps(options_.steps);
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
    return taken.count() / static_cast<double>(options_.steps);
  }

  /// As the job's plan has them, of whose memory no second one is needed.
  std::vector<Instruction> instructions_of(const actors::TrainingJob& job) const {
    const PlanOptions plan{Mode::train, job.shard_rows(), 1, job.spec().precision};
    return PlanCompiler{job.graph(), job.layout(), device_, plan}.compile().program.instructions;
  }

  double peak(DType type) {
    const auto known = peaks_.find(type);
    if (known != peaks_.end()) return known->second;
    return peaks_[type] = matrix_peak(device_, type, options_.steps > 0 ? 64 : 8192);
  }

  Device& device_;
  const Options& options_;
  std::map<DType, double> peaks_;
};

void print_json(const StepCase& each, const Result& result) {
  Json line{{"case", each.name},
            {"seconds", result.seconds},
            {"samples_per_second", static_cast<double>(each.batch) / result.seconds},
            {"flops", result.flops},
            {"tflops_per_second", result.flops / result.seconds / 1e12},
            {"peak_tflops_per_second", result.peak / 1e12},
            {"share_of_peak", result.share()},
            {"precision", result.precision},
            {"data", result.has_data_on_device ? "device" : "host"}};
  if (result.enqueue_seconds) line["enqueue_seconds"] = *result.enqueue_seconds;
  if (result.convolution_share) line["convolution_share"] = *result.convolution_share;
  std::printf("%s\n", line.dump().c_str());
}

void print_row(const StepCase& each, const Result& result) {
  const double rate = result.flops / result.seconds / 1e12;
  std::printf("%-14s %-9s %-6s %11.1f %12.0f ", each.name.c_str(), result.precision.c_str(),
              result.has_data_on_device ? "device" : "host", result.seconds * 1e6,
              static_cast<double>(each.batch) / result.seconds);
  result.enqueue_seconds ? std::printf("%11.1f", *result.enqueue_seconds * 1e6)
                         : std::printf("%11s", "-");
  std::printf(" %9.3f %9.3f %9.1f ", rate, result.peak / 1e12, 100.0 * result.share());
  result.convolution_share ? std::printf("%9.1f\n", 100.0 * *result.convolution_share)
                           : std::printf("%9s\n", "-");
}

void print_machine(Device& device, bool json) {
  const auto facts = device.machine_record();
  if (json) {
    Json machine = Json::object();
    for (const auto& [key, value] : facts) machine[key] = value;
    std::printf("%s\n", Json{{"machine", machine}}.dump().c_str());
  } else {
    for (const auto& [key, value] : facts) std::printf("%s %s, ", key.c_str(), value.c_str());
    std::printf("S = 1\n%-14s %-9s %-6s %11s %12s %11s %9s %9s %9s %9s\n", "case", "precision",
                "data", "step us", "samples/s", "enqueue us", "TFLOP/s", "peak", "% of peak",
                "conv. %");
  }
  std::fflush(stdout);
}

std::unique_ptr<Device> make_device(const Options& options) {
  if (options.device == "cpu") return make_cpu_device();
  CudaOptions cuda;
  cuda.tf32 = options.tf32;
  cuda.plan_cache = actors::default_plan_cache();
  return make_cuda_device(cuda);
}

bool is_wanted(const StepCase& each, const Options& options) {
  if (options.wanted.empty()) return options.device != "cpu" || each.name.starts_with("mlp");
  return std::ranges::find(options.wanted, each.name) != options.wanted.end();
}

/// @return nothing for words that are none of the program's, after saying so.
std::optional<Options> read_options(int count, char** words) {
  Options options;
  const std::vector<StepCase> known = cases();
  for (int i = 1; i < count; ++i) {
    const std::string_view word{words[i]};
    const bool more = i + 1 < count;
    if (word == "--json") {
      options.json = true;
    } else if (word == "--tf32") {
      options.tf32 = true;
    } else if (word == "--device" && more) {
      options.device = words[++i];
    } else if (word == "--steps" && more) {
      options.steps = std::strtoul(words[++i], nullptr, 10);
      if (options.steps > 0) continue;
      std::fprintf(stderr, "gpu_step: --steps: expected a whole number from 1, got %s\n", words[i]);
      return {};
    } else if (std::ranges::find(known, word, &StepCase::name) != known.end()) {
      options.wanted.emplace_back(word);
    } else {
      std::fprintf(stderr,
                   "gpu_step: expected --json, --device D, --steps N, --tf32 or a case, got %s\n",
                   words[i]);
      return {};
    }
  }
  if (options.device != "cuda" && options.device != "cpu") {
    std::fprintf(stderr, "gpu_step: --device: expected cuda or cpu, got %s\n",
                 options.device.c_str());
    return {};
  }
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  const std::optional<Options> options = read_options(argc, argv);
  if (!options) return wrong_usage;
  std::unique_ptr<Device> device;
  try {
    device = make_device(*options);
  } catch (const Error& error) {
    std::printf("SKIPPED: %s\n", error.what());
    return no_gpu;
  }
  print_machine(*device, options->json);
  Measurement measurement{*device, *options};
  int failed = 0;
  for (const StepCase& each : cases()) {
    if (!is_wanted(each, *options)) continue;
    try {
      const Result result = measurement.of(each);
      options->json ? print_json(each, result) : print_row(each, result);
    } catch (const Error& error) {
      std::fprintf(stderr, "gpu_step: %s: %s\n", each.name.c_str(), error.what());
      ++failed;
    }
    std::fflush(stdout);
  }
  return failed == 0 ? 0 : 1;
}
