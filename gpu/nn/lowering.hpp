#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

#include "gpu/nn/layer.hpp"
#include "gpu/operation.hpp"

namespace troupe::gpu::nn {

/// A piece of memory that operations name; where it lies is settled when all of them are known.
using BufferId = std::uint32_t;

/// What a layer sees while it writes itself down as operations. Buffers that it makes live from the first
/// operation that names them to the last, so what forward keeps for backward is alive in between.
class Lowering {
 public:
  virtual ~Lowering() = default;

  /// The layer's, for errors.
  virtual const std::string& name() const = 0;
  virtual std::int64_t rows() const = 0;
  /// Whether this is a training plan: batch norm measures, dropout drops, backward follows.
  virtual bool training() const = 0;
  /// Of what flows between layers: f32, or bf16 if the plan computes in it. Inputs that the graph takes in f32 come so
  /// too, but for a loss's targets.
  virtual DType type() const = 0;
  virtual const ValueSpec& input_spec(std::size_t i) const = 0;
  virtual std::size_t inputs() const = 0;
  virtual const ValueSpec& output_spec() const = 0;
  /// The layer's number in the graph: keys its draws (JOB-3).
  virtual std::uint32_t layer_index() const = 0;
  /// The activation that this layer applies to its own output, for the layer behind it.
  virtual Activation activation() const = 0;

  virtual BufferId input(std::size_t i) = 0;
  virtual BufferId output() = 0;
  virtual BufferId parameter(std::string_view name) = 0;
  /// The same parameter as `type()` has it, rounded once a run.
  virtual BufferId weight(std::string_view name) = 0;
  virtual BufferId running_mean() = 0;
  virtual BufferId running_variance() = 0;
  virtual BufferId moments() = 0;
  virtual BufferId step_state() = 0;
  virtual BufferId loss() = 0;
  virtual BufferId counted_rows() = 0;
  virtual BufferId scratch(std::size_t bytes) = 0;
  virtual std::size_t workspace_bytes(const Operation& operation) = 0;
  /// Remembers a buffer under a name, from forward to backward.
  virtual void keep(std::string_view name, BufferId buffer) = 0;
  virtual BufferId kept(std::string_view name) const = 0;

  /// Gradient of the output, that is, of what `activation` made of it.
  virtual BufferId output_gradient() = 0;
  /// Gradient before `activation`: derived from `output_gradient` where one is fused.
  virtual BufferId preactivation_gradient() = 0;
  virtual bool wants_input_gradient(std::size_t i) const = 0;
  /// Memory for input `i`'s gradient, to be written whole, once.
  virtual BufferId input_gradient(std::size_t i) = 0;
  /// In its place: input `i`'s gradient is this very buffer, which is not written again.
  virtual void pass_input_gradient(std::size_t i, BufferId gradient) = 0;
  /// Always f32, whatever `type()` is.
  virtual BufferId parameter_gradient(std::string_view name) = 0;

  virtual void emit(Operation operation, std::span<const BufferId> operands) = 0;
  void emit(Operation operation, std::initializer_list<BufferId> operands) {
    emit(std::move(operation), std::span{operands.begin(), operands.size()});
  }
};

}  // namespace troupe::gpu::nn
