#include "gpu/cuda/dnn/engines.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "runtime/base/error.hpp"

namespace troupe::gpu::cuda::dnn {
namespace {

EngineConfig read_config(const Descriptor& descriptor) {
  EngineConfig config{.descriptor = descriptor};
  const Descriptor engine =
      descriptor.get_descriptors(CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_BACKEND_ENGINE_DESCRIPTOR)
          .at(0);
  config.engine = engine.get<std::int64_t>(CUDNN_ATTR_ENGINE_GLOBAL_INDEX);
  config.notes = engine.get_all<cudnnBackendNumericalNote_t>(CUDNN_ATTR_ENGINE_NUMERICAL_NOTE);
  for (const auto note :
       engine.get_all<cudnnBackendBehaviorNote_t>(CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE)) {
    config.compiled_at_run_time |= note == CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION;
  }
  for (const Descriptor& knob : descriptor.get_descriptors(CUDNN_ATTR_ENGINECFG_KNOB_CHOICES,
                                                           CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR)) {
    config.knobs.emplace_back(knob.get<cudnnBackendKnobType_t>(CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE),
                              knob.get<std::int64_t>(CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE));
  }
  return config;
}

/// Empty where cuDNN has nothing: it says so by a status at different calls.
std::vector<Descriptor> heuristics(const Target& target, const Descriptor& graph,
                                   cudnnBackendHeurMode_t mode) {
  Descriptor asked{CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR};
  asked.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph).set(CUDNN_ATTR_ENGINEHEUR_MODE, mode);
  target.apply_to_heuristics(asked);
  if (asked.try_finish() != CUDNN_STATUS_SUCCESS) return {};
  return asked.get_descriptors(CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
}

std::string counted(const std::map<std::string, int>& reasons) {
  std::string text;
  for (const auto& [reason, count] : reasons) {
    text += (text.empty() ? "" : ", ") + std::to_string(count) + " " + reason;
  }
  return text;
}

}  // namespace

std::string to_string(const EngineConfig& config) {
  std::string text = "engine " + std::to_string(config.engine);
  std::string knobs;
  for (const auto& [knob, value] : config.knobs) {
    knobs += (knobs.empty() ? "" : ", ") + std::to_string(static_cast<int>(knob)) + "=" +
             std::to_string(value);
  }
  return knobs.empty() ? text : text + " (" + knobs + ")";
}

std::string refusal(const std::vector<cudnnBackendNumericalNote_t>& notes, Products products,
                    const EngineOptions& options) {
  for (const cudnnBackendNumericalNote_t note : notes) {
    if (note == CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC && options.deterministic)
      return "not deterministic";
    if (products == Products::none) continue;
    switch (note) {
      case CUDNN_NUMERICAL_NOTE_TENSOR_CORE:
        if (products == Products::f32 && !options.tf32) return "of tf32";
        break;
      case CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS:
        return "with inputs cut short";
      case CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION:
        return "with sums cut short";
      case CUDNN_NUMERICAL_NOTE_FFT:
        return "by Fourier transform";
      case CUDNN_NUMERICAL_NOTE_WINOGRAD:
      case CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_4x4:
      case CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_6x6:
      case CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_13x13:
        return "by Winograd transform";
      default:
        break;
    }
  }
  return {};
}

std::vector<EngineConfig> offered_configs(const Target& target, const Descriptor& graph) {
  std::vector<EngineConfig> configs;
  for (const auto mode : {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_FALLBACK}) {
    for (const Descriptor& config : heuristics(target, graph, mode))
      configs.push_back(read_config(config));
  }
  return configs;
}

std::optional<Descriptor> find_plan(const Target& target, const EngineConfig& config) {
  Descriptor plan{CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR};
  target.apply_to_plan(plan);
  plan.set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, config.descriptor);
  if (plan.try_finish() != CUDNN_STATUS_SUCCESS) return std::nullopt;
  return plan;
}

std::vector<Candidate> candidates(const Target& target, const Descriptor& graph, Products products,
                                  const EngineOptions& options, const std::string& layer,
                                  std::size_t most) {
  std::vector<Candidate> found;
  std::map<std::string, int> refused;
  const std::vector<EngineConfig> offered = offered_configs(target, graph);
  for (const EngineConfig& config : offered) {
    if (found.size() == most) break;
    if (const std::string reason = refusal(config.notes, products, options); !reason.empty()) {
      ++refused[reason];
      continue;
    }
    const std::optional<Descriptor> plan = find_plan(target, config);
    if (!plan) {
      ++refused["that no plan could be built for (" + last_words() + ")"];
      continue;
    }
    const auto workspace = plan->get<std::int64_t>(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE);
    if (workspace > options.workspace_limit_bytes) {
      ++refused["with a workspace above " + std::to_string(options.workspace_limit_bytes) +
                " bytes"];
      continue;
    }
    found.push_back({config, *plan, workspace});
  }
  if (found.empty()) {
    throw Error{ErrorCode::unsupported, "cuda: " + layer +
                                            ": expected cuDNN to have an engine, got " +
                                            std::to_string(offered.size()) + " configurations" +
                                            (refused.empty() ? "" : ": " + counted(refused))};
  }
  return found;
}

}  // namespace troupe::gpu::cuda::dnn
