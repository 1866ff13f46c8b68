#include "runtime/base/file.hpp"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <functional>

#include "runtime/base/aligned_block.hpp"
#include "runtime/base/error.hpp"

namespace troupe {
namespace {

constexpr std::string_view temporary_mark = ".tmp";

std::string path_in(const std::string& folder, const std::string& name) {
  return folder + '/' + name;
}

}  // namespace

FileBytes FileBytes::copy(std::span<const std::byte> bytes) {
  const std::shared_ptr<std::byte> block = aligned_block(bytes.size());
  if (!bytes.empty()) std::memcpy(block.get(), bytes.data(), bytes.size());
  return {block, {block.get(), bytes.size()}};
}

std::string parent_folder(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return path.substr(0, std::max<std::size_t>(slash, 1));
}

std::string temporary_name(FileSystem& files, const std::string& path) {
  // Another process or thread that looks for one at this moment gets another name.
  static std::atomic<std::uint32_t> next{0};
  const std::uint64_t process = static_cast<std::uint64_t>(::getpid()) << 32;
  for (;;) {
    std::string name = path;
    name.append(temporary_mark).append(std::to_string(process + next++));
    if (files.kind(name) == PathKind::none) return name;
  }
}

bool is_temporary_name(std::string_view name) {
  const std::size_t mark = name.rfind(temporary_mark);
  if (mark == std::string_view::npos) return false;
  const std::string_view number = name.substr(mark + temporary_mark.size());
  return !number.empty() &&
         std::ranges::all_of(number, [](char c) { return c >= '0' && c <= '9'; });
}

std::vector<std::string> remove_temporaries(FileSystem& files, const std::string& folder) {
  std::vector<std::string> names = files.list(folder);
  std::erase_if(names, [](const std::string& name) { return !is_temporary_name(name); });
  for (const std::string& name : names) remove_all(files, path_in(folder, name));
  return names;
}

void create_folders(FileSystem& files, const std::string& path) {
  if (files.kind(path) == PathKind::folder) return;
  const std::string parent = parent_folder(path);
  if (parent != path) create_folders(files, parent);
  try {
    files.create_folder(path);
  } catch (const Error&) {
    const PathKind kind = files.kind(path);
    if (kind == PathKind::none) throw;
    if (kind != PathKind::folder)  // else somebody was faster
      throw Error{ErrorCode::bad_input,
                  path + ": expected a folder, got " +
                      (kind == PathKind::file ? "a file" : "a link, a device or the like")};
  }
  files.sync_folder(parent);
}

void remove_all(FileSystem& files, const std::string& path) {
  const PathKind kind = files.kind(path);
  if (kind == PathKind::none) return;
  if (kind == PathKind::folder) {
    for (const std::string& name : files.list(path)) remove_all(files, path_in(path, name));
  }
  files.remove(path);
}

void write_atomically(FileSystem& files, const std::string& path,
                      std::span<const std::byte> bytes) {
  write_atomically(files, path, [bytes](OutputFile& file) { file.write(bytes); });
}

void write_atomically(FileSystem& files, const std::string& path,
                      const std::function<void(OutputFile&)>& fill) {
  // A rename would put a plain file in the place of a device or a link.
  const PathKind kind = files.kind(path);
  if (kind != PathKind::none && kind != PathKind::file) {
    throw Error(ErrorCode::bad_input,
                path + ": expected a regular file to replace, or nothing; found " +
                    (kind == PathKind::folder ? "a folder" : "a link, a device or the like"));
  }
  const std::string temporary = temporary_name(files, path);
  const std::unique_ptr<OutputFile> file = files.create(temporary);
  try {
    fill(*file);
    file->sync();
    files.rename(temporary, path);
  } catch (...) {
    try {
      files.remove(temporary);
    } catch (...) {  // the first failure is the one to tell
    }
    throw;
  }
  files.sync_folder(parent_folder(path));
}

}  // namespace troupe
