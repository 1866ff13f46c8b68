#include "serialization/checkpoint.hpp"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>
#include <utility>

#include "runtime/base/error.hpp"
#include "serialization/state_hash.hpp"
#include "serialization/xxh3.hpp"

namespace troupe::serialization {
namespace {

constexpr std::string_view name_prefix = "step-";
constexpr std::size_t name_digits = 12;
constexpr std::uint64_t manifest_limit_bytes = std::uint64_t{256} << 20;
constexpr std::uint64_t header_limit_bytes = std::uint64_t{128} << 20;  // of state.safetensors

std::string manifest_path(const std::string& folder) {
  return folder + "/manifest";
}
std::string state_path(const std::string& folder) {
  return folder + "/state.safetensors";
}

Manifest describe(const TrainingRecord& record, std::span<const NamedTensorView> sorted) {
  Manifest manifest{record, {}, state_hash(sorted, record.step)};
  std::uint64_t offset = 0;
  for (const NamedTensorView& tensor : sorted) {
    manifest.tensors.push_back({std::string{tensor.name}, tensor.dtype, tensor.shape, offset,
                                tensor.bytes.size(), xxh3_128(tensor.bytes)});
    offset += tensor.bytes.size();
  }
  return manifest;
}

[[noreturn]] void refuse(const std::string& where, const std::string& what) {
  throw Error{ErrorCode::corrupted, where + ": " + what};
}

void verify_tensor(const Manifest::Tensor& told, const Safetensors& state,
                   const std::string& where) {
  const std::string at = where + ": tensor " + told.name;
  const NamedTensorView* const found = state.find(told.name);
  if (found == nullptr) refuse(at, "expected as in the manifest, got none");
  if (found->dtype != told.dtype || found->shape != told.shape) {
    refuse(at, "expected " + std::string{to_string(told.dtype)} + ' ' + to_string(told.shape) +
                   " as in the manifest, got " + std::string{to_string(found->dtype)} + ' ' +
                   to_string(found->shape));
  }
  if (state.offset(*found) != told.offset || found->bytes.size() != told.size_bytes) {
    refuse(at, "expected " + std::to_string(told.size_bytes) + " bytes at " +
                   std::to_string(told.offset) + " as in the manifest, got " +
                   std::to_string(found->bytes.size()) + " at " +
                   std::to_string(state.offset(*found)));
  }
  if (const Xxh3Digest hash = xxh3_128(found->bytes); hash != told.hash) {
    refuse(at, "XXH3-128 differs: expected " + to_hex(told.hash) + ", got " + to_hex(hash));
  }
}

/// The file, if it is no larger than any that was written: a false one must not use up the memory.
FileBytes read_file(FileSystem& files, const std::string& path, std::uint64_t limit_bytes) {
  if (const std::uint64_t size = files.size_bytes(path); size > limit_bytes) {
    refuse(path, "expected at most " + std::to_string(limit_bytes) + " bytes, got " +
                     std::to_string(size));
  }
  return files.read(path, limit_bytes);
}

/// Enough for the file that the manifest tells of, and no more.
std::uint64_t state_limit_bytes(const Manifest& manifest) {
  std::uint64_t limit = header_limit_bytes;
  for (const Manifest::Tensor& tensor : manifest.tensors) {
    limit = std::max(limit, limit + tensor.size_bytes);  // stays where a false size would wrap it
  }
  return limit;
}

}  // namespace

void write_checkpoint(FileSystem& files, const std::string& folder, const TrainingRecord& record,
                      std::span<const NamedTensorView> tensors) {
  const std::vector<NamedTensorView> sorted = sorted_by_name(tensors);
  if (files.kind(folder) != PathKind::none) {
    throw Error{
        ErrorCode::bad_input,
        folder + ": expected a free name, got one that is taken: no checkpoint is overwritten"};
  }
  const std::vector<std::byte> manifest = encode_manifest(describe(record, sorted));
  if (manifest.size() > manifest_limit_bytes) {
    throw Error{ErrorCode::bad_input, manifest_path(folder) + ": expected at most " +
                                          std::to_string(manifest_limit_bytes) + " bytes, got " +
                                          std::to_string(manifest.size())};
  }
  std::string written = temporary_name(files, folder);
  files.create_folder(written);
  try {
    {
      const std::unique_ptr<OutputFile> file = files.create(state_path(written));
      write_safetensors(*file, sorted);
      file->sync();
    }
    {
      const std::unique_ptr<OutputFile> file = files.create(manifest_path(written));
      file->write(manifest);
      file->sync();
    }
    files.sync_folder(written);
    files.rename(written, folder);
    written = folder;
    files.sync_folder(parent_folder(folder));
  } catch (...) {
    try {
      remove_all(files, written);
    } catch (...) {  // the first failure is the one to tell
    }
    throw;
  }
}

Checkpoint read_checkpoint(FileSystem& files, const std::string& folder) {
  const std::string manifest_file = manifest_path(folder), state_file = state_path(folder);
  const FileBytes manifest_bytes = read_file(files, manifest_file, manifest_limit_bytes);
  Manifest manifest = decode_manifest(manifest_bytes.span(), manifest_file);
  Safetensors state =
      Safetensors::parse(read_file(files, state_file, state_limit_bytes(manifest)), state_file);
  for (const Manifest::Tensor& tensor : manifest.tensors) verify_tensor(tensor, state, state_file);
  if (state.tensors().size() != manifest.tensors.size()) {
    refuse(state_file, "expected " + std::to_string(manifest.tensors.size()) +
                           " tensors as in the manifest, got " +
                           std::to_string(state.tensors().size()));
  }
  const Sha256Digest hash = state_hash(state.tensors(), manifest.record.step);
  if (hash != manifest.state_hash) {
    refuse(folder,
           "state hash differs: expected " + to_hex(manifest.state_hash) + ", got " + to_hex(hash));
  }
  return {std::move(manifest), std::move(state)};
}

std::string checkpoint_name(std::uint64_t step) {
  const std::string digits = std::to_string(step);
  if (digits.size() > name_digits) {
    throw Error{ErrorCode::bad_input, "checkpoint: expected a step below 10^12, got " + digits};
  }
  return std::string{name_prefix} + std::string(name_digits - digits.size(), '0') + digits;
}

std::vector<std::uint64_t> checkpoint_steps(FileSystem& files, const std::string& parent) {
  std::vector<std::uint64_t> steps;
  for (const std::string& name : files.list(parent)) {
    if (name.size() != name_prefix.size() + name_digits || !name.starts_with(name_prefix) ||
        name.find_first_not_of("0123456789", name_prefix.size()) != std::string::npos)
      continue;
    steps.push_back(std::stoull(name.substr(name_prefix.size())));
  }
  std::ranges::sort(steps);
  return steps;
}

FoundCheckpoint find_newest_checkpoint(FileSystem& files, const std::string& parent,
                                       std::uint64_t most) {
  std::vector<std::uint64_t> steps = checkpoint_steps(files, parent);
  std::erase_if(steps, [most](std::uint64_t step) { return step > most; });
  std::ranges::reverse(steps);
  FoundCheckpoint found;
  for (const std::uint64_t named : steps) {
    const std::string name = checkpoint_name(named);
    try {
      std::string folder = parent;
      folder.append("/").append(name);
      Checkpoint checkpoint = read_checkpoint(files, folder);
      const std::uint64_t step = checkpoint.manifest.record.step;
      if (checkpoint_name(step) != name) {
        refuse(manifest_path(folder),
               "step: expected that of the folder's name, got " + std::to_string(step));
      }
      found.name = name;
      found.checkpoint = std::move(checkpoint);
      return found;
    } catch (const Error& error) {
      if (error.code() == ErrorCode::exhausted) throw;
      found.refused.push_back({name, error.what()});
    }
  }
  return found;
}

}  // namespace troupe::serialization
