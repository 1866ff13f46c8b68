#include "gpu/nn/plan_compiler.hpp"

#include <algorithm>
#include <numeric>

#include "gpu/nn/memory_plan.hpp"
#include "runtime/base/error.hpp"

namespace troupe::gpu::nn {
namespace {

constexpr std::size_t most_bytes =
    std::size_t{1} << 46;  // of a buffer, so that no sum of sizes and offsets overflows

/// Which operand an output may share its memory with: (input, output), as gpu/operation.hpp says.
std::optional<std::pair<std::size_t, std::size_t>> in_place(const Operation& operation) {
  if (std::holds_alternative<Activate>(operation) || std::holds_alternative<Softmax>(operation))
    return {{0, 1}};
  if (std::holds_alternative<ActivateBackward>(operation) ||
      std::holds_alternative<SoftmaxBackward>(operation)) {
    return {{1, 2}};
  }
  if (std::holds_alternative<Dropout>(operation)) return {{0, 2}};
  if (const auto* const add = std::get_if<Add>(&operation))
    return {{0, static_cast<std::size_t>(add->inputs)}};
  return std::nullopt;
}

}  // namespace

PlanCompiler::PlanCompiler(const Graph& graph, const StateLayout& layout, Device& device,
                           const PlanOptions& options)
    : graph_{graph}, layout_{layout}, device_{device}, options_{options} {
  const std::size_t nodes = graph.nodes().size();
  const std::size_t values = graph.inputs().size() + nodes;
  fused_.assign(nodes, Activation::none);
  folded_.assign(nodes, false);
  wants_gradient_.assign(values, false);
  values_.resize(values);
  stored_.assign(values, DType::f32);
  casts_.resize(values);
  contributions_.resize(values);
  gradients_.resize(values);
  kept_.resize(nodes);
  parts_.resize(graph.parameters().size());
  uses_.assign(graph.parameters().size(), 0);
  for (const Graph::Parameter& parameter : graph.parameters()) {
    const auto entry = std::ranges::find(layout.parameters, parameter.name, &ParameterEntry::name);
    if (entry == layout.parameters.end() || !(entry->shape == parameter.shape)) {
      throw Error{ErrorCode::bad_input, "state layout: expected parameter '" + parameter.name +
                                            "' of shape " + to_string(parameter.shape) +
                                            ", which another graph's has not"};
    }
    entry_.push_back(static_cast<std::size_t>(entry - layout.parameters.begin()));
  }
}

CompiledPlan PlanCompiler::compile() {
  find_fusions();
  if (training()) {
    check_order();
    find_wanted_gradients();
  }
  lower_forward();
  const BufferId predicted = kept_prediction();
  if (training()) {
    emit(Signal{static_cast<std::uint32_t>(layout_.buckets.size())}, std::span<const BufferId>{});
    lower_backward();
  }
  // Who asks for the prediction does so after the run.
  buffers_[predicted].last = static_cast<std::int64_t>(steps_.size());

  storage_.resize(buffers_.size());
  std::iota(storage_.begin(), storage_.end(), BufferId{0});
  CompiledPlan plan;
  if (options_.reuse_buffers) share_in_place();
  place_buffers();
  for (Step& step : steps_) {
    Instruction instruction{std::move(step.operation), {}, graph_.nodes()[step.node].name};
    for (const BufferId id : step.operands) {
      const Buffer& buffer = buffers_[storage_[buffers_[id].whole.value_or(id)]];
      const std::size_t into = buffers_[id].whole ? buffers_[id].offset_bytes : 0;
      instruction.operands.push_back({buffer.space, buffer.index, buffer.offset_bytes + into});
      if (buffer.space == Space::arena) {
        plan.program.arena_bytes =
            std::max(plan.program.arena_bytes, buffer.offset_bytes + buffer.bytes);
        if (buffer.bytes > plan.program.largest_bytes) {
          plan.program.largest_bytes = buffer.bytes;
          plan.program.largest_layer = instruction.layer;
        }
      }
    }
    plan.program.instructions.push_back(std::move(instruction));
  }
  plan.program.threads = options_.threads;
  for (const Buffer& buffer : buffers_) {
    if (buffer.space == Space::arena && buffer.first >= 0) plan.activation_bytes += buffer.bytes;
  }
  const Buffer& at = buffers_[storage_[predicted]];
  plan.prediction = {at.space, at.index, at.offset_bytes};
  return plan;
}

void PlanCompiler::find_fusions() {
  std::vector<int> uses(values_.size(), 0);
  for (const Graph::Node& node : graph_.nodes()) {
    for (const Graph::ValueId id : node.inputs) ++uses[id];
  }
  for (std::size_t i = 0; i < graph_.nodes().size(); ++i) {
    const Graph::Node& node = graph_.nodes()[i];
    const Activation activation = node.layer->activation();
    if (activation == Activation::none || node.inputs[0] < graph_.inputs().size()) continue;
    const std::size_t before = node.inputs[0] - graph_.inputs().size();
    if (uses[node.inputs[0]] != 1 || fused_[before] != Activation::none) continue;
    if (!graph_.nodes()[before].layer->fuses(activation)) continue;
    if (training() && !differentiable_from_output(activation)) continue;
    fused_[before] = activation;
    folded_[i] = true;
  }
}

void PlanCompiler::check_order() const {
  std::size_t next = 0;
  bool fits = entry_.size() == layout_.parameters.size();
  for (std::size_t i = graph_.nodes().size(); i-- > 0;) {
    for (const auto& [name, parameter] : graph_.nodes()[i].parameters) {
      if (graph_.parameters()[parameter].owner == i) fits = fits && entry_[parameter] == next++;
    }
  }
  if (!fits) {
    throw Error{ErrorCode::bad_input,
                "state layout: expected the parameters of the graph that is trained, in the order "
                "in which backward completes them"};
  }
}

void PlanCompiler::find_wanted_gradients() {
  for (std::size_t i = 0; i < graph_.nodes().size(); ++i) {
    const Graph::Node& node = graph_.nodes()[i];
    bool wants = !node.parameters.empty();
    for (std::size_t k = 0; k < node.inputs.size(); ++k) {
      wants = wants || (wants_gradient_[node.inputs[k]] && node.layer->differentiates(k));
    }
    wants_gradient_[graph_.output_of(i)] = wants;
    for (const auto& [name, parameter] : node.parameters) ++uses_[parameter];
  }
}

std::size_t PlanCompiler::bytes_of(Graph::ValueId value) const {
  const ValueSpec& spec = graph_.value(value);
  const auto elements = static_cast<std::size_t>(spec.shape.with_rows(options_.rows).elements());
  return std::min(elements, most_bytes + 1) *
         size_bytes(stored_type(value));  // past the limit, bound() refuses
}

BufferId PlanCompiler::bound(Space space, std::uint32_t index, std::size_t offset_bytes,
                             std::size_t bytes) {
  if (bytes > most_bytes) {
    throw Error{ErrorCode::exhausted, "layer '" + node().name + "': expected buffers of at most " +
                                          std::to_string(most_bytes) + " bytes, got one of " +
                                          std::to_string(bytes)};
  }
  buffers_.push_back({space, index, offset_bytes, bytes});
  return static_cast<BufferId>(buffers_.size() - 1);
}

void PlanCompiler::lower_forward() {
  if (type() != DType::f32 && layout_.parameter_elements != 0) {
    const BufferId parameters =
        bound(Space::state, 0, 0, layout_.parameter_elements * sizeof(float));
    narrow_parameters_ =
        cast(parameters, DType::f32, type(), static_cast<std::int64_t>(layout_.parameter_elements));
  }
  for (std::uint32_t i = 0; i < graph_.inputs().size(); ++i)
    values_[i] = bound(Space::input, i, 0, bytes_of(i));
  for (current_ = 0; current_ < graph_.nodes().size(); ++current_) {
    const Layer& layer = *node().layer;
    const Graph::ValueId out = graph_.output_of(current_);
    if (layer.is_loss()) {
      if (options_.mode != Mode::infer) layer.forward(*this);
    } else if (folded_[current_] || layer.passes_through(training())) {
      values_[out] = values_[node().inputs[0]];
      stored_[out] = stored_[node().inputs[0]];
    } else {
      stored_[out] = type();
      values_[out] = bound(Space::arena, 0, 0, bytes_of(out));
      layer.forward(*this);
    }
  }
}

BufferId PlanCompiler::cast(BufferId from, DType from_type, DType to_type, std::int64_t elements) {
  const BufferId to = scratch(static_cast<std::size_t>(elements) * size_bytes(to_type));
  emit(CastScale{from_type, elements, 1.0F, 0.0F, to_type}, {from, to});
  return to;
}

BufferId PlanCompiler::input(std::size_t i) {
  const Graph::ValueId value = node().inputs[i];
  const bool target = node().layer->is_loss() && i > 0;
  const DType wanted = target ? DType::f32 : type();
  if (graph_.value(value).dtype != DType::f32 || stored_[value] == wanted) return values_[value];
  if (!casts_[value]) {
    const std::int64_t elements = graph_.value(value).shape.with_rows(options_.rows).elements();
    casts_[value] = cast(values_[value], stored_[value], wanted, elements);
  }
  return *casts_[value];
}

BufferId PlanCompiler::kept_prediction() {
  const BufferId value = values_[graph_.prediction()];
  if (stored_[graph_.prediction()] != DType::f32) {
    const Shape& shape = graph_.value(graph_.prediction()).shape;
    return cast(value, stored_[graph_.prediction()], DType::f32,
                shape.with_rows(options_.rows).elements());
  }
  if (buffers_[value].space == Space::arena) return value;
  const auto bytes = static_cast<std::int64_t>(buffers_[value].bytes);
  const BufferId copy = scratch(buffers_[value].bytes);
  emit(StridedCopy{1, bytes, bytes, bytes}, {value, copy});
  return copy;
}

void PlanCompiler::lower_backward() {
  for (std::size_t i = graph_.nodes().size(); i-- > 0;) {
    current_ = i;
    const Layer& layer = *node().layer;
    if (layer.is_loss() || !wants_gradient_[graph_.output_of(i)]) continue;
    if (folded_[i] || layer.passes_through(true)) {
      if (wants_input_gradient(0)) pass_input_gradient(0, output_gradient());
    } else {
      layer.backward(*this);
    }
    finish_parameters();
  }
}

BufferId PlanCompiler::gradient_of(Graph::ValueId value) {
  if (gradients_[value]) return *gradients_[value];
  std::vector<BufferId> terms{contributions_[value].rbegin(), contributions_[value].rend()};
  if (terms.empty()) {
    throw Error{ErrorCode::bad_input,
                "layer '" + node().name +
                    "': expected a way to the loss along which gradients flow, found none"};
  }
  if (terms.size() == 1) return *(gradients_[value] = terms[0]);
  const BufferId sum = scratch(bytes_of(value));
  const auto elements = options_.rows * graph_.value(value).shape.elements();
  const Add add{elements, static_cast<int>(terms.size()), Activation::none, type()};
  terms.push_back(sum);
  emit(add, std::span<const BufferId>{terms});
  return *(gradients_[value] = sum);
}

BufferId PlanCompiler::preactivation_gradient() {
  const BufferId gradient = output_gradient();
  if (activation() == Activation::none) return gradient;
  const Graph::ValueId out = graph_.output_of(current_);
  const BufferId before = scratch(bytes_of(out));
  emit(ActivateBackward{activation(), options_.rows * graph_.value(out).shape.elements(), type()},
       {output(), gradient, before});
  return before;
}

BufferId PlanCompiler::input_gradient(std::size_t i) {
  const BufferId gradient = scratch(bytes_of(node().inputs[i]));
  pass_input_gradient(i, gradient);
  return gradient;
}

std::uint32_t PlanCompiler::parameter_index(std::string_view name) const {
  const auto found =
      std::ranges::find(node().parameters, name, &std::pair<std::string, std::uint32_t>::first);
  if (found == node().parameters.end()) {
    throw Error{ErrorCode::bug,
                "layer '" + node().name + "': asked for a parameter that it never declared"};
  }
  return found->second;
}

BufferId PlanCompiler::parameter(std::string_view name) {
  const ParameterEntry& entry = entry_of(parameter_index(name));
  return bound(Space::state, 0, entry.begin * sizeof(float),
               static_cast<std::size_t>(entry.shape.elements()) * sizeof(float));
}

BufferId PlanCompiler::weight(std::string_view name) {
  if (type() == DType::f32) return parameter(name);
  const ParameterEntry& entry = entry_of(parameter_index(name));
  const BufferId part =
      bound(Space::arena, 0, entry.begin * size_bytes(type()),
            static_cast<std::size_t>(entry.shape.elements()) * size_bytes(type()));
  buffers_[part].whole = *narrow_parameters_;
  return part;
}

const StatisticEntry& PlanCompiler::statistic() const {
  const auto found = std::ranges::find(layout_.statistics, node().name, &StatisticEntry::name);
  if (found == layout_.statistics.end()) {
    throw Error{ErrorCode::bug,
                "layer '" + node().name + "': asked for statistics that it never declared"};
  }
  return *found;
}

BufferId PlanCompiler::running_mean() {
  const StatisticEntry& entry = statistic();
  return bound(Space::state, 0, entry.mean_offset_bytes,
               static_cast<std::size_t>(entry.channels) * sizeof(float));
}
BufferId PlanCompiler::running_variance() {
  const StatisticEntry& entry = statistic();
  return bound(Space::state, 0, entry.variance_offset_bytes,
               static_cast<std::size_t>(entry.channels) * sizeof(float));
}
BufferId PlanCompiler::moments() {
  const StatisticEntry& entry = statistic();
  return bound(Space::sums, 0, entry.moments_offset_bytes,
               static_cast<std::size_t>(1 + 2 * entry.channels) * sizeof(double));
}

std::size_t PlanCompiler::bucket_of(std::size_t element) const {
  const auto after = std::ranges::upper_bound(layout_.buckets, element, {}, &Bucket::end);
  return static_cast<std::size_t>(after - layout_.buckets.begin());
}

bool PlanCompiler::spans_buckets(const ParameterEntry& entry) const {
  const auto end = entry.begin + static_cast<std::size_t>(entry.shape.elements());
  return end > layout_.buckets[bucket_of(entry.begin)].end;
}

BufferId PlanCompiler::parameter_gradient(std::string_view name) {
  const std::uint32_t index = parameter_index(name);
  const ParameterEntry& entry = entry_of(index);
  const std::size_t bytes = static_cast<std::size_t>(entry.shape.elements()) * sizeof(float);
  const std::size_t bucket = bucket_of(entry.begin);
  const bool direct = uses_[index] == 1 && !spans_buckets(entry);
  const BufferId part =
      direct ? bound(Space::gradient, static_cast<std::uint32_t>(bucket),
                     (entry.begin - layout_.buckets[bucket].begin) * sizeof(float), bytes)
             : scratch(bytes);
  parts_[index].push_back(part);
  return part;
}

void PlanCompiler::finish_parameters() {
  for (const auto& [name, index] : node().parameters) {
    if (graph_.parameters()[index].owner != current_) continue;
    const ParameterEntry& entry = entry_of(index);
    std::vector<BufferId> parts{parts_[index].rbegin(), parts_[index].rend()};
    if (parts.size() != uses_[index]) {
      throw Error{ErrorCode::bug,
                  "parameter '" + entry.name + "': expected a gradient from each of its uses"};
    }
    if (parts.size() > 1) {  // in graph order
      const Add add{entry.shape.elements(), static_cast<int>(parts.size())};
      parts.push_back(scratch(static_cast<std::size_t>(entry.shape.elements()) * sizeof(float)));
      emit(add, std::span<const BufferId>{parts});
    }
    if (buffers_[parts.back()].space == Space::arena) write_to_buckets(entry, parts.back());
    ++complete_entries_;
  }
  signal_complete_buckets();
}

void PlanCompiler::write_to_buckets(const ParameterEntry& entry, BufferId whole) {
  const std::size_t end = entry.begin + static_cast<std::size_t>(entry.shape.elements());
  for (std::size_t at = entry.begin; at < end;) {
    const std::size_t bucket = bucket_of(at);
    const std::size_t piece = (std::min(end, layout_.buckets[bucket].end) - at) * sizeof(float);
    const auto bytes = static_cast<std::int64_t>(piece);
    const BufferId to = bound(Space::gradient, static_cast<std::uint32_t>(bucket),
                              (at - layout_.buckets[bucket].begin) * sizeof(float), piece);
    emit(StridedCopy{1, bytes, bytes, bytes,
                     static_cast<std::int64_t>((at - entry.begin) * sizeof(float)), 0},
         {whole, to});
    at += piece / sizeof(float);
  }
}

void PlanCompiler::signal_complete_buckets() {
  const std::size_t complete = complete_entries_ < layout_.parameters.size()
                                   ? layout_.parameters[complete_entries_].begin
                                   : layout_.parameter_elements;
  for (; signalled_buckets_ < layout_.buckets.size(); ++signalled_buckets_) {
    const Bucket& bucket = layout_.buckets[signalled_buckets_];
    if (bucket.end > complete) return;
    // The caller's memory is not zeroed, and all of a bucket is added and hashed.
    for (const ParameterEntry& entry : layout_.parameters) {
      const std::size_t used = entry.begin + static_cast<std::size_t>(entry.shape.elements());
      const std::size_t padded = (used + 15) / 16 * 16;
      if (used == padded || used < bucket.begin || used >= bucket.end) continue;
      const std::size_t bytes = (padded - used) * sizeof(float);
      const BufferId tail = bound(Space::gradient, static_cast<std::uint32_t>(signalled_buckets_),
                                  (used - bucket.begin) * sizeof(float), bytes);
      emit(Zero{static_cast<std::int64_t>(bytes)}, {tail});
    }
    emit(Signal{static_cast<std::uint32_t>(signalled_buckets_)}, std::span<const BufferId>{});
  }
}

void PlanCompiler::emit(Operation operation, std::span<const BufferId> operands) {
  const auto at = static_cast<std::int64_t>(steps_.size());
  for (const BufferId id : operands) {
    Buffer& buffer = buffers_[buffers_[id].whole.value_or(id)];
    if (buffer.first < 0) buffer.first = at;
    buffer.last = at;
  }
  steps_.push_back({std::move(operation),
                    {operands.begin(), operands.end()},
                    std::min(current_, graph_.nodes().size() - 1)});
}

void PlanCompiler::share_in_place() {
  for (std::size_t at = 0; at < steps_.size(); ++at) {
    const auto pair = in_place(steps_[at].operation);
    if (!pair) continue;
    const BufferId from = storage_[steps_[at].operands[pair->first]];
    const BufferId to = storage_[steps_[at].operands[pair->second]];
    const auto now = static_cast<std::int64_t>(at);
    if (from == to || buffers_[from].space != Space::arena || buffers_[to].space != Space::arena)
      continue;
    if (buffers_[from].last != now || buffers_[to].first != now ||
        buffers_[from].bytes != buffers_[to].bytes)
      continue;
    if (std::ranges::count(steps_[at].operands, steps_[at].operands[pair->first]) != 1) continue;
    buffers_[from].last = buffers_[to].last;
    std::ranges::replace(storage_, to, from);
  }
}

void PlanCompiler::place_buffers() {
  std::vector<Lifetime> lifetimes;
  std::vector<BufferId> ids;
  for (BufferId id = 0; id < buffers_.size(); ++id) {
    const Buffer& buffer = buffers_[id];
    if (buffer.space != Space::arena || storage_[id] != id || buffer.first < 0) continue;
    const bool reuse = options_.reuse_buffers;
    lifetimes.push_back(
        {reuse ? buffer.first : 0, reuse ? buffer.last : std::int64_t{1} << 40, buffer.bytes});
    ids.push_back(id);
  }
  const MemoryPlan plan = plan_memory(lifetimes);
  for (std::size_t i = 0; i < ids.size(); ++i) buffers_[ids[i]].offset_bytes = plan.offsets[i];
}

}  // namespace troupe::gpu::nn
