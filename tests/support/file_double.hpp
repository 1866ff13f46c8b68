#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/file.hpp"

namespace troupe::test {

/// What a FileDouble throws once its power is cut. Not a std::exception: nothing must mistake it for an
/// error that can be dealt with.
struct PowerCut {};

/// A disk in memory that loses what a real one may lose. It counts the operations that change or sync
/// something, can cut the power or fail at a chosen one, and shows what a restart would find:
///
///     bytes of a file   that were not synced: kept, lost, cut short, or with garbage at the end
///     names             (created, renamed, removed) whose folder was not synced: each kept or lost, so
///                       also in another order than they were done in; a rename within a folder is whole
///
/// The root folder "/" is there from the start. Paths are absolute. For one thread.
class FileDouble final : public FileSystem {
 public:
  FileDouble();

  /// From here on `count` more operations take effect, the next throws PowerCut, and so does every call
  /// after it.
  void cut_after(std::uint64_t count) { cut_at_ = operations_ + count; }
  /// After `count` more operations one fails with Error exhausted, as on a full disk; a write leaves half
  /// of its bytes.
  void fail_after(std::uint64_t count) { fail_at_ = operations_ + count; }
  std::uint64_t operations() const { return operations_; }

  /// The disk that a restart finds after a power cut now, one of the possible ones for each seed.
  FileDouble crash(std::uint64_t seed) const;

  std::unique_ptr<OutputFile> create(const std::string& path) override;
  std::unique_ptr<OutputFile> append(const std::string& path) override;
  FileBytes read(const std::string& path, std::uint64_t limit_bytes) override;
  FileBytes map(const std::string& path) override;
  PathKind kind(const std::string& path) override;
  std::uint64_t size_bytes(const std::string& path) override;
  std::vector<std::string> list(const std::string& folder) override;
  void create_folder(const std::string& path) override;
  void rename(const std::string& from, const std::string& to) override;
  void remove(const std::string& path) override;
  void truncate(const std::string& path, std::uint64_t size_bytes) override;
  void sync(const std::string& path) override;
  void sync_folder(const std::string& path) override;

 private:
  class Writer;
  using NodeId = std::size_t;
  using Names = std::map<std::string, NodeId>;

  struct Node {
    bool folder = false;
    std::vector<std::byte> bytes, durable_bytes;
    Names names, durable_names;
  };
  /// One name in one folder: bound to a node, or to none.
  struct Change {
    NodeId folder;
    std::string name;
    std::optional<NodeId> node;
  };

  /// Counts an operation that is about to be done. @throws PowerCut, or returns true if it must fail.
  bool count_operation();
  /// The same, for operations that fail without effect.
  void begin(const std::string& path);
  void check_power() const;
  std::optional<NodeId> find(const std::string& path) const;
  NodeId get(const std::string& path, bool folder) const;
  /// Applies changes of names at once, and notes them as not yet durable: all of them or none.
  void apply(std::vector<Change> changes);
  NodeId add_node(const std::string& path, bool folder);

  std::vector<Node> nodes_;
  std::vector<std::vector<Change>> pending_;  // in the order in which they were done
  std::uint64_t operations_ = 0;
  std::optional<std::uint64_t> cut_at_, fail_at_;
  bool dead_ = false;
};

/// Bytes of a text, to write them.
std::span<const std::byte> as_bytes(std::string_view text);
/// A file's bytes as text, to compare them.
std::string text_of(FileSystem& files, const std::string& path);

}  // namespace troupe::test
