#include "actors/loader/loader_messages.hpp"

#include <capnp/message.h>

#include <algorithm>

#include "runtime/base/error.hpp"
#include "serialization/frame_reader.hpp"
#include "serialization/make_frame.hpp"
#include "serialization/schema/data.capnp.h"
#include "serialization/sha256.hpp"

namespace troupe::actors {

using serialization::make_frame;
using serialization::MalformedFrame;
using serialization::read_head;
using serialization::Xxh3Digest;

namespace {

std::string text_of(capnp::Text::Reader text) {
  return {text.begin(), text.size()};
}

void put(const SectionTexts& sections, wire::DataSections::Builder builder) {
  builder.setData(sections.data);
  builder.setBase(sections.base);
  builder.setPreprocess(sections.preprocess);
}
SectionTexts get(wire::DataSections::Reader reader) {
  return {text_of(reader.getData()), text_of(reader.getBase()), text_of(reader.getPreprocess())};
}

void put(RawPart part, wire::RawPart::Builder builder) {
  builder.setTest(part.test);
  builder.setIndex(part.index);
  builder.setExtra(part.extra);
}
RawPart get(wire::RawPart::Reader reader) {
  return {reader.getTest(), reader.getIndex(), reader.getExtra()};
}

capnp::Data::Reader data_of(const Xxh3Digest& digest) {
  return {reinterpret_cast<const kj::byte*>(digest.data()), digest.size()};
}
Xxh3Digest digest_of(capnp::Data::Reader data) {
  Xxh3Digest digest;
  if (data.size() != digest.size()) {
    throw MalformedFrame{"frame: expected a digest of 16 bytes, got " +
                         std::to_string(data.size())};
  }
  std::ranges::transform(data, digest.begin(),
                         [](kj::byte byte) { return static_cast<std::byte>(byte); });
  return digest;
}

template <class T>
std::vector<T> list_of(const Frame& frame, std::size_t payload) {
  const std::span<const T> values = frame.payload_of<T>(payload);
  return {values.begin(), values.end()};
}

CleanedPart read_cleaned_part(const Frame& frame) {
  CleanedPart part;
  std::size_t record_bytes = 0;
  read_head<wire::CleanedPart>(frame, [&](wire::CleanedPart::Reader head) {
    part.part = get(head.getPart());
    part.raw = head.getRaw();
    record_bytes = head.getRecordBytes();
    for (const auto rejection : head.getRejections()) {
      part.rejections.push_back({rejection.getRecord(), rejection.getLine(),
                                 static_cast<Reason>(rejection.getReason()),
                                 text_of(rejection.getDetail())});
    }
  });
  part.records = list_of<std::byte>(frame, 0);
  part.hashes = list_of<Xxh3Digest>(frame, 1);
  part.numbers = list_of<std::uint64_t>(frame, 2);
  if (part.hashes.size() != part.numbers.size() ||
      part.records.size() != part.numbers.size() * record_bytes) {
    throw MalformedFrame{"frame: expected as many records as hashes and numbers, got others"};
  }
  return part;
}

}  // namespace

Frame to_frame(const MeasureColumnsQuestion& question) {
  return make_frame<wire::MeasureColumns>([&](wire::MeasureColumns::Builder head) {
    put(question.sections, head.initSections());
    put(question.part, head.initPart());
  });
}

MeasureColumnsQuestion read_measure_columns(const Frame& frame) {
  MeasureColumnsQuestion question;
  read_head<wire::MeasureColumns>(frame, [&](wire::MeasureColumns::Reader head) {
    question = {get(head.getSections()), get(head.getPart())};
  });
  return question;
}

Frame column_sums_frame(RawPart part, const ColumnSums& sums) {
  return make_frame<wire::ColumnSums>(
      [&](wire::ColumnSums::Builder head) { put(part, head.initPart()); }, sums.counts, sums.sums);
}

ColumnSums read_column_sums(const Frame& frame) {
  ColumnSums sums{list_of<std::uint64_t>(frame, 0), list_of<double>(frame, 1)};
  if (sums.counts.size() != sums.sums.size()) {
    throw MalformedFrame{"frame: expected as many counts as sums, got others"};
  }
  return sums;
}

Frame to_frame(const PreparePartQuestion& question) {
  return make_frame<wire::PreparePart>(
      [&](wire::PreparePart::Builder head) {
        put(question.sections, head.initSections());
        put(question.part, head.initPart());
        head.setFolder(question.folder);
      },
      question.means);
}

PreparePartQuestion read_prepare_part(const Frame& frame) {
  PreparePartQuestion question;
  read_head<wire::PreparePart>(frame, [&](wire::PreparePart::Reader head) {
    question = {get(head.getSections()), get(head.getPart()), text_of(head.getFolder()), {}};
  });
  question.means = list_of<float>(frame, 0);
  return question;
}

Frame to_frame(const PreparedPartFile& prepared) {
  return make_frame<wire::PreparedPart>([&](wire::PreparedPart::Builder head) {
    put(prepared.part, head.initPart());
    head.setFile(prepared.file);
    head.setDigest(data_of(prepared.digest));
    head.setKept(prepared.kept);
    head.setRejected(prepared.rejected);
  });
}

PreparedPartFile read_prepared_part(const Frame& frame) {
  PreparedPartFile prepared;
  read_head<wire::PreparedPart>(frame, [&](wire::PreparedPart::Reader head) {
    prepared = {get(head.getPart()), text_of(head.getFile()), digest_of(head.getDigest()),
                head.getKept(), head.getRejected()};
  });
  return prepared;
}

PreparedPartFile write_part(FileSystem& files, const std::string& folder, const CleanedPart& part) {
  const auto count = static_cast<std::uint32_t>(part.numbers.size());
  const Frame frame = make_frame<wire::CleanedPart>(
      [&](wire::CleanedPart::Builder head) {
        put(part.part, head.initPart());
        head.setRaw(part.raw);
        head.setRecordBytes(count == 0 ? 0
                                       : static_cast<std::uint32_t>(part.records.size() / count));
        auto rejections = head.initRejections(static_cast<unsigned int>(part.rejections.size()));
        for (unsigned int i = 0; i < rejections.size(); ++i) {
          const Rejection& from = part.rejections[i];
          rejections[i].setRecord(from.record);
          rejections[i].setLine(from.line);
          rejections[i].setReason(static_cast<std::uint8_t>(from.reason));
          rejections[i].setDetail(from.detail);
        }
      },
      part.records, part.hashes, part.numbers);
  const std::string file = folder + '/' +
                           (part.part.extra > 0 ? "extra-" + std::to_string(part.part.extra) + '-'
                            : part.part.test    ? "test-"
                                                : "train-") +
                           std::to_string(part.part.index);
  write_atomically(files, file, frame.bytes());
  return {part.part, file, serialization::xxh3_128(frame.bytes()), count,
          static_cast<std::uint32_t>(part.rejections.size())};
}

CleanedPart read_part(FileSystem& files, const PreparedPartFile& prepared) {
  const FileBytes bytes = files.read(prepared.file, files.size_bytes(prepared.file));
  if (const Xxh3Digest digest = serialization::xxh3_128(bytes.span()); digest != prepared.digest) {
    throw Error{ErrorCode::corrupted, prepared.file + ": XXH3-128 differs: expected " +
                                          serialization::to_hex(prepared.digest) + ", got " +
                                          serialization::to_hex(digest)};
  }
  return read_cleaned_part(Frame::from_bytes(bytes.span(), bytes.span().size()));
}

Frame to_frame(const MeasurePartQuestion& question) {
  return make_frame<wire::MeasurePart>([&](wire::MeasurePart::Builder head) {
    put(question.sections, head.initSections());
    head.setFile(question.file);
    head.setIndex(question.index);
    const auto dims = question.layout.shape.dims();
    auto shape = head.initShape(static_cast<unsigned int>(dims.size()));
    for (unsigned int i = 0; i < dims.size(); ++i) shape.set(i, dims[i]);
    head.setU8(question.layout.dtype == gpu::DType::u8);
    head.setClasses(question.layout.classes);
  });
}

MeasurePartQuestion read_measure_part(const Frame& frame) {
  MeasurePartQuestion question;
  std::vector<std::int64_t> dims;
  read_head<wire::MeasurePart>(frame, [&](wire::MeasurePart::Reader head) {
    question.sections = get(head.getSections());
    question.file = text_of(head.getFile());
    question.index = head.getIndex();
    for (const std::int64_t dim : head.getShape()) dims.push_back(dim);
    question.layout.dtype = head.getU8() ? gpu::DType::u8 : gpu::DType::f32;
    question.layout.classes = head.getClasses();
  });
  question.layout.shape = gpu::Shape{dims};
  constexpr std::int64_t most_elements = 1 << 28;
  const std::int64_t elements = question.layout.shape.elements();
  if (dims.empty() || elements < 1 || elements > most_elements || question.layout.classes < 0 ||
      question.layout.classes > most_classes) {
    throw MalformedFrame{"frame: expected a shape and classes of records, got others"};
  }
  return question;
}

Frame measured_part_frame(std::uint32_t index, const MeasuredPart& part) {
  std::vector<double> sums;
  for (const gpu::Moments::Sums& one : part.moments.sums()) {
    sums.insert(sums.end(), {one.values, one.squares, one.smallest, one.largest});
  }
  return make_frame<wire::MeasuredPart>(
      [&](wire::MeasuredPart::Builder head) {
        head.setIndex(index);
        head.setCount(part.moments.count());
      },
      sums, part.class_counts);
}

MeasuredPart read_measured_part(const Frame& frame) {
  std::uint64_t count = 0;
  read_head<wire::MeasuredPart>(frame,
                                [&](wire::MeasuredPart::Reader head) { count = head.getCount(); });
  const std::span<const double> values = frame.payload_of<double>(0);
  if (values.empty() || values.size() % 4 != 0) {
    throw MalformedFrame{"frame: expected four sums a channel, got " +
                         std::to_string(values.size())};
  }
  std::vector<gpu::Moments::Sums> sums;
  for (std::size_t i = 0; i < values.size(); i += 4) {
    sums.push_back({values[i], values[i + 1], values[i + 2], values[i + 3]});
  }
  return {gpu::Moments{count, std::move(sums)}, list_of<std::uint64_t>(frame, 1)};
}

Frame to_frame(const OpenDataQuestion& question) {
  return make_frame<wire::OpenData>([&](wire::OpenData::Builder head) {
    head.setFolder(question.folder);
    head.setPreprocess(question.preprocess);
    head.setSeed(question.seed);
  });
}

OpenDataQuestion read_open_data(const Frame& frame) {
  OpenDataQuestion question;
  read_head<wire::OpenData>(frame, [&](wire::OpenData::Reader head) {
    question = {text_of(head.getFolder()), text_of(head.getPreprocess()), head.getSeed()};
  });
  return question;
}

Frame to_frame(const OpenedData& opened) {
  return make_frame<wire::OpenedData>([&](wire::OpenedData::Builder head) {
    head.setFingerprint(opened.fingerprint);
    head.setSamples(opened.samples);
    head.setPlain(opened.plain);
  });
}

OpenedData read_opened_data(const Frame& frame) {
  OpenedData opened;
  read_head<wire::OpenedData>(frame, [&](wire::OpenedData::Reader head) {
    opened = {text_of(head.getFingerprint()), head.getSamples(), head.getPlain()};
  });
  return opened;
}

Frame load_shard_frame(PositionRange positions) {
  return make_frame<wire::LoadShard>([&](wire::LoadShard::Builder head) {
    head.setFirstPosition(positions.first);
    head.setRows(static_cast<std::uint32_t>(positions.count()));
  });
}

PositionRange read_load_shard(const Frame& frame) {
  PositionRange positions;
  read_head<wire::LoadShard>(frame, [&](wire::LoadShard::Reader head) {
    positions = {head.getFirstPosition(), head.getFirstPosition() + head.getRows()};
  });
  return positions;
}

LoadedShard read_loaded_shard(const Frame& frame) {
  LoadedShard shard;
  read_head<wire::LoadedShard>(frame, [&](wire::LoadedShard::Reader head) {
    shard = {{head.getFirstPosition(), head.getFirstPosition() + head.getRows()},
             digest_of(head.getDigest())};
  });
  return shard;
}

}  // namespace troupe::actors
