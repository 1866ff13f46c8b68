#include "actors/feedback/feedback_messages.hpp"

#include <capnp/message.h>

#include <limits>
#include <utility>

#include "runtime/base/error.hpp"
#include "serialization/frame_reader.hpp"
#include "serialization/make_frame.hpp"
#include "serialization/schema/feedback.capnp.h"

namespace troupe::actors {

using serialization::make_frame;
using serialization::read_head;

namespace {

constexpr double none = std::numeric_limits<double>::quiet_NaN();

std::string text_of(capnp::Text::Reader text) {
  return {text.begin(), text.size()};
}

capnp::Text::Reader text_for(const std::string& text) {
  return {text.c_str(), text.size()};
}

void set(wire::RetrainWanted::Builder head, const Trigger& trigger, const std::string& model) {
  head.setModel(text_for(model));
  head.setRowid(trigger.rowid);
  head.setReason(text_for(trigger.reason));
}

}  // namespace

void RecordedRows::append_to(std::vector<Prediction>& to, std::string_view model) const {
  const std::size_t classes = rows.empty() ? 0 : outputs.size() / rows.size();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    Prediction one;
    one.id = rows[i].id;
    one.time_us = rows[i].time_us;
    one.model = model;
    one.version = version;
    one.type = type;
    one.input = inputs.subspan(i * row_bytes(), row_bytes());
    one.outputs = outputs.subspan(i * classes, classes);
    one.predicted = rows[i].predicted;
    one.confidence = rows[i].confidence;
    to.push_back(one);
  }
}

RecordedRows read_rows(const Frame& frame) {
  RecordedRows result;
  result.frame = frame;
  std::size_t inputs = 0, outputs = 0;
  read_head<wire::RecordPredictions>(frame, [&](wire::RecordPredictions::Reader head) {
    result.version = text_of(head.getVersion());
    result.type =
        head.getType() == wire::RecordPredictions::RowType::U8 ? RowType::u8 : RowType::f32;
    for (const auto row : head.getRows())
      result.rows.push_back({text_of(row.getId()), row.getTimeMicroseconds(), row.getPredicted(),
                             row.getConfidence()});
    inputs = head.getInputs();
    outputs = head.getOutputs();
  });
  if (result.rows.empty()) return result;
  result.inputs = frame.payload(inputs);
  result.outputs = frame.payload_of<float>(outputs);
  const auto refuse = [](const std::string& what) {
    throw Error{ErrorCode::bad_input, "record predictions: " + what};
  };
  const std::size_t count = result.rows.size();
  if (result.inputs.empty() || result.inputs.size() % (count * element_bytes(result.type)) != 0)
    refuse("expected " + std::to_string(count) + " rows of one size, got " +
           std::to_string(result.inputs.size()) + " bytes");
  if (result.outputs.empty() || result.outputs.size() % count != 0)
    refuse("expected " + std::to_string(count) + " rows of outputs, got " +
           std::to_string(result.outputs.size()) + " numbers");
  const std::size_t classes = result.outputs.size() / count;
  for (const RecordedRows::Row& row : result.rows) {
    if (row.id.empty() || row.id.size() > 64)
      refuse("expected ids of 1 to 64 bytes, got " + std::to_string(row.id.size()));
    if (static_cast<std::uint64_t>(row.predicted) >= classes)
      refuse("expected classes below " + std::to_string(classes) + ", got " +
             std::to_string(row.predicted));
  }
  return result;
}

Frame recorded_frame(std::size_t added) {
  return make_frame<wire::PredictionsRecorded>([&](wire::PredictionsRecorded::Builder head) {
    head.setAdded(static_cast<std::uint32_t>(added));
  });
}

Verdict read_verdict(const Frame& frame) {
  Verdict verdict;
  read_head<wire::AddFeedback>(frame, [&](wire::AddFeedback::Reader head) {
    // Longer ids are nobody's; they need not be copied whole to find that out.
    const capnp::Text::Reader id = head.getId();
    verdict.id.assign(id.begin(), std::min<std::size_t>(id.size(), 65));
    verdict.time_us = head.getTimeMicroseconds();
    if (head.isLabel()) verdict.label = head.getLabel();
    if (head.isRating()) verdict.rating = head.getRating();
  });
  return verdict;
}

Frame outcome_frame(const VerdictOutcome& outcome) {
  return make_frame<wire::FeedbackAdded>([&](wire::FeedbackAdded::Builder head) {
    head.setResult(static_cast<wire::FeedbackAdded::Result>(outcome.result));
    head.setRowid(outcome.rowid);
  });
}
static_assert(static_cast<int>(VerdictResult::accepted) ==
              static_cast<int>(wire::FeedbackAdded::Result::ACCEPTED));
static_assert(static_cast<int>(VerdictResult::unknown) ==
              static_cast<int>(wire::FeedbackAdded::Result::UNKNOWN));
static_assert(static_cast<int>(VerdictResult::repeated) ==
              static_cast<int>(wire::FeedbackAdded::Result::REPEATED));
static_assert(static_cast<int>(VerdictResult::invalid) ==
              static_cast<int>(wire::FeedbackAdded::Result::INVALID));
static_assert(static_cast<int>(VerdictResult::known) ==
              static_cast<int>(wire::FeedbackAdded::Result::KNOWN));

Frame status_frame(const MonitorStatus& status, std::string_view model) {
  return make_frame<wire::FeedbackStatus>([&](wire::FeedbackStatus::Builder head) {
    const std::string name{model};
    head.setModel(text_for(name));
    head.setVersion(text_for(status.version));
    head.setPredictions(status.counts.predictions);
    head.setFeedback(status.counts.feedback);
    head.setLabels(status.counts.labels);
    head.setLastRowid(status.counts.last_feedback);
    head.setNewLabels(status.new_labels);
    head.setWindowLabels(status.window_labels);
    head.setAccuracy(status.accuracy.value_or(none));
    head.setOverallAccuracy(status.overall_accuracy.value_or(none));
    head.setHasDrift(status.drift.has_value());
    head.setClassDrift(status.drift ? status.drift->classes.value_or(none) : none);
    if (status.drift) {
      const std::vector<double>& groups = status.drift->groups;
      auto list = head.initGroupDrift(static_cast<unsigned>(groups.size()));
      for (unsigned g = 0; g < list.size(); ++g) list.set(g, groups[g]);
    }
    head.setWindowPredictions(status.window_predictions);
    head.setNotFinite(status.not_finite);
    head.setHasTrigger(status.trigger.has_value());
    head.setAcknowledged(status.acknowledged);
    if (status.trigger) set(head.initTrigger(), *status.trigger, name);
  });
}

ReferenceOrder read_reference_order(const Frame& frame) {
  ReferenceOrder order;
  read_head<wire::NewReference>(frame, [&](wire::NewReference::Reader head) {
    order = {text_of(head.getVersion()), text_of(head.getReference())};
  });
  return order;
}

SnapshotOrder read_snapshot_order(const Frame& frame) {
  SnapshotOrder order;
  read_head<wire::Snapshot>(frame, [&](wire::Snapshot::Reader head) {
    order = {head.getN(), text_of(head.getFile())};
  });
  return order;
}

Frame snapshot_frame(const SnapshotFile& file) {
  return make_frame<wire::SnapshotWritten>([&](wire::SnapshotWritten::Builder head) {
    head.setRecords(file.records);
    head.setSha256(text_for(file.sha256));
  });
}

Frame done_frame() {
  return make_frame<wire::FeedbackDone>([](wire::FeedbackDone::Builder) {});
}

Frame wanted_frame(const Trigger& trigger, std::string_view model) {
  return make_frame<wire::RetrainWanted>(
      [&](wire::RetrainWanted::Builder head) { set(head, trigger, std::string{model}); });
}

}  // namespace troupe::actors
