#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "actors/feedback/feedback_monitor.hpp"
#include "actors/feedback/feedback_store.hpp"
#include "actors/feedback/snapshot_file.hpp"
#include "serialization/frame.hpp"

/// The messages of serialization/schema/feedback.capnp, read and written. What reads throws MalformedFrame for an unsound
/// frame, and Error bad_input for one that does not hold what it says.
namespace troupe::actors {

using serialization::Frame;

/// The rows of a RecordPredictions, which lie in its frame.
struct RecordedRows {
  struct Row {
    std::string id;
    std::int64_t time_us = 0;
    std::int64_t predicted = 0;
    double confidence = 0;
  };
  Frame frame;
  std::string version;
  RowType type = RowType::f32;
  std::vector<Row> rows;
  std::span<const std::byte> inputs;
  std::span<const float> outputs;

  std::size_t row_bytes() const { return rows.empty() ? 0 : inputs.size() / rows.size(); }
  /// Views of all rows, added to `to`; they live as long as this and `model`.
  void append_to(std::vector<Prediction>& to, std::string_view model) const;
};

RecordedRows read_rows(const Frame& frame);
Frame recorded_frame(std::size_t added);
Verdict read_verdict(const Frame& frame);
Frame outcome_frame(const VerdictOutcome& outcome);
Frame status_frame(const MonitorStatus& status, std::string_view model);

struct ReferenceOrder {
  std::string version, reference;
};
ReferenceOrder read_reference_order(const Frame& frame);

struct SnapshotOrder {
  std::int64_t n = 0;
  std::string file;
};
SnapshotOrder read_snapshot_order(const Frame& frame);
Frame snapshot_frame(const SnapshotFile& file);
Frame done_frame();
Frame wanted_frame(const Trigger& trigger, std::string_view model);

}  // namespace troupe::actors
