#include "actors/loader/shared_preparation.hpp"

#include <algorithm>
#include <utility>

#include "actors/loader/prepared_data.hpp"
#include "runtime/base/error.hpp"
#include "serialization/malformed_frame.hpp"
#include "serialization/schema/data.capnp.h"

namespace troupe::actors {

using runtime::MessageType;
using serialization::MalformedFrame;

SharedPreparation::SharedPreparation(FileSystem& files, const DataSpec& data,
                                     const PreprocessSpec& preprocess, std::uint64_t seed,
                                     const std::string& parent)
    : files_{files},
      folder_{parent + '/' + prepared_name(data, preprocess, seed)},
      sections_{SectionTexts::of(data, preprocess)} {
  if (files.kind(folder_) != PathKind::none) {
    PreparedData::open(files, folder_);
    done_ = true;
    return;
  }
  raw_ = std::make_unique<RawData>(data, preprocess);
  preparation_ = std::make_unique<Preparation>(files, *raw_, seed, folder_);
  parts_ = raw_parts(*raw_);
  if (preprocess.missing == PreprocessSpec::Missing::mean) {
    begin(Stage::columns, parts_of(raw_->source(false).size()));  // the training parts stand first
  } else {
    begin(Stage::parts, parts_.size());
  }
}

void SharedPreparation::begin(Stage stage, std::size_t tasks) {
  stage_ = stage;
  answered_ = 0;
  tasks_.assign(tasks, State::open);
  columns_.resize(stage == Stage::columns ? tasks : 0);
  prepared_.resize(stage == Stage::parts ? tasks : 0);
  measured_.resize(stage == Stage::measure ? tasks : 0);
}

Frame SharedPreparation::question(std::size_t number) const {
  if (stage_ == Stage::columns) return to_frame(MeasureColumnsQuestion{sections_, parts_[number]});
  if (stage_ == Stage::parts) {
    return to_frame(
        PreparePartQuestion{sections_, parts_[number], preparation_->parts_folder(), means_});
  }
  return to_frame(MeasurePartQuestion{sections_, preparation_->training_file(),
                                      static_cast<std::uint32_t>(number), raw_->layout()});
}

std::optional<SharedPreparation::Task> SharedPreparation::next() {
  const auto found = std::ranges::find(tasks_, State::open);
  if (done_ || found == tasks_.end()) return {};
  const auto number = static_cast<std::size_t>(found - tasks_.begin());
  *found = State::handed_out;
  const MessageType type = stage_ == Stage::columns ? MessageType::of<wire::MeasureColumns>()
                           : stage_ == Stage::parts ? MessageType::of<wire::PreparePart>()
                                                    : MessageType::of<wire::MeasurePart>();
  return Task{number, type, question(number)};
}

void SharedPreparation::take(std::size_t number, const Frame& answer) {
  if (number >= tasks_.size()) throw Error{ErrorCode::bug, "data: an answer to no task"};
  if (tasks_[number] == State::answered) return;
  if (stage_ == Stage::columns) {
    columns_[number] = read_column_sums(answer);
    if (columns_[number].sums.size() != raw_->layout().elements()) {
      throw MalformedFrame{"frame: expected sums of each column, got others"};
    }
  } else if (stage_ == Stage::parts) {
    prepared_[number] = read_prepared_part(answer);
    if (!(prepared_[number].part == parts_[number])) {
      throw MalformedFrame{"frame: expected the part that was asked for, got another"};
    }
  } else {
    measured_[number] = read_measured_part(answer);
    if (measured_[number].class_counts.size() != static_cast<std::size_t>(raw_->layout().classes)) {
      throw MalformedFrame{"frame: expected a count of each class, got others"};
    }
  }
  tasks_[number] = State::answered;
  ++answered_;
}

void SharedPreparation::again(std::size_t number) {
  if (number < tasks_.size() && tasks_[number] == State::handed_out) tasks_[number] = State::open;
}

void SharedPreparation::advance() {
  if (!stage_complete())
    throw Error{ErrorCode::bug, "data: a stage was ended before all was answered"};
  switch (stage_) {
    case Stage::columns:
      means_ = column_means(columns_);
      begin(Stage::parts, parts_.size());
      return;
    case Stage::parts:
      for (const PreparedPartFile& part : prepared_) preparation_->add(read_part(files_, part));
      preparation_->close_records();
      begin(Stage::measure, parts_of(preparation_->training_records()));
      return;
    case Stage::measure:
      preparation_->finish(measured_);
      done_ = true;
  }
}

}  // namespace troupe::actors
