#include "actors/evaluator/evaluation_messages.hpp"

#include <capnp/message.h>

#include <array>
#include <vector>

#include "runtime/base/canonical_tree.hpp"
#include "serialization/frame_reader.hpp"
#include "serialization/make_frame.hpp"
#include "serialization/schema/evaluation.capnp.h"

namespace troupe::actors {

using serialization::Frame;
using serialization::make_frame;
using serialization::MalformedFrame;
using serialization::read_head;

namespace {

constexpr std::size_t sums_per_node = 3;

std::string text(capnp::Text::Reader from) {
  return {from.begin(), from.size()};
}

}  // namespace

Frame part_order_frame(const PartOrder& order) {
  return make_frame<wire::EvaluatePart>([&](wire::EvaluatePart::Builder head) {
    head.setCheckpoint(order.checkpoint);
    head.setData(order.data);
    head.setSplit(order.split);
    head.setPart(order.part);
    head.setParts(order.parts);
    head.setSpec(order.spec);
  });
}

PartOrder read_part_order(const Frame& frame) {
  PartOrder order;
  read_head<wire::EvaluatePart>(frame, [&](wire::EvaluatePart::Reader head) {
    order = {text(head.getCheckpoint()),
             text(head.getData()),
             text(head.getSplit()),
             head.getPart(),
             head.getParts(),
             text(head.getSpec())};
  });
  if (order.part >= order.parts)
    throw MalformedFrame{"evaluate part: expected a part below " + std::to_string(order.parts) +
                         ", got " + std::to_string(order.part)};
  return order;
}

Frame counts_frame(const EvaluationCounts& counts, std::uint64_t step) {
  std::vector<double> sums;
  for (const EvaluationCounts::Node& node : counts.nodes)
    sums.insert(sums.end(), {node.sums.log_loss, node.sums.squared, node.sums.absolute});
  return make_frame<wire::EvaluationCounts>(
      [&](wire::EvaluationCounts::Builder head) {
        head.setStep(step);
        head.setClasses(counts.task.classes);
        head.setTopK(counts.task.top_k);
        head.setRows(counts.task.rows);
        head.setFirst(counts.first);
        head.setCount(counts.count);
        head.setTopHits(counts.top_hits);
        head.setNotFinite(counts.not_finite);
      },
      counts.confusion, sums, counts.scores, counts.labels);
}

PartCounts read_counts(const Frame& frame) {
  EvaluationTask task;
  std::uint32_t first = 0, count = 0;
  std::uint64_t step = 0;
  std::int64_t top_hits = 0, not_finite = 0;
  read_head<wire::EvaluationCounts>(frame, [&](wire::EvaluationCounts::Reader head) {
    task = {head.getClasses(), head.getTopK(), head.getRows()};
    step = head.getStep();
    first = head.getFirst();
    count = head.getCount();
    top_hits = head.getTopHits();
    not_finite = head.getNotFinite();
  });
  const auto confusion = frame.payload_of<std::int64_t>(0);
  const auto sums = frame.payload_of<double>(1);
  const auto scores = frame.payload_of<double>(2);
  const auto labels = frame.payload_of<std::uint8_t>(3);
  try {
    PartCounts read{step, EvaluationCounts{task, first}};
    EvaluationCounts& counts = read.counts;
    counts.count = count;
    counts.top_hits = top_hits;
    counts.not_finite = not_finite;
    counts.confusion.assign(confusion.begin(), confusion.end());
    counts.scores.assign(scores.begin(), scores.end());
    counts.labels.assign(labels.begin(), labels.end());
    const std::vector<Subtree> nodes = maximal_subtrees({first, count}, task.rows);
    if (sums.size() != nodes.size() * sums_per_node)
      throw MalformedFrame{"evaluation: expected sums of " + std::to_string(nodes.size()) +
                           " subtrees"};
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      const auto at = sums.subspan(i * sums_per_node, sums_per_node);
      counts.nodes.push_back({nodes[i], {at[0], at[1], at[2]}});
    }
    counts.check();
    return read;
  } catch (const MalformedFrame&) {
    throw;
  } catch (const Error& error) {  // what came does not fit, and is the sender's fault
    throw MalformedFrame{error.what()};
  }
}

}  // namespace troupe::actors
