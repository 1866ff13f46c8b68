#include "actors/feedback/snapshot_file.hpp"

#include <charconv>
#include <cstring>
#include <span>

#include "runtime/base/file.hpp"
#include "serialization/sha256.hpp"

namespace troupe::actors {
namespace {

constexpr std::size_t flush_bytes = std::size_t{1} << 20;

template <class T>
void append(std::string& to, T value, char behind) {
  char digits[64];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  to.append(digits, end) += behind;
}

void append_row(std::string& to, const Prediction& of) {
  if (of.type == RowType::u8) {
    for (const std::byte value : of.input) append(to, std::to_integer<int>(value), ',');
    return;
  }
  for (std::size_t at = 0; at < of.input.size(); at += sizeof(float)) {
    float value = 0;
    std::memcpy(&value, of.input.data() + at, sizeof value);
    append(to, value, ',');
  }
}

}  // namespace

SnapshotFile write_snapshot(const FeedbackStore& store, std::int64_t n, FileSystem& files,
                            const std::string& path) {
  SnapshotFile result;
  serialization::Sha256 hash;
  write_atomically(files, path, [&](OutputFile& file) {
    std::string text;
    const auto flush = [&] {
      const auto bytes = std::as_bytes(std::span{text});
      hash.update(bytes);
      file.write(bytes);
      text.clear();
    };
    result.records = store.snapshot(n, [&](const LabelledRecord& record) {
      append_row(text, record.prediction);
      append(text, record.label, '\n');
      if (text.size() >= flush_bytes) flush();
    });
    flush();
  });
  result.sha256 = serialization::to_hex(hash.finish());
  return result;
}

}  // namespace troupe::actors
