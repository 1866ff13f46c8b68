#include "gpu/nn/update_pieces.hpp"

#include <algorithm>
#include <functional>
#include <numeric>
#include <string>
#include <variant>

#include "runtime/base/error.hpp"

namespace troupe::gpu::nn {
namespace {

using formulas::UpdateKind;
using formulas::UpdateRule;

[[noreturn]] void refuse(const std::string& what) {
  throw Error{ErrorCode::bad_input, "update: " + what};
}

std::size_t end_of(const ParameterEntry& parameter) {
  return parameter.begin + static_cast<std::size_t>(parameter.shape.elements());
}

struct MakeRule {
  UpdateRule operator()(const Sgd& sgd) const {
    UpdateRule rule;
    if (sgd.momentum != 0.0) rule.kind = sgd.nesterov ? UpdateKind::nesterov : UpdateKind::momentum;
    rule.coupled_decay = sgd.weight_decay;
    rule.momentum = static_cast<float>(sgd.momentum);
    return rule;
  }
  UpdateRule operator()(const Adagrad& adagrad) const {
    UpdateRule rule;
    rule.kind = UpdateKind::adagrad;
    rule.coupled_decay = adagrad.weight_decay;
    rule.epsilon = adagrad.epsilon;
    return rule;
  }
  UpdateRule operator()(const Adam& adam) const {
    UpdateRule rule = any_adam(adam.beta1, adam.beta2, adam.epsilon);
    rule.coupled_decay = adam.weight_decay;
    return rule;
  }
  UpdateRule operator()(const AdamW& adam) const {
    UpdateRule rule = any_adam(adam.beta1, adam.beta2, adam.epsilon);
    rule.decoupled_decay = adam.weight_decay;
    return rule;
  }

  static UpdateRule any_adam(double beta1, double beta2, double epsilon) {
    UpdateRule rule;
    rule.kind = UpdateKind::adam;
    rule.rest1 = static_cast<float>(1.0 - beta1);
    rule.rest2 = static_cast<float>(1.0 - beta2);
    rule.epsilon = epsilon;
    return rule;
  }
};

}  // namespace

std::vector<UpdatePiece> cut_into_pieces(const StateLayout& layout) {
  std::vector<UpdatePiece> pieces;
  std::uint32_t bucket = 0;
  for (std::uint32_t parameter = 0; parameter < layout.parameters.size(); ++parameter) {
    const std::size_t end = end_of(layout.parameters[parameter]);
    for (std::size_t begin = layout.parameters[parameter].begin; begin < end;) {
      while (layout.buckets[bucket].end <= begin) ++bucket;
      const std::size_t until = std::min(end, layout.buckets[bucket].end);
      pieces.push_back({begin, until, parameter, bucket});
      begin = until;
    }
  }
  return pieces;
}

std::vector<NormBlock> cut_into_norm_blocks(const StateLayout& layout,
                                            const std::vector<UpdatePiece>& pieces) {
  std::vector<std::size_t> by_name(layout.parameters.size());
  std::iota(by_name.begin(), by_name.end(), std::size_t{0});
  std::ranges::stable_sort(by_name, {}, [&layout](std::size_t parameter) -> const std::string& {
    return layout.parameters[parameter].name;
  });
  std::vector<NormBlock> blocks;
  for (const std::size_t parameter : by_name) {
    const std::size_t end = end_of(layout.parameters[parameter]);
    for (std::size_t begin = layout.parameters[parameter].begin; begin < end;
         begin += norm_block_elements) {
      const auto piece = std::ranges::upper_bound(pieces, begin, {}, &UpdatePiece::end);
      blocks.push_back({begin, std::min(end, begin + norm_block_elements),
                        static_cast<std::size_t>(piece - pieces.begin())});
    }
  }
  return blocks;
}

formulas::UpdateRule make_update_rule(const OptimizerSpec& optimizer) {
  UpdateRule rule = std::visit(MakeRule{}, optimizer.algorithm);
  rule.clip_norm = optimizer.clip_norm.value_or(0.0);
  return rule;
}

void check_updatable(const StateLayout& layout, const OptimizerSpec& optimizer) {
  check(optimizer);
  if (layout.optimizer_states != state_names(optimizer)) {
    refuse("expected a layout with the states that the optimizer keeps, got others");
  }
}

void check_update_bindings(const StateLayout& layout, const UpdateBindings& bindings) {
  const std::less<const std::byte*> before;
  if (before(bindings.from, bindings.to + layout.slot_bytes) &&
      before(bindings.to, bindings.from + layout.slot_bytes)) {
    refuse("expected two slots, got one to update in place");
  }
  if (bindings.buckets.size() != layout.buckets.size()) {
    refuse("expected " + std::to_string(layout.buckets.size()) + " buckets, got " +
           std::to_string(bindings.buckets.size()));
  }
}

void check_update_range(const StateLayout& layout, std::size_t begin, std::size_t end) {
  if (begin <= end && end <= layout.parameter_elements && begin % norm_lanes == 0 &&
      end % norm_lanes == 0) {
    return;
  }
  refuse("expected a range of multiples of 16 in [0, " + std::to_string(layout.parameter_elements) +
         "], got [" + std::to_string(begin) + ", " + std::to_string(end) + ")");
}

}  // namespace troupe::gpu::nn
