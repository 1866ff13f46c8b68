#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "gpu/device.hpp"
#include "gpu/nn/graph.hpp"
#include "gpu/nn/lowering.hpp"
#include "gpu/nn/plan.hpp"

/// Private to gpu/nn: a graph's layers write themselves down here, one after another.
namespace troupe::gpu::nn {

struct CompiledPlan {
  ProgramSpec program;
  Operand prediction;
  std::size_t activation_bytes = 0;
};

class PlanCompiler final : public Lowering {
 public:
  PlanCompiler(const Graph& graph, const StateLayout& layout, Device& device,
               const PlanOptions& options);
  CompiledPlan compile();

  const std::string& name() const override { return node().name; }
  std::int64_t rows() const override { return options_.rows; }
  bool training() const override { return options_.mode == Mode::train; }
  DType type() const override { return options_.precision; }
  std::size_t inputs() const override { return node().inputs.size(); }
  const ValueSpec& input_spec(std::size_t i) const override {
    return graph_.value(node().inputs[i]);
  }
  const ValueSpec& output_spec() const override { return graph_.value(graph_.output_of(current_)); }
  std::uint32_t layer_index() const override { return static_cast<std::uint32_t>(current_); }
  Activation activation() const override { return fused_[current_]; }

  BufferId input(std::size_t i) override;
  BufferId output() override { return values_[graph_.output_of(current_)]; }
  BufferId parameter(std::string_view name) override;
  BufferId weight(std::string_view name) override;
  BufferId running_mean() override;
  BufferId running_variance() override;
  BufferId moments() override;
  BufferId step_state() override { return bound(Space::step, 0, 0, sizeof(StepState)); }
  BufferId loss() override {
    return bound(Space::sums, 0, StateLayout::loss_offset_bytes, sizeof(double));
  }
  BufferId counted_rows() override {
    return bound(Space::sums, 0, StateLayout::rows_offset_bytes, sizeof(std::int64_t));
  }
  BufferId scratch(std::size_t bytes) override { return bound(Space::arena, 0, 0, bytes); }
  std::size_t workspace_bytes(const Operation& operation) override {
    return device_.workspace_bytes(operation);
  }
  void keep(std::string_view name, BufferId buffer) override {
    kept_[current_][std::string{name}] = buffer;
  }
  BufferId kept(std::string_view name) const override {
    return kept_[current_].at(std::string{name});
  }

  BufferId output_gradient() override { return gradient_of(graph_.output_of(current_)); }
  BufferId preactivation_gradient() override;
  bool wants_input_gradient(std::size_t i) const override {
    return training() && wants_gradient_[node().inputs[i]] && node().layer->differentiates(i);
  }
  BufferId input_gradient(std::size_t i) override;
  void pass_input_gradient(std::size_t i, BufferId gradient) override {
    contributions_[node().inputs[i]].push_back(gradient);
  }
  BufferId parameter_gradient(std::string_view name) override;

  using Lowering::emit;
  void emit(Operation operation, std::span<const BufferId> operands) override;

 private:
  struct Buffer {
    Space space;
    std::uint32_t index;
    std::size_t offset_bytes, bytes;
    std::int64_t first = -1, last = -1;            // instructions
    std::optional<BufferId> whole = std::nullopt;  // this is a part of it, at `offset_bytes`
  };

  const Graph::Node& node() const { return graph_.nodes()[current_]; }
  std::uint32_t parameter_index(std::string_view name) const;
  const StatisticEntry& statistic() const;
  BufferId bound(Space space, std::uint32_t index, std::size_t offset_bytes, std::size_t bytes);
  std::size_t bytes_of(Graph::ValueId value) const;
  /// Of a value as it lies in memory, where the graph says f32.
  DType stored_type(Graph::ValueId value) const {
    return graph_.value(value).dtype == DType::f32 ? stored_[value] : graph_.value(value).dtype;
  }
  BufferId cast(BufferId from, DType from_type, DType to_type, std::int64_t elements);

  void find_fusions();
  /// Buckets are signalled by the layout's order, which must be that of backward.
  void check_order() const;
  void find_wanted_gradients();
  void lower_forward();
  /// The prediction's memory in the arena: an input that is predicted as it is gets copied there.
  BufferId kept_prediction();
  void lower_backward();
  BufferId gradient_of(Graph::ValueId value);
  void finish_parameters();
  void write_to_buckets(const ParameterEntry& entry, BufferId whole);
  void signal_complete_buckets();

  const ParameterEntry& entry_of(std::uint32_t parameter) const {
    return layout_.parameters[entry_[parameter]];
  }
  std::size_t bucket_of(std::size_t element) const;
  bool spans_buckets(const ParameterEntry& entry) const;
  void share_in_place();
  void place_buffers();

  const Graph& graph_;
  const StateLayout& layout_;
  Device& device_;
  PlanOptions options_;
  std::size_t current_ = 0;  // the node being lowered

  std::vector<Activation> fused_;     // by node: what it applies to its own output
  std::vector<bool> folded_;          // by node: an activation that the node before it applies
  std::vector<bool> wants_gradient_;  // by value
  std::vector<BufferId> values_;      // by value
  std::vector<DType> stored_;         // by value: f32 of the graph may lie in bf16
  std::vector<std::optional<BufferId>> casts_;  // by value: the same in the other of the two types
  std::optional<BufferId> narrow_parameters_;   // all of the parameter space in the plan's type
  std::vector<std::vector<BufferId>> contributions_;   // by value, in reverse order of the graph
  std::vector<std::optional<BufferId>> gradients_;     // by value: what the contributions add up to
  std::vector<std::map<std::string, BufferId>> kept_;  // by node
  std::vector<std::vector<BufferId>> parts_;  // by parameter, in reverse order of the graph
  std::vector<std::size_t> uses_;             // by parameter
  std::vector<std::size_t> entry_;            // by parameter: its entry in the layout
  std::size_t complete_entries_ = 0, signalled_buckets_ = 0;

  std::vector<Buffer> buffers_;
  std::vector<BufferId> storage_;  // by buffer: the one whose memory it uses
  struct Step {
    Operation operation;
    std::vector<BufferId> operands;
    std::size_t node;
  };
  std::vector<Step> steps_;
};

}  // namespace troupe::gpu::nn
