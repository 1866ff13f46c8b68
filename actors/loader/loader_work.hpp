#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "actors/loader/batch_maker.hpp"
#include "actors/loader/loader_messages.hpp"
#include "runtime/base/file.hpp"

namespace troupe::actors {

/// What a loader does: each call answers one kind of question, and blocks meanwhile. Keeps the raw files of the last
/// sections and the prepared data of the last OpenData open. For one thread at a time.
///
/// All throw MalformedFrame for a frame that does not hold what it says, and Error as what they call.
class LoaderWork {
 public:
  explicit LoaderWork(FileSystem& files, std::optional<Corruption> corruption = {},
                      DataFormats formats = {})
      : files_{files}, corruption_{corruption}, formats_{std::move(formats)} {}

  Frame measure_columns(const Frame& question);
  Frame prepare_part(const Frame& question);
  Frame measure_part(const Frame& question);
  Frame open_data(const Frame& question);
  /// @throws Error bad_input if no data is open.
  Frame load_shard(const Frame& question);

 private:
  struct Opened {
    OpenDataQuestion by;
    PreparedData data;
    std::optional<BatchMaker> maker;
  };
  const RawData& raw(const SectionTexts& sections);

  FileSystem& files_;
  std::optional<Corruption> corruption_;
  const DataFormats formats_;
  SectionTexts raw_sections_;
  std::unique_ptr<const RawData> raw_;
  std::unique_ptr<Opened> opened_;
};

}  // namespace troupe::actors
