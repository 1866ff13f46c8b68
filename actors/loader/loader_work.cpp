#include "actors/loader/loader_work.hpp"

#include <capnp/message.h>

#include <array>
#include <utility>

#include "runtime/base/error.hpp"
#include "serialization/frame_reader.hpp"
#include "serialization/schema/data.capnp.h"

namespace troupe::actors {
namespace {

/// More rows than any shard has: what is asked for must not use up the memory.
constexpr std::uint64_t most_bytes = std::uint64_t{1} << 32;

}  // namespace

const RawData& LoaderWork::raw(const SectionTexts& sections) {
  if (raw_ && sections == raw_sections_) return *raw_;
  raw_.reset();
  const DataSpec data = parse_data_spec(sections.data, sections.base, formats_);
  raw_ = std::make_unique<const RawData>(data, parse_preprocess_spec(sections.preprocess, data));
  raw_sections_ = sections;
  return *raw_;
}

Frame LoaderWork::measure_columns(const Frame& frame) {
  const MeasureColumnsQuestion question = read_measure_columns(frame);
  return column_sums_frame(question.part,
                           actors::measure_columns(raw(question.sections), question.part));
}

Frame LoaderWork::prepare_part(const Frame& frame) {
  const PreparePartQuestion question = read_prepare_part(frame);
  const CleanedPart part = clean_part(raw(question.sections), question.part, question.means);
  return to_frame(write_part(files_, question.folder, part));
}

Frame LoaderWork::measure_part(const Frame& frame) {
  const MeasurePartQuestion question = read_measure_part(frame);
  const DataSpec data = parse_data_spec(question.sections.data, question.sections.base, formats_);
  const PreprocessSpec spec = parse_preprocess_spec(question.sections.preprocess, data);
  const FileBytes records = files_.map(question.file);
  return measured_part_frame(
      question.index, actors::measure_part(question.layout, spec, records.span(), question.index));
}

Frame LoaderWork::open_data(const Frame& frame) {
  OpenDataQuestion question = read_open_data(frame);
  const bool same = opened_ && opened_->by.folder == question.folder &&
                    opened_->by.preprocess == question.preprocess &&
                    opened_->by.seed == question.seed;
  if (!same) {
    opened_.reset();  // the old data need not lie in memory beside the new
    auto opened = std::make_unique<Opened>();
    opened->data = PreparedData::open(files_, question.folder);
    const DataSpec data = parse_data_spec(opened->data.manifest().data, "", formats_);
    opened->maker.emplace(opened->data, parse_preprocess_spec(question.preprocess, data),
                          question.seed, corruption_);
    opened->by = std::move(question);
    opened_ = std::move(opened);
  }
  return to_frame(OpenedData{opened_->data.fingerprint(), opened_->data.size(Split::train),
                             !corruption_.has_value()});
}

Frame LoaderWork::load_shard(const Frame& frame) {
  if (!opened_)
    throw Error{ErrorCode::bad_input, "loader: expected data to be opened first, got none"};
  const PositionRange positions = read_load_shard(frame);
  BatchMaker& maker = *opened_->maker;
  if (positions.last < positions.first || positions.count() > most_bytes / maker.feature_bytes()) {
    throw Error{ErrorCode::bad_input, "loader: expected rows of at most 4 GiB, got positions " +
                                          std::to_string(positions.first) + " to " +
                                          std::to_string(positions.last)};
  }
  serialization::FrameBuilder builder{std::array<std::size_t, 2>{
      positions.count() * maker.feature_bytes(), positions.count() * sizeof(std::uint32_t)}};
  const std::array<std::byte*, 2> inputs{builder.payload(0).data(), builder.payload(1).data()};
  const serialization::Xxh3Digest digest = maker.fill(positions, inputs);
  capnp::MallocMessageBuilder message;
  auto head = message.initRoot<wire::LoadedShard>();
  head.setFirstPosition(positions.first);
  head.setRows(static_cast<std::uint32_t>(positions.count()));
  head.setDigest({reinterpret_cast<const kj::byte*>(digest.data()), digest.size()});
  return serialization::seal(builder, message);
}

}  // namespace troupe::actors
