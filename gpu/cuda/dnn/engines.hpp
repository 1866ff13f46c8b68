#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gpu/cuda/dnn/descriptor.hpp"
#include "gpu/cuda/dnn/target.hpp"

/// Which of cuDNN's engines computes a graph. cuDNN offers configurations, fastest first by its estimate, and says in
/// notes what each does to numbers; the rule here takes the first that keeps our promises.
namespace troupe::gpu::cuda::dnn {

struct EngineOptions {
  bool deterministic = true;  ///< equal inputs give equal bits (JOB-1)
  bool tf32 = false;          ///< products of f32 may be those of tf32
  std::int64_t workspace_limit_bytes = std::int64_t{1} << 30;
};

/// What a graph multiplies and sums up: `none` for what has no long sums of products, as pools and norms.
enum class Products : std::uint8_t { none, f32, bf16 };

/// One engine with its knobs, as the heuristics offer it.
struct EngineConfig {
  Descriptor descriptor;
  std::int64_t engine = 0;
  std::vector<std::pair<cudnnBackendKnobType_t, std::int64_t>> knobs{};
  std::vector<cudnnBackendNumericalNote_t> notes{};
  bool compiled_at_run_time = false;
};

/// As in "engine 11 (2=15, 13=3)".
std::string to_string(const EngineConfig& config);

/// Why a configuration with these notes may not be used; empty if it may.
///
/// Nondeterminism only where freed. In products of f32 no tensor core unless tf32 is allowed. In all products no
/// shorter sums, no inputs cut short, no Winograd or Fourier transform: what those gain is not worth what they lose. A
/// tensor core's note on anything else is of no matter: cuDNN's generic engine bears it whatever it computes.
std::string refusal(const std::vector<cudnnBackendNumericalNote_t>& notes, Products products,
                    const EngineOptions& options);

/// What cuDNN offers for a finished operation graph: the heuristics of mode A, then those that fall back on what is slow
/// but general. Empty if the graph is not supported.
std::vector<EngineConfig> offered_configs(const Target& target, const Descriptor& graph);

/// The plan for a configuration; nothing if cuDNN cannot build it, and last_words() says why. One that is compiled at run
/// time takes a good part of a second, and needs a driver.
std::optional<Descriptor> find_plan(const Target& target, const EngineConfig& config);

/// A plan that was built.
struct Candidate {
  EngineConfig config;
  Descriptor plan;
  std::int64_t workspace_bytes;
};

/// The first `most` offered configurations that may be used and that a plan can be built for. Whoever can measure takes
/// more than one.
/// @param layer the operation with its shape, for the error.
/// @throws Error unsupported if there is none, with how many were offered and why each was refused.
std::vector<Candidate> candidates(const Target& target, const Descriptor& graph, Products products,
                                  const EngineOptions& options, const std::string& layer,
                                  std::size_t most = 1);

}  // namespace troupe::gpu::cuda::dnn
