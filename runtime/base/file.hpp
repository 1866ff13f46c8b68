#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace troupe {

/// The bytes of a file as they were read, 64-byte aligned, immutable. Copies share them.
class FileBytes {
 public:
  FileBytes() = default;
  FileBytes(std::shared_ptr<const void> owner, std::span<const std::byte> bytes)
      : owner_{std::move(owner)}, bytes_{bytes} {}
  /// A copy of `bytes`. @throws Error exhausted if there is no memory for it.
  static FileBytes copy(std::span<const std::byte> bytes);

  std::span<const std::byte> span() const { return bytes_; }

 private:
  std::shared_ptr<const void> owner_;
  std::span<const std::byte> bytes_;
};

/// A file that is open for writing at its end. Closed by its destructor; what must last is synced before.
class OutputFile {
 public:
  virtual ~OutputFile() = default;
  /// Writes all of `bytes`. If it throws, any part of them may have been written.
  virtual void write(std::span<const std::byte> bytes) = 0;
  /// Returns when all that was written is on the disk. If it throws, none of it may be relied upon.
  virtual void sync() = 0;
};

/// A symbolic link is `other`, whatever it leads to.
enum class PathKind { none, file, folder, other };

/// The one door to durable storage: whatever outlives the process is written through it, so that a
/// test can stand in for the disk, lose power and run full.
///
/// What it promises of the disk is little: bytes last once their file was synced, and names (created,
/// renamed, removed) once their folder was. Until then a power cut may keep, drop or reorder each.
///
/// Safe to use from several threads, but for one OutputFile. Every call throws Error, naming path,
/// operation and the system's reason: exhausted (disk, quota, descriptors, memory), corrupted (the device
/// failed), else bad_input.
class FileSystem {
 public:
  virtual ~FileSystem() = default;

  /// A new file. @throws Error bad_input if the name is taken.
  virtual std::unique_ptr<OutputFile> create(const std::string& path) = 0;
  /// A file whose bytes stay and which grows at its end; created if there is none.
  virtual std::unique_ptr<OutputFile> append(const std::string& path) = 0;

  /// The whole file. @throws Error exhausted if it has more than `limit_bytes`.
  virtual FileBytes read(const std::string& path, std::uint64_t limit_bytes) = 0;
  /// The whole file, its pages loaded when touched. For files that nobody truncates meanwhile: to touch
  /// what was cut off ends the process.
  virtual FileBytes map(const std::string& path) = 0;

  virtual PathKind kind(const std::string& path) = 0;
  virtual std::uint64_t size_bytes(const std::string& path) = 0;
  /// Names of what is in a folder, sorted.
  virtual std::vector<std::string> list(const std::string& folder) = 0;

  virtual void create_folder(const std::string& path) = 0;
  /// Within one file system. A file takes the place of another in one step, a folder only that of an empty one.
  virtual void rename(const std::string& from, const std::string& to) = 0;
  /// Removes a file or an empty folder.
  virtual void remove(const std::string& path) = 0;
  virtual void truncate(const std::string& path, std::uint64_t size_bytes) = 0;

  /// Makes a file's bytes last, as OutputFile::sync does; meant for after truncate().
  virtual void sync(const std::string& path) = 0;
  /// Makes the names in a folder last.
  virtual void sync_folder(const std::string& path) = 0;
};

/// The machine's own file system.
FileSystem& posix_files();

/// The folder that holds `path`: "a/b" -> "a", "b" -> ".", "/b" -> "/".
std::string parent_folder(const std::string& path);

/// A name beside `path` that nothing bears: `path` + ".tmp" and a number. What a power cut leaves behind
/// under such a name never stands in the way of a later write.
std::string temporary_name(FileSystem& files, const std::string& path);
/// Whether a name is one that temporary_name() makes.
bool is_temporary_name(std::string_view name);

/// Removes what a power cut left in a folder under such names, and returns them. For the start, when
/// nobody writes there yet.
std::vector<std::string> remove_temporaries(FileSystem& files, const std::string& folder);

/// Makes a folder and those above it that are not there yet; it lasts when this returns. Others may do the same at once.
void create_folders(FileSystem& files, const std::string& path);

/// Removes a folder with all that is in it, or a file; nothing if there is none.
void remove_all(FileSystem& files, const std::string& path);

/// Puts `bytes` where `path` is, in one step: a temporary file beside it is written and synced, renamed
/// over it, and the folder is synced. At any power cut `path` is what it was or `bytes`, whole.
///
/// @throws Error bad_input if something is there that is no regular file; else as the file system does; `path` is what it was then and the temporary is gone, unless it
/// was the folder that could not be synced: then `path` has `bytes`, but may lose them to a power cut.
void write_atomically(FileSystem& files, const std::string& path, std::span<const std::byte> bytes);
/// The same for what `fill` writes. What it throws is passed on like the file system's errors; it need not sync.
void write_atomically(FileSystem& files, const std::string& path,
                      const std::function<void(OutputFile&)>& fill);

}  // namespace troupe
