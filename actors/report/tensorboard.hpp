#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "actors/report/append_file.hpp"
#include "runtime/base/file.hpp"

namespace troupe::actors {

/// Writes scalars where TensorBoard finds them: a file of TFRecords (length, masked CRC-32C, bytes, masked CRC-32C) whose
/// bytes are `tensorflow.Event` messages. Formats: tensorflow/core/lib/io/record_writer.h, tensorflow/core/util/event.proto,
/// tensorflow/core/framework/summary.proto.
///
/// Each record is handed to the system at once, so that a running TensorBoard shows it. Not thread-safe.
class TensorboardWriter {
 public:
  using Scalar = std::pair<std::string, double>;

  /// A new file "events.out.tfevents.SECONDS.troupe.N" in `folder`; one a session, since readers do not get past a torn
  /// record. @param wall_seconds since the epoch, from the caller
  TensorboardWriter(FileSystem& files, const std::string& folder, double wall_seconds);

  /// Tells TensorBoard to forget what earlier files say of this step and later ones: a job goes on from there.
  void resumed(std::uint64_t step, double wall_seconds);
  /// Values of one step, in one record; nothing for none. They are kept as f32.
  void add(std::uint64_t step, double wall_seconds, std::span<const Scalar> scalars);
  void sync() { file_.sync(); }

  const std::string& path() const { return file_.path(); }

 private:
  void write(const std::string& event);

  AppendFile file_;
};

}  // namespace troupe::actors
