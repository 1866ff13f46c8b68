#include "actors/loader/preparation.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "actors/loader/input_chain.hpp"
#include "actors/loader/prepared_data.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/random.hpp"
#include "serialization/little_endian.hpp"

namespace troupe::actors {

using namespace serialization;

namespace {

constexpr std::size_t buffer_bytes = std::size_t{1} << 20;

void hash_text(Sha256& hash, std::string_view text) {
  std::array<std::byte, 8> size;
  store_little<std::uint64_t>(size, 0, text.size());
  hash.update(size);
  hash.update(std::as_bytes(std::span{text}));
}

void hash_file(Sha256& hash, const std::string& path) {
  const PathKind kind = posix_files().kind(path);
  if (kind == PathKind::none || kind == PathKind::folder) {
    throw Error{ErrorCode::bad_input,
                path + ": expected a file, got " + (kind == PathKind::none ? "none" : "a folder")};
  }
  const FileBytes bytes = posix_files().map(path);
  hash_text(hash, {reinterpret_cast<const char*>(bytes.span().data()), bytes.span().size()});
}

void hash_records(Sha256& hash, const RawSource& source) {
  hash_text(hash, gpu::to_string(source.shape()));
  hash_text(hash, gpu::to_string(source.dtype()));
  RawRecord record;
  for (std::uint64_t i = 0; i < source.size(); ++i) {
    source.read(i, record);
    const std::array<std::uint64_t, 4> head{
        std::bit_cast<std::uint64_t>(record.label),
        record.rejected ? static_cast<std::uint64_t>(*record.rejected) : 0, record.missing.size(),
        record.features.size()};
    hash.update(std::as_bytes(std::span{head}));
    hash.update(std::as_bytes(std::span{record.missing}));
    hash.update(std::as_bytes(std::span{record.features}));
  }
}

std::string quoted(std::string_view text) {
  std::string result{'"'};
  for (const char c : text) {
    result += c;
    if (c == '"') result += c;
  }
  return result + '"';
}

}  // namespace

/// A file that is written in large pieces, with its hashes.
struct Preparation::Output {
  Output(FileSystem& files, const std::string& path) : file{files.create(path)} {
    buffer.reserve(buffer_bytes);
  }

  void write(std::span<const std::byte> bytes) {
    if (buffer.size() + bytes.size() > buffer_bytes) flush();
    buffer.insert(buffer.end(), bytes.begin(), bytes.end());
  }
  void write(std::string_view text) { write(std::as_bytes(std::span{text})); }
  PreparedManifest::File close() {
    flush();
    file->sync();
    file.reset();
    digest = sha.finish();
    return {size, to_hex(xxh3.finish())};
  }
  void flush() {
    file->write(buffer);
    xxh3.update(buffer);
    sha.update(buffer);
    size += buffer.size();
    buffer.clear();
  }

  std::unique_ptr<OutputFile> file;
  std::vector<std::byte> buffer;
  Xxh3_128 xxh3;
  Sha256 sha;
  Sha256Digest digest{};
  std::uint64_t size = 0;
};

std::string prepared_name(const DataSpec& data, const PreprocessSpec& preprocess,
                          std::uint64_t seed) {
  Sha256 hash;
  hash_text(hash, "troupe prepared data 1");
  hash_text(hash, data.json);
  hash_text(hash, preprocess.json);
  hash_text(hash, std::to_string(seed));
  if (data.format == DataSpec::Format::own) {
    hash_records(hash, *open_source(data, data.train));
    if (data.test) hash_records(hash, *open_source(data, *data.test));
  }
  std::vector<std::string> paths{data.train.features, data.train.labels};
  if (data.test) paths.insert(paths.end(), {data.test->features, data.test->labels});
  paths.insert(paths.end(), data.extra.begin(), data.extra.end());
  for (const std::string& path : paths) {
    if (!path.empty()) hash_file(hash, path);
  }
  return "data-" + to_hex(hash.finish()).substr(0, 32);
}

Split split_of(const PreprocessSpec& spec, std::uint64_t seed, bool test_file,
               std::uint64_t record) {
  if (test_file) return Split::test;
  const double draw = Draws{seed, record, Purpose::split, 0}.uniform53(0);
  if (draw < spec.test) return Split::test;
  return draw < spec.test + spec.validation ? Split::validation : Split::train;
}

std::size_t Preparation::DigestHash::operator()(const Xxh3Digest& digest) const {
  return load_little<std::size_t>(digest, 0);
}

Preparation::Preparation(FileSystem& files, const RawData& raw, std::uint64_t seed,
                         std::string folder)
    : files_{files}, raw_{raw}, seed_{seed}, folder_{std::move(folder)}, parts_{raw_parts(raw)} {
  // Whatever is wrong with the transforms is said before the data is read.
  for (const ChainUse use : {ChainUse::training, ChainUse::evaluation, ChainUse::measuring}) {
    raw_chain(raw.preprocess(), raw.layout().shape, raw.layout().dtype, gpu::Normalize{}, use);
  }
  create_folders(files_, parent_folder(folder_));
  working_ = temporary_name(files_, folder_);
  files_.create_folder(working_);
  try {
    parts_folder_ = working_ + "/parts";
    files_.create_folder(parts_folder_);
    for (const Split split : all_splits) {
      outputs_[static_cast<std::size_t>(split)] =
          std::make_unique<Output>(files_, records_path(working_, split));
    }
    quarantine_ = std::make_unique<Output>(files_, quarantine_path(working_));
    quarantine_->write("file,record,line,reason,detail\n");
  } catch (...) {
    try {
      remove_all(files_, working_);
    } catch (...) {  // the first failure is the one to tell
    }
    throw;
  }
}

Preparation::~Preparation() {
  if (finished_) return;
  for (std::unique_ptr<Output>& output : outputs_) output.reset();
  quarantine_.reset();
  try {
    remove_all(files_, working_);
  } catch (...) {  // a temporary that stays is in nobody's way
  }
}

void Preparation::keep(Split split, std::span<const std::byte> record) {
  const auto i = static_cast<std::size_t>(split);
  outputs_[i]->write(record);
  ++counts_[i];
}

void Preparation::quarantine(const RawSource& source, const Rejection& rejection) {
  const auto reason = static_cast<std::size_t>(rejection.reason);
  if (reason < 1 || reason > reason_count)
    throw Error{ErrorCode::bad_input, "data: expected a known reason"};
  ++rejected_[reason - 1];
  const std::string line = quoted(source.name()) + ',' + std::to_string(rejection.record) + ',' +
                           (rejection.line > 0 ? std::to_string(rejection.line) : "") + ',' +
                           std::string{to_string(rejection.reason)} + ',' +
                           quoted(rejection.detail);
  quarantine_->write(line + '\n');
  if (first_rejection_.empty() && rejection.reason != Reason::duplicate) first_rejection_ = line;
}

void Preparation::check_rejected() const {
  std::uint64_t rejected = 0;
  for (std::size_t i = 0; i < reason_count; ++i) {
    if (static_cast<Reason>(i + 1) != Reason::duplicate) rejected += rejected_[i];
  }
  const std::uint64_t all = raw_.records();
  const double most = raw_.preprocess().max_rejected * static_cast<double>(all);
  if (static_cast<double>(rejected) <= most) return;
  throw Error{ErrorCode::bad_input,
              raw_.source(false).name() + ": expected at most " +
                  std::to_string(static_cast<std::uint64_t>(most)) + " of " + std::to_string(all) +
                  " records to be rejected (max_rejected), got " + std::to_string(rejected) +
                  " or more; the first one: " + first_rejection_};
}

void Preparation::add(const CleanedPart& part) {
  const std::size_t bytes = raw_.layout().bytes();
  if (next_ == parts_.size() || !(part.part == parts_[next_]) ||
      part.hashes.size() != part.numbers.size() ||
      part.records.size() != part.numbers.size() * bytes) {
    throw Error{ErrorCode::bad_input, "data: expected part " + std::to_string(next_) + " of " +
                                          std::to_string(parts_.size()) +
                                          " with whole records, got another"};
  }
  ++next_;
  const RawSource& source = raw_.source(part.part);
  auto rejection = part.rejections.begin();
  for (std::size_t i = 0; i < part.numbers.size(); ++i) {
    for (; rejection != part.rejections.end() && rejection->record < part.numbers[i]; ++rejection) {
      quarantine(source, *rejection);
    }
    if (raw_.preprocess().deduplicate && !seen_.insert(part.hashes[i]).second) {
      quarantine(source, {part.numbers[i], 0, Reason::duplicate, "equal to an earlier record"});
      continue;
    }
    keep(part.part.extra > 0 ? Split::train
                             : split_of(raw_.preprocess(), seed_, part.part.test, part.numbers[i]),
         std::span{part.records}.subspan(i * bytes, bytes));
  }
  for (; rejection != part.rejections.end(); ++rejection) quarantine(source, *rejection);
  check_rejected();
}

void Preparation::close_records() {
  if (next_ != parts_.size()) {
    throw Error{ErrorCode::bad_input, "data: expected " + std::to_string(parts_.size()) +
                                          " parts, got " + std::to_string(next_)};
  }
  if (counts_[0] == 0) {
    throw Error{ErrorCode::bad_input,
                raw_.source(false).name() + ": expected records to train on, got none of " +
                    std::to_string(raw_.source(false).size()) +
                    (first_rejection_.empty() ? "" : "; rejected: " + first_rejection_)};
  }
  for (std::size_t i = 0; i < split_count; ++i) manifest_.records[i] = outputs_[i]->close();
  manifest_.quarantine = quarantine_->close();
}

std::string Preparation::training_file() const {
  return records_path(working_, Split::train);
}

/// Of what the records are and hold, in each split; not of how they came about.
std::string Preparation::fingerprint() const {
  Sha256 hash;
  const RecordLayout& layout = raw_.layout();
  hash_text(hash, "troupe prepared data 1");
  hash_text(hash, gpu::to_string(layout.shape));
  hash_text(hash, gpu::to_string(layout.dtype));
  hash_text(hash, std::to_string(layout.classes));
  for (std::size_t i = 0; i < split_count; ++i) {
    hash_text(hash, std::to_string(counts_[i]));
    hash.update(outputs_[i]->digest);
  }
  return to_hex(hash.finish());
}

void Preparation::finish(std::span<const MeasuredPart> measured) {
  if (measured.size() != parts_of(counts_[0])) {
    throw Error{ErrorCode::bad_input, "data: expected " + std::to_string(parts_of(counts_[0])) +
                                          " measured parts, got " +
                                          std::to_string(measured.size())};
  }
  Measured merged_parts = merged(measured, raw_.preprocess());
  manifest_.layout = raw_.layout();
  manifest_.class_names = raw_.data().class_names;
  manifest_.counts = counts_;
  manifest_.class_counts = std::move(merged_parts.class_counts);
  manifest_.measured = std::move(merged_parts.normalize);
  manifest_.data = raw_.data().json;
  manifest_.preprocess = raw_.preprocess().json;
  manifest_.seed = seed_;
  manifest_.raw_train = raw_.source(false).size();
  manifest_.raw_test = raw_.has_test() ? raw_.source(true).size() : 0;
  manifest_.raw_extra = raw_.records() - manifest_.raw_train - manifest_.raw_test;
  manifest_.rejected = rejected_;
  manifest_.fingerprint = fingerprint();
  remove_all(files_, parts_folder_);
  const std::string text = encode_prepared_manifest(manifest_);
  {
    const std::unique_ptr<OutputFile> file = files_.create(manifest_path(working_));
    file->write(std::as_bytes(std::span{text}));
    file->sync();
  }
  files_.sync_folder(working_);
  publish();
}

void Preparation::publish() {
  bool published = false;
  try {
    files_.rename(working_, folder_);
    published = true;
    working_ = folder_;
  } catch (const Error&) {
    if (files_.kind(folder_) != PathKind::folder) throw;
    // Another process was faster; what was made here goes with this object.
    const std::string there = PreparedData::open(files_, folder_).fingerprint();
    if (there != manifest_.fingerprint) {
      throw Error{ErrorCode::corrupted,
                  folder_ + ": expected data " + manifest_.fingerprint + ", got data " + there};
    }
  }
  files_.sync_folder(parent_folder(folder_));
  finished_ = published;
}

std::string prepare(FileSystem& files, const DataSpec& data, const PreprocessSpec& preprocess,
                    std::uint64_t seed, const std::string& parent) {
  const std::string folder = parent + '/' + prepared_name(data, preprocess, seed);
  if (files.kind(folder) != PathKind::none) {
    PreparedData::open(files, folder);
    return folder;
  }
  const RawData raw{data, preprocess};
  Preparation preparation{files, raw, seed, folder};
  const std::vector<RawPart> parts = raw_parts(raw);
  std::vector<float> means;
  if (preprocess.missing == PreprocessSpec::Missing::mean) {
    std::vector<ColumnSums> sums;
    for (const RawPart part : parts) {
      if (!part.test && part.extra == 0) sums.push_back(measure_columns(raw, part));
    }
    means = column_means(sums);
  }
  for (const RawPart part : parts) preparation.add(clean_part(raw, part, means));
  preparation.close_records();
  const FileBytes training = files.map(preparation.training_file());
  std::vector<MeasuredPart> measured;
  for (std::uint32_t i = 0; i < parts_of(preparation.training_records()); ++i) {
    measured.push_back(measure_part(raw.layout(), preprocess, training.span(), i));
  }
  preparation.finish(measured);
  return folder;
}

}  // namespace troupe::actors
