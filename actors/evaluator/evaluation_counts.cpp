#include <algorithm>
#include <cmath>
#include <string>

#include "actors/evaluator/metrics.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/float_environment.hpp"
#include "runtime/base/math.hpp"

namespace troupe::actors {
namespace {

[[noreturn]] void refuse(const std::string& what) {
  throw Error{ErrorCode::bad_input, "evaluation: " + what};
}

/// -log of the label's share of the softmax, in f64 and in order of class.
double log_loss(std::span<const float> logits, std::size_t label, float largest) {
  double sum = 0;
  for (const float logit : logits)
    sum += math::exp(static_cast<double>(logit) - static_cast<double>(largest));
  return math::log(sum) - (static_cast<double>(logits[label]) - static_cast<double>(largest));
}

}  // namespace

EvaluationCounts::EvaluationCounts(const EvaluationTask& of, std::uint32_t first_row)
    : task{of}, first{first_row} {
  if (task.classes < 0 || task.classes > EvaluationTask::most_classes || task.top_k < 1 ||
      first > task.rows) {
    refuse("expected 0 to " + std::to_string(EvaluationTask::most_classes) +
           " classes, a top_k of 1 or more, and a first row within " + std::to_string(task.rows) +
           ", got " + std::to_string(task.classes) + ", " + std::to_string(task.top_k) + " and " +
           std::to_string(first));
  }
  confusion.resize(static_cast<std::size_t>(task.classes * task.classes));
}

std::uint32_t EvaluationCounts::next_row() const {
  if (count >= task.rows - first)
    refuse("expected at most " + std::to_string(task.rows) + " rows, got one more");
  return first + count;
}

void EvaluationCounts::add_class(std::span<const float> logits, std::int32_t label) {
  const FloatEnvironment environment;
  const std::uint32_t row = next_row();
  const auto classes = static_cast<std::size_t>(task.classes);
  if (classes == 0 || logits.size() != classes)
    refuse("expected " + std::to_string(classes) + " logits, got " + std::to_string(logits.size()));
  if (label < 0 || label >= task.classes) {
    refuse("row " + std::to_string(row) + ": expected a label from 0 to " +
           std::to_string(task.classes - 1) + ", got " + std::to_string(label));
  }
  const auto truth = static_cast<std::size_t>(label);
  Sums sums;
  std::size_t best = 0;
  double score = 0;
  if (std::ranges::all_of(logits, [](float x) { return std::isfinite(x); })) {
    std::int64_t before = 0;  // classes that stand before the label
    for (std::size_t k = 0; k < classes; ++k) {
      if (logits[k] > logits[best]) best = k;
      if (logits[k] > logits[truth] || (logits[k] == logits[truth] && k < truth)) ++before;
    }
    top_hits += before < task.top_k ? 1 : 0;
    sums.log_loss = log_loss(logits, truth, logits[best]);
    if (classes == 2) score = static_cast<double>(logits[1]) - static_cast<double>(logits[0]);
  } else {
    ++not_finite;
  }
  ++confusion[truth * classes + best];
  if (classes == 2) {
    scores.push_back(score);
    labels.push_back(static_cast<std::uint8_t>(label));
  }
  ++count;
  push({{row, 1}, sums});
}

void EvaluationCounts::add_value(float prediction, float target) {
  const FloatEnvironment environment;
  const std::uint32_t row = next_row();
  if (task.classes != 0)
    refuse("expected logits of " + std::to_string(task.classes) + " classes, got a value");
  if (!std::isfinite(target))
    refuse("row " + std::to_string(row) + ": expected a finite target, got another");
  Sums sums;
  if (std::isfinite(prediction)) {
    const double error = static_cast<double>(prediction) - static_cast<double>(target);
    sums.squared = error * error;
    sums.absolute = std::abs(error);
  } else {
    ++not_finite;
  }
  ++count;
  push({{row, 1}, sums});
}

/// Puts a node behind the others, and adds up as long as the last two are the children of one.
void EvaluationCounts::push(Node node) {
  nodes.push_back(node);
  while (nodes.size() >= 2) {
    Node& left = nodes[nodes.size() - 2];
    const Node& right = nodes.back();
    const Subtree above = parent(right.where, task.rows);
    if (left_child(above) != left.where) return;
    left = {above,
            {left.sums.log_loss + right.sums.log_loss, left.sums.squared + right.sums.squared,
             left.sums.absolute + right.sums.absolute}};
    nodes.pop_back();
  }
}

void EvaluationCounts::merge(const EvaluationCounts& next) {
  const FloatEnvironment environment;
  if (!(next.task == task)) refuse("expected parts of one task, got another one's");
  if (next.first != first + count) {
    refuse("expected the part that begins with row " + std::to_string(first + count) +
           ", got that of row " + std::to_string(next.first));
  }
  if (next.count > task.rows - next.first)
    refuse("expected at most " + std::to_string(task.rows) + " rows, got more");
  count += next.count;
  not_finite += next.not_finite;
  top_hits += next.top_hits;
  for (std::size_t i = 0; i < confusion.size(); ++i) confusion[i] += next.confusion[i];
  for (const Node& node : next.nodes) push(node);
  scores.insert(scores.end(), next.scores.begin(), next.scores.end());
  labels.insert(labels.end(), next.labels.begin(), next.labels.end());
}

void EvaluationCounts::check() const {
  const EvaluationCounts empty{task, first};
  if (count > task.rows - first) refuse("expected at most " + std::to_string(task.rows) + " rows");
  if (confusion.size() != empty.confusion.size()) refuse("expected a table of classes * classes");
  std::int64_t counted = 0;
  for (const std::int64_t entry : confusion) {
    if (entry < 0 || entry > count) refuse("expected counts from 0 to the rows");
    counted += entry;
  }
  if (task.classes > 0 && counted != count)
    refuse("expected a table whose counts add up to the rows");
  if (top_hits < 0 || top_hits > count || not_finite < 0 || not_finite > count)
    refuse("expected counts from 0 to the rows");
  const std::vector<Subtree> expected = maximal_subtrees({first, count}, task.rows);
  if (!std::ranges::equal(nodes, expected, {}, &Node::where))
    refuse("expected sums by the maximal subtrees of the rows");
  for (const Node& node : nodes) {
    for (const double sum : {node.sums.log_loss, node.sums.squared, node.sums.absolute})
      if (!(sum >= 0)) refuse("expected sums of 0 or more");
  }
  const std::size_t kept = task.classes == 2 ? count : 0;
  if (scores.size() != kept || labels.size() != kept) refuse("expected a score and a label a row");
  if (!std::ranges::all_of(scores, [](double score) { return std::isfinite(score); }) ||
      !std::ranges::all_of(labels, [](std::uint8_t label) { return label <= 1; })) {
    refuse("expected finite scores, and labels of 0 or 1");
  }
}

EvaluationCounts merged(std::span<const EvaluationCounts> parts) {
  if (parts.empty()) refuse("expected parts, got none");
  EvaluationCounts whole = parts.front();
  if (whole.first != 0) refuse("expected the part that begins with row 0");
  for (const EvaluationCounts& next : parts.subspan(1)) whole.merge(next);
  if (whole.count != whole.task.rows) {
    refuse("expected parts with all " + std::to_string(whole.task.rows) + " rows, got " +
           std::to_string(whole.count));
  }
  return whole;
}

}  // namespace troupe::actors
