#include "actors/report/append_file.hpp"

#include <utility>

namespace troupe::actors {

AppendFile::AppendFile(FileSystem& files, std::string path, std::uint64_t size_bytes)
    : files_{files}, path_{std::move(path)}, size_bytes_{size_bytes} {
  const bool is_new = files_.kind(path_) == PathKind::none;
  file_ = files_.append(path_);
  if (is_new) files_.sync_folder(parent_folder(path_));
  if (files_.size_bytes(path_) != size_bytes_) {
    files_.truncate(path_, size_bytes_);
    file_->sync();
  }
}

void AppendFile::append(std::span<const std::byte> record) {
  if (torn_) {
    files_.truncate(path_, size_bytes_);
    torn_ = false;
  }
  torn_ = true;
  file_->write(record);
  torn_ = false;
  size_bytes_ += record.size();
}

void AppendFile::sync() {
  file_->sync();
}

}  // namespace troupe::actors
