#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/base/file.hpp"
#include "serialization/manifest.hpp"
#include "serialization/named_tensor.hpp"
#include "serialization/safetensors.hpp"

namespace troupe::serialization {

// A checkpoint is a folder of two files, which only ever appears whole:
//
//     manifest           what the job must know to go on, and a table of the tensors with their hashes
//     state.safetensors  parameters, running statistics, optimizer state

/// A checkpoint as it was read: all of it was verified.
struct Checkpoint {
  Manifest manifest;
  Safetensors state;
};

/// Writes a checkpoint in one step: into a temporary folder beside it, each file and the folder synced,
/// then renamed, and the parent synced. At any power cut `folder` is missing or whole.
/// @throws Error bad_input if the name is taken (nothing is ever overwritten), two tensors bear one name or
/// bytes do not fit; else as the file system does. Nothing is left behind then.
void write_checkpoint(FileSystem& files, const std::string& folder, const TrainingRecord& record,
                      std::span<const NamedTensorView> tensors);

/// Reads a checkpoint and verifies it: format number and hash of the manifest, the hash of each tensor,
/// the state hash (JOB-8).
/// @throws Error naming file, field or tensor: bad_input if a file is missing, unsupported if the format is
/// newer, corrupted if anything differs from what was written.
Checkpoint read_checkpoint(FileSystem& files, const std::string& folder);

/// "step-" and twelve digits. @throws Error bad_input for steps of 10^12 or more.
std::string checkpoint_name(std::uint64_t step);

/// The steps of a folder's checkpoints by their names, growing, whether they verify or not; other names are passed over.
std::vector<std::uint64_t> checkpoint_steps(FileSystem& files, const std::string& parent);

struct FoundCheckpoint {
  struct Refusal {
    std::string name, reason;
  };
  std::string name;  ///< empty if none was found
  std::optional<Checkpoint> checkpoint;
  std::vector<Refusal> refused;  ///< newer ones that do not verify, newest first
};

/// The newest checkpoint in `parent` that verifies; other names, temporaries too, are passed over. The
/// refused ones stay where they are: who resumes from an older one moves them away, lest their names be
/// taken when the job comes by again.
/// @param most  of more steps than these none is looked at
/// @throws Error exhausted as the file system does: that says nothing of a checkpoint.
FoundCheckpoint find_newest_checkpoint(FileSystem& files, const std::string& parent,
                                       std::uint64_t most = UINT64_MAX);

}  // namespace troupe::serialization
