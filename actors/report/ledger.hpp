#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "actors/job/shard_digest.hpp"
#include "actors/report/append_file.hpp"
#include "runtime/base/file.hpp"
#include "runtime/base/positions.hpp"
#include "serialization/sha256.hpp"
#include "serialization/xxh3.hpp"

namespace troupe::actors {

// The ledger is a job's evidence of what it consumed: one entry a committed step. All numbers are little-endian.
//
//     header  "TRPLEDGR", u32 format (1), u32 shards S, u64 batch B, u64 samples N, u64 seed,
//             32 bytes: the data's fingerprint, 16 bytes: XXH3-128 of what stands before
//     entry   u64 step, S x 16 bytes: the digest of what each shard consumed, f64 loss,
//             16 bytes: XXH3-128 of the hash before (the first time: the header's) and this entry up to here
//     machine of an entry's size: u64 2^64 - 2, 16 bytes: the probe of who computes from here on (JOB-6), zeros, hash
//     end     of an entry's size: u64 2^64 - 1, u64 first and u64 last of the unused positions (JOB-1), zeros, hash
//
// The first entry of a machine stands before step 0; each further one is a break, that somebody accepted.
//
// - LED-1: entry n is step n.
// - LED-2: an entry vouches for all that stand before it.
// - LED-3: what a power cut tore is cut off, down to whole entries that verify.

struct LedgerHeader {
  std::uint32_t shards = 1;   ///< 1 ... 2^20
  std::uint64_t batch = 0;    ///< rows a step
  std::uint64_t samples = 0;  ///< of the prepared data
  std::uint64_t seed = 0;
  serialization::Sha256Digest data_fingerprint{};

  bool operator==(const LedgerHeader&) const = default;
};

struct LedgerEntry {
  std::uint64_t step = 0;
  std::vector<ShardDigest> digests;  ///< one a shard, in order
  double loss = 0;
};

/// Whose bits the steps from `step` on have, until the next one.
struct LedgerMachine {
  std::uint64_t step = 0;
  serialization::Xxh3Digest probe{};

  bool operator==(const LedgerMachine&) const = default;
};

/// Reads a ledger whose file nobody truncates meanwhile. Immutable.
class LedgerReader {
 public:
  /// Verifies all of it. @throws Error corrupted if the header does not verify, unsupported if its format is newer.
  LedgerReader(FileSystem& files, const std::string& path);

  const LedgerHeader& header() const { return header_; }
  /// How many entries verify, from the start. Only these are given out.
  std::uint64_t steps() const { return steps_; }
  /// @throws Error bad_input unless step < steps().
  LedgerEntry entry(std::uint64_t step) const;
  /// In order; none if it was never noted.
  const std::vector<LedgerMachine>& machines() const { return machines_; }
  /// The positions that no step consumed, if the job came to its end.
  std::optional<PositionRange> unused() const { return unused_; }
  /// What is wrong with the first entry that does not verify, or with the file's end, without the file's name. Nothing: the
  /// whole file verifies.
  const std::optional<std::string>& fault() const { return fault_; }
  /// Where the entries of the first `steps` steps end, and of the machines that follow them. @throws Error bad_input if there are fewer.
  std::uint64_t size_bytes(std::uint64_t steps) const;
  /// The chain's hash after so many steps.
  serialization::Xxh3Digest chain(std::uint64_t steps) const;

 private:
  void verify_entries();

  std::string path_;
  FileBytes bytes_;
  LedgerHeader header_;
  std::uint64_t steps_ = 0;
  std::vector<LedgerMachine> machines_;
  std::optional<PositionRange> unused_;
  std::optional<std::string> fault_;
};

/// Not thread-safe; `files` outlives it. What append() wrote lasts once sync() returned. Errors of the disk leave the
/// ledger as it was before the call, but for a sync() that fails: then nothing since the last one may be relied upon.
class LedgerWriter {
 public:
  /// A new ledger, with no entry. @throws Error bad_input if something is at `path`, or the header is out of range.
  static LedgerWriter create(FileSystem& files, const std::string& path,
                             const LedgerHeader& header);
  /// Goes on after `steps` entries, or after all that verify; what follows them is cut off.
  /// @throws Error bad_input if the ledger is of another job (both are named); corrupted if fewer than `steps` entries
  ///         verify: the file is as it was then.
  static LedgerWriter open(FileSystem& files, const std::string& path, const LedgerHeader& header,
                           std::optional<std::uint64_t> steps = {});

  /// @throws Error bug if `step` is not the next one (LED-1), the number of digests is not S, or the job has ended.
  void append(std::uint64_t step, std::span<const ShardDigest> digests, double loss);
  /// Notes whose bits follow; nothing if that is so already. @throws Error bug if the job has ended.
  void set_machine(const serialization::Xxh3Digest& probe);
  /// Notes the positions that no step consumes (JOB-1), at the job's end. Nothing may be appended after it.
  void end(PositionRange unused);
  void sync() { file_.sync(); }

  std::uint64_t steps() const { return steps_; }
  const std::vector<LedgerMachine>& machines() const { return machines_; }
  bool ended() const { return ended_; }
  std::uint64_t size_bytes() const { return file_.size_bytes(); }

 private:
  LedgerWriter(AppendFile file, const LedgerHeader& header, std::uint64_t steps,
               serialization::Xxh3Digest chain, std::vector<LedgerMachine> machines = {});
  void write(std::vector<std::byte> entry);

  AppendFile file_;
  LedgerHeader header_;
  std::uint64_t steps_;
  serialization::Xxh3Digest chain_;
  std::vector<LedgerMachine> machines_;
  bool ended_ = false;
};

}  // namespace troupe::actors
