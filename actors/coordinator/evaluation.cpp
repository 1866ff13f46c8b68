#include "actors/coordinator/evaluation.hpp"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

#include "actors/evaluator/evaluation_messages.hpp"
#include "runtime/actor/name_table.hpp"
#include "runtime/telemetry/log.hpp"
#include "serialization/schema/evaluation.capnp.h"

namespace troupe::actors {

using namespace runtime;
using namespace std::chrono_literals;

namespace {
constexpr Duration answer_within = 10min;
constexpr Duration try_again_after = 50ms;
constexpr std::uint32_t most_refusals = 20;  // of one version
}  // namespace

Evaluation::Evaluation(Context& context, std::string data, std::string spec, std::uint32_t parts,
                       OnMeasured on_measured, OnFailed on_failed)
    : context_{context},
      data_{std::move(data)},
      spec_{std::move(spec)},
      parts_{parts},
      on_measured_{std::move(on_measured)},
      on_failed_{std::move(on_failed)} {}

Evaluation::~Evaluation() {
  for (const auto& [path, watch] : watches_) context_.unwatch(watch);
}

void Evaluation::join(const std::string& path) {
  if (!evaluators_.emplace(path, context_.ref(path)).second) return;
  watches_[path] = context_.watch(evaluators_.at(path), [this, path](const Change& change) {
    if (change.up) return;
    context_.unwatch(watches_.at(path));
    watches_.erase(path);
    evaluators_.erase(path);
  });
  if (!begun_) begin_next();
}

void Evaluation::add(EvaluationOrder order) {
  orders_.push_back(std::move(order));
  if (!begun_) begin_next();
}

void Evaluation::begin_next() {
  if (orders_.empty() || evaluators_.empty()) return;
  begun_ = true;
  ++round_;
  refusals_ = 0;
  counts_.clear();
  counts_.resize(parts_);
  for (std::uint32_t part = 0; part < parts_; ++part) ask(part);
}

void Evaluation::ask(std::uint32_t part) {
  const auto again = [this, part, round = round_] {
    context_.after(try_again_after, [this, part, round] {
      if (round == round_ && begun_ && !counts_[part]) ask(part);
    });
  };
  if (evaluators_.empty()) return again();
  const Ref to = std::next(evaluators_.begin(), next_evaluator_++ % evaluators_.size())->second;
  const EvaluationOrder& order = orders_.front();
  context_.ask<wire::EvaluatePart>(
      to, part_order_frame({order.checkpoint, data_, order.split, part, parts_, spec_}),
      answer_within, [this, part, again, round = round_](const Answer& answer) {
        if (round != round_ || !begun_ || counts_[part]) return;
        if (answer.ok()) {
          counts_[part] = std::make_unique<EvaluationCounts>(read_counts(answer.frame()).counts);
          if (std::ranges::all_of(counts_, [](const auto& counts) { return counts != nullptr; }))
            finish();
          return;
        }
        context_.log().warning("a part was not evaluated",
                               {{"part", part}, {"why", answer.failure().text}});
        if (answer.failure().kind == FailureKind::refused && ++refusals_ > most_refusals) {
          const EvaluationOrder failed = std::move(orders_.front());
          begun_ = false;
          orders_.pop_front();
          on_failed_(failed, answer.failure().text);
          if (!begun_) begin_next();
          return;
        }
        again();
      });
}

void Evaluation::finish() {
  std::vector<EvaluationCounts> parts;
  for (const auto& counts : counts_) parts.push_back(*counts);
  const Metrics metrics = metrics_of(merged(parts));
  const EvaluationOrder order = std::move(orders_.front());
  orders_.pop_front();
  begun_ = false;
  on_measured_(order, metrics);
  if (!begun_) begin_next();
}

}  // namespace troupe::actors
