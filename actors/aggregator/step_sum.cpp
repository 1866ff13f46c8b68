#include "actors/aggregator/step_sum.hpp"

#include <array>
#include <cstring>
#include <utility>

#include "runtime/base/aligned_block.hpp"
#include "runtime/base/error.hpp"

namespace troupe::actors {

using namespace gpu;

StepSum::StepSum(std::shared_ptr<const TrainingJob> job, Device& device)
    : job_{std::move(job)},
      device_{device},
      stream_{device.make_stream()},
      tree_{job_->shards()},
      digests_(job_->shards()) {}

StepSum::Arrival StepSum::add(Subtree node, std::span<const std::byte> gradient,
                              std::span<const std::byte> sums, serialization::Frame owner,
                              std::span<const ShardDigest> digests) {
  const nn::StateLayout& layout = job_->layout();
  if (gradient.size() != layout.parameter_elements * sizeof(float) ||
      sums.size() != layout.sums_bytes || digests.size() != node.count) {
    throw Error{ErrorCode::bad_input,
                "aggregator: expected a gradient of " +
                    std::to_string(layout.parameter_elements * sizeof(float)) +
                    " bytes and sums of " + std::to_string(layout.sums_bytes) + ", got " +
                    std::to_string(gradient.size()) + " and " + std::to_string(sums.size())};
  }
  const ShardTree::Outcome outcome = tree_.add(node);
  if (outcome.arrival != ShardTree::Arrival::fresh) {
    for (std::uint32_t i = 0; i < node.count; ++i)
      if (!(digests_[node.first + i] == digests[i])) return Arrival::different;
    const auto first = values_.find(key(node));
    if (first == values_.end()) return Arrival::dropped;
    const bool same = std::memcmp(first->second.gradient, gradient.data(), gradient.size()) == 0 &&
                      std::memcmp(first->second.sums, sums.data(), sums.size()) == 0;
    return same ? Arrival::same : Arrival::different;
  }
  std::copy(digests.begin(), digests.end(), digests_.begin() + node.first);
  // What is below the node is not needed any more.
  for (auto at = values_.begin(); at != values_.end();) {
    const auto first = static_cast<std::uint32_t>(at->first >> 32U);
    if (first >= node.first && first < node.first + node.count) {
      recycle(at->second);
      at = values_.erase(at);
    } else {
      ++at;
    }
  }
  values_[key(node)] = {gradient.data(), sums.data(), std::move(owner), nullptr};
  for (const Addition& addition : outcome.additions) {
    Value& left = values_.at(key(addition.left));
    Value& right = values_.at(key(addition.right));
    Value total = sum(left, right);
    recycle(left);
    recycle(right);
    values_.erase(key(addition.left));
    values_.erase(key(addition.right));
    values_[key(addition.sum)] = std::move(total);
  }
  return Arrival::added;
}

StepSum::Value StepSum::sum(const Value& left, const Value& right) {
  const nn::StateLayout& layout = job_->layout();
  const std::size_t gradient_bytes = layout.parameter_elements * sizeof(float);
  Value result;
  if (spare_.empty()) {
    result.block = aligned_block(gradient_bytes + layout.sums_bytes);
  } else {
    result.block = std::move(spare_.back());
    spare_.pop_back();
  }
  result.gradient = result.block.get();
  result.sums = result.block.get() + gradient_bytes;
  const auto add = [&](DType dtype, const std::byte* a, const std::byte* b, std::byte* to,
                       std::size_t elements) {
    if (elements > 0) device_.add_chain(*stream_, dtype, std::array{a, b}, to, elements);
  };
  add(DType::f32, left.gradient, right.gradient, result.block.get(), layout.parameter_elements);
  const auto add_sums = [&](DType dtype, std::size_t at, std::size_t elements) {
    add(dtype, left.sums + at, right.sums + at, result.block.get() + gradient_bytes + at, elements);
  };
  add_sums(DType::f64, nn::StateLayout::loss_offset_bytes, 1);
  add_sums(DType::i64, nn::StateLayout::rows_offset_bytes, 1);
  add_sums(DType::f64, nn::StateLayout::moments_begin_bytes,
           (layout.sums_bytes - nn::StateLayout::moments_begin_bytes) / sizeof(double));
  stream_->synchronize();
  return result;
}

void StepSum::recycle(Value& value) {
  if (value.block) spare_.push_back(std::move(value.block));
}

std::vector<Subtree> StepSum::missing() const {
  std::vector<Subtree> result;
  std::vector<Subtree> open{{0, tree_.leaves()}};
  while (!open.empty()) {
    const Subtree node = open.back();
    open.pop_back();
    if (tree_.known(node)) continue;
    bool untouched = true;
    for (const auto& [at, value] : values_) {
      const auto first = static_cast<std::uint32_t>(at >> 32U);
      untouched = untouched && !(first >= node.first && first < node.first + node.count);
    }
    if (untouched || node.count == 1) {
      result.push_back(node);
    } else {
      open.push_back(right_child(node));
      open.push_back(left_child(node));
    }
  }
  return result;
}

const StepSum::Value& StepSum::whole() const {
  const auto at = values_.find(key({0, tree_.leaves()}));
  if (at == values_.end()) throw Error{ErrorCode::bug, "aggregator: the step is not complete"};
  return at->second;
}

std::vector<const std::byte*> StepSum::buckets() const {
  std::vector<const std::byte*> result;
  const std::byte* const gradient = whole().gradient;
  for (const nn::Bucket& bucket : job_->layout().buckets)
    result.push_back(gradient + bucket.begin * sizeof(float));
  return result;
}

const std::byte* StepSum::sums() const {
  return whole().sums;
}

std::int64_t StepSum::rows() const {
  std::int64_t rows = 0;
  std::memcpy(&rows, sums() + nn::StateLayout::rows_offset_bytes, sizeof rows);
  return rows;
}

double StepSum::mean_loss() const {
  double loss = 0.0;
  std::memcpy(&loss, sums() + nn::StateLayout::loss_offset_bytes, sizeof loss);
  return rows() > 0 ? loss / static_cast<double>(rows()) : 0.0;
}

void StepSum::clear() {
  tree_.clear();
  for (auto& [at, value] : values_) recycle(value);
  values_.clear();
}

}  // namespace troupe::actors
