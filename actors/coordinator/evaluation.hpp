#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "actors/evaluator/metrics.hpp"
#include "runtime/actor/context.hpp"
#include "runtime/actor/ref.hpp"

namespace troupe::actors {

/// What is to be measured: one version on one split.
struct EvaluationOrder {
  std::uint64_t step = 0;
  std::string checkpoint;  ///< its folder
  std::string split;       ///< "validation", "test"
};

/// A member of the coordinator that has versions evaluated, one after another: it shares the parts out among the
/// evaluators that are there, asks again what one of them did not answer, and merges the counts in order (JOB-7).
class Evaluation {
 public:
  using OnMeasured = std::function<void(const EvaluationOrder&, const Metrics&)>;
  using OnFailed = std::function<void(const EvaluationOrder&, const std::string& reason)>;

  /// @param data  the folder of the prepared data
  /// @param spec  the config's section, JSON
  /// @param on_failed  a version that nobody can evaluate, after several tries by whoever is there
  Evaluation(runtime::Context& context, std::string data, std::string spec, std::uint32_t parts,
             OnMeasured on_measured, OnFailed on_failed);
  ~Evaluation();
  Evaluation(const Evaluation&) = delete;
  Evaluation& operator=(const Evaluation&) = delete;

  void join(const std::string& path);
  void add(EvaluationOrder order);
  /// Nothing is measured or waits for it.
  bool idle() const { return orders_.empty(); }

 private:
  struct Part;

  void begin_next();
  void ask(std::uint32_t part);
  void finish();

  runtime::Context& context_;
  const std::string data_, spec_;
  const std::uint32_t parts_;
  OnMeasured on_measured_;
  OnFailed on_failed_;
  std::map<std::string, runtime::Ref> evaluators_;
  std::map<std::string, std::uint64_t> watches_;
  std::deque<EvaluationOrder> orders_;  // the first is being measured
  std::vector<std::unique_ptr<EvaluationCounts>> counts_;
  std::uint64_t round_ = 0;  // of orders, so that late answers are told apart
  std::uint32_t next_evaluator_ = 0, refusals_ = 0;
  bool begun_ = false;
};

}  // namespace troupe::actors
