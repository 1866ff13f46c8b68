#include "actors/evaluator/evaluation_messages.hpp"

#include "serialization/malformed_frame.hpp"

using namespace troupe;
using namespace troupe::actors;
using serialization::Frame;
using serialization::MalformedFrame;

namespace {

EvaluationCounts some_counts(std::int64_t classes) {
  EvaluationCounts counts{{classes, 2, 50}, 5};
  for (std::int32_t i = 0; i < 20; ++i) {
    if (classes == 0) {
      counts.add_value(static_cast<float>(i) * 0.3F, 1.0F);
      continue;
    }
    std::vector<float> logits(static_cast<std::size_t>(classes));
    for (std::size_t k = 0; k < logits.size(); ++k)
      logits[k] = static_cast<float>((static_cast<std::size_t>(i) * 7 + k * 3) % 11);
    counts.add_class(logits, i % static_cast<std::int32_t>(classes));
  }
  return counts;
}

}  // namespace

TEST_CASE("evaluation messages: an order is read as it was written") {
  const PartOrder order{"/checkpoints/step-1", "/data", "test", 3, 8, R"({"batch": 50})"};
  CHECK(read_part_order(part_order_frame(order)) == order);
  PartOrder beyond = order;
  beyond.part = 8;
  CHECK_THROWS_AS(read_part_order(part_order_frame(beyond)), MalformedFrame);
  CHECK_THROWS_AS(read_part_order(Frame{}), MalformedFrame);
}

TEST_CASE("evaluation messages: counts are read as they were written, bit for bit") {
  for (const std::int64_t classes : {0, 2, 7}) {
    const EvaluationCounts counts = some_counts(classes);
    const PartCounts read = read_counts(counts_frame(counts, 1200));
    CHECK(read.step == 1200);
    CHECK(read.counts == counts);
  }
}

TEST_CASE("evaluation messages: counts that cannot have been counted are the sender's fault") {
  const auto refused = [](auto&& spoil) {
    EvaluationCounts counts = some_counts(2);
    spoil(counts);
    CHECK_THROWS_AS(read_counts(counts_frame(counts, 1)), MalformedFrame);
  };
  refused([](EvaluationCounts& c) { c.task.classes = 1 << 20; });
  refused([](EvaluationCounts& c) { c.task.classes = 3; });
  refused([](EvaluationCounts& c) { c.task.rows = 24; });
  refused([](EvaluationCounts& c) { c.first = 60; });
  refused([](EvaluationCounts& c) { c.count = 1U << 31U; });
  refused([](EvaluationCounts& c) { c.confusion[0] = 21; });
  refused([](EvaluationCounts& c) { c.nodes.pop_back(); });
  refused([](EvaluationCounts& c) { c.scores.clear(); });
  CHECK_THROWS_AS(read_counts(Frame{}), MalformedFrame);
  CHECK_THROWS_AS(read_counts(part_order_frame({})), MalformedFrame);
}

TEST_CASE("evaluation messages: a frame with any bit changed is read or refused, nothing else") {
  const Frame sound = counts_frame(some_counts(2), 7);
  for (std::size_t bit = 0; bit < sound.bytes().size() * 8; bit += 3) {
    std::vector<std::byte> bytes{sound.bytes().begin(), sound.bytes().end()};
    bytes[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
    try {
      read_counts(Frame::from_bytes(bytes, 1 << 20)).counts.check();
    } catch (const Error&) {
    }
  }
}
