#include "actors/loader/prepared_data.hpp"

#include <cstring>
#include <utility>

#include "runtime/base/error.hpp"
#include "serialization/sha256.hpp"
#include "serialization/xxh3.hpp"

namespace troupe::actors {
namespace {

constexpr std::uint64_t manifest_limit_bytes = std::uint64_t{64} << 20;

void verify(FileSystem& files, const std::string& path, const PreparedManifest::File& told,
            FileBytes& bytes) {
  if (const std::uint64_t size = files.size_bytes(path); size != told.size_bytes) {
    throw Error{ErrorCode::corrupted, path + ": expected " + std::to_string(told.size_bytes) +
                                          " bytes as in the manifest, got " + std::to_string(size)};
  }
  bytes = files.map(path);
  const std::string hash = serialization::to_hex(serialization::xxh3_128(bytes.span()));
  if (hash == told.hash && bytes.span().size() == told.size_bytes) return;
  throw Error{ErrorCode::corrupted,
              path + ": XXH3-128 differs: expected " + told.hash + ", got " + hash};
}

}  // namespace

std::string records_path(const std::string& folder, Split split) {
  return folder + '/' + std::string{to_string(split)} + ".records";
}

std::string manifest_path(const std::string& folder) {
  return folder + "/manifest.json";
}

std::string quarantine_path(const std::string& folder) {
  return folder + "/quarantine.csv";
}

PreparedData PreparedData::open(FileSystem& files, const std::string& folder) {
  PreparedData data;
  data.folder_ = folder;
  const std::string path = manifest_path(folder);
  if (const std::uint64_t size = files.size_bytes(path); size > manifest_limit_bytes) {
    throw Error{ErrorCode::corrupted, path + ": expected at most " +
                                          std::to_string(manifest_limit_bytes) + " bytes, got " +
                                          std::to_string(size)};
  }
  data.manifest_ = decode_prepared_manifest(files.read(path, manifest_limit_bytes).span(), path);
  for (const Split split : all_splits) {
    const auto i = static_cast<std::size_t>(split);
    verify(files, records_path(folder, split), data.manifest_.records[i], data.records_[i]);
  }
  FileBytes quarantine;
  verify(files, quarantine_path(folder), data.manifest_.quarantine, quarantine);
  return data;
}

std::span<const std::byte> PreparedData::record(Split split, std::uint64_t i) const {
  if (i >= size(split)) {
    throw Error{ErrorCode::bad_input,
                folder_ + ": expected a record below " + std::to_string(size(split)) + " of the " +
                    std::string{to_string(split)} + " split, got " + std::to_string(i)};
  }
  const std::size_t bytes = manifest_.layout.bytes();
  return records_[static_cast<std::size_t>(split)].span().subspan(i * bytes, bytes);
}

std::span<const std::byte> PreparedData::features(Split split, std::uint64_t i) const {
  return record(split, i).first(manifest_.layout.feature_bytes());
}

std::uint32_t PreparedData::label_bits(Split split, std::uint64_t i) const {
  std::uint32_t bits;
  std::memcpy(&bits, record(split, i).data() + manifest_.layout.label_offset(), sizeof bits);
  return bits;
}

}  // namespace troupe::actors
