#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/base/canonical_tree.hpp"

namespace troupe::actors {

/// What is evaluated, the same for all parts of it.
struct EvaluationTask {
  /// A table of classes^2 counts is kept and sent.
  static constexpr std::int64_t most_classes = 2048;

  std::int64_t classes = 0;  ///< 0: a value is predicted
  std::int64_t top_k = 5;    ///< of classes
  std::uint32_t rows = 0;    ///< of all parts: the leaves of the tree that sums follow

  bool operator==(const EvaluationTask&) const = default;
};

/// What is counted over rows first … first + count - 1: from whole numbers and sums, all metrics follow. Sums of f64 are
/// kept by nodes of the canonical tree over all rows, so that however the rows are shared out, the merged counts are
/// the same, bit for bit (JOB-7). A value; used by one thread at a time.
struct EvaluationCounts {
  struct Sums {
    double log_loss = 0, squared = 0, absolute = 0;
    bool operator==(const Sums&) const = default;
  };
  struct Node {
    Subtree where;
    Sums sums;
    bool operator==(const Node&) const = default;
  };

  EvaluationTask task;
  std::uint32_t first = 0, count = 0;
  std::int64_t not_finite = 0;          ///< rows whose prediction holds infinities or NaN
  std::int64_t top_hits = 0;            ///< rows whose label is among the top_k classes
  std::vector<std::int64_t> confusion;  ///< [label, predicted class], classes^2
  std::vector<Node> nodes;              ///< the maximal subtrees of the range, from left to right
  /// Two classes only, by row: the logit of class 1 minus that of class 0, which orders rows as the probability does.
  std::vector<double> scores;
  std::vector<std::uint8_t> labels;  ///< the same, by row

  /// Nothing counted yet. @throws Error bad_input for a task out of range or a first row behind its last.
  EvaluationCounts(const EvaluationTask& of, std::uint32_t first_row);

  /// The next row. The class predicted is that of the largest logit, of equal ones the first.
  /// @param logits [classes], unnormalised
  /// @throws Error bad_input for a label outside of [0, classes), other sizes, or a row too many.
  void add_class(std::span<const float> logits, std::int32_t label);
  /// The same of a task without classes. @throws Error bad_input for a target that is not finite.
  void add_value(float prediction, float target);

  /// Adds what was counted behind this range. @throws Error bad_input if it is of another task, or does not begin
  /// where this one ends.
  void merge(const EvaluationCounts& next);

  /// Whether what was received can have been counted: sizes, ranges and totals fit each other.
  /// @throws Error bad_input with the first thing that does not.
  void check() const;

  bool operator==(const EvaluationCounts&) const = default;

 private:
  std::uint32_t next_row() const;
  void push(Node node);
};

/// The parts in order, from row 0 to the last. @throws Error bad_input as merge(), or if rows are missing.
EvaluationCounts merged(std::span<const EvaluationCounts> parts);

/// All that is known of a version on one split.
///
///     accuracy         rows whose class was predicted
///     top_k            rows whose label is among the top_k largest logits, of equal ones the first
///     log_loss, loss   mean of -log of the label's probability, in nats; without the model's label smoothing
///     precision_macro, recall_macro, f1_macro   mean over the classes that occur, as labels or as predictions
///     precision_micro, recall_micro, f1_micro   of all decisions at once, which is the accuracy
///     roc_auc          two classes: the probability that a row of class 1 scores above one of class 0, ties count half
///                      (Hanley, McNeil, Radiology 143, 1982); NaN without rows of both
///     mse, loss; mae; rmse   of a task without classes
///
/// 0/0 in precision (never predicted), recall (never a label) and F1 (neither) of a class is 0. Without rows, or with
/// any prediction that is not finite, all of them are NaN: such a version passes no gate.
struct Metrics {
  struct OfClass {
    double precision = 0, recall = 0, f1 = 0;
    std::int64_t support = 0;  ///< rows with this label
  };

  std::uint64_t rows = 0;
  std::int64_t not_finite = 0;
  std::vector<std::pair<std::string, double>> values;  ///< in the order of metric_names()
  std::vector<OfClass> classes;
  std::vector<std::int64_t> confusion;  ///< [label, predicted class]

  /// @throws Error bad_input with the nearest name, if there is none such.
  double value(std::string_view name) const;
};

/// The metrics that a task with so many classes has.
std::vector<std::string_view> metric_names(std::int64_t classes);
/// Whether a larger value of the metric is a better one.
bool larger_is_better(std::string_view metric);

/// @throws Error bad_input unless `whole` holds all rows of its task.
Metrics metrics_of(const EvaluationCounts& whole);

/// As one JSON object: {"rows", "not_finite", "metrics": {NAME: NUMBER}, "classes": [{"name", "precision", "recall",
/// "f1", "support"}], "confusion": [[…]]}. NaN is null. Equal metrics give equal texts.
/// @param class_names  one a class, or empty: their numbers
std::string to_json(const Metrics& metrics, std::span<const std::string> class_names = {});

}  // namespace troupe::actors
