#pragma once

#include <cstdint>
#include <string>

#include "actors/feedback/feedback_store.hpp"

namespace troupe {
class FileSystem;
}

namespace troupe::actors {

struct SnapshotFile {
  std::int64_t records = 0;
  std::string sha256;  ///< of the file's bytes, in lower-case hex digits
};

/// Writes the labelled records of the feedback with a rowid <= n as records that training can read: CSV (RFC 4180)
/// without a header, a line for each in order of rowid that ends in \n, its features and then its label, as decimal
/// integers where the rows are u8, else as the shortest decimals that read back as the same f32. The same n gives the
/// same bytes. At any moment `path` is what it was or the whole file.
///
/// @throws Error as FeedbackStore::snapshot() and write_atomically() do.
SnapshotFile write_snapshot(const FeedbackStore& store, std::int64_t n, FileSystem& files,
                            const std::string& path);

}  // namespace troupe::actors
