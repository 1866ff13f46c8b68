#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "actors/job/shard_digest.hpp"

namespace troupe::actors {

/// What is on record of a step that was committed.
struct StepRecord {
  std::uint64_t step = 0;
  double loss = 0.0;      ///< mean over the rows that counted
  std::int64_t rows = 0;  ///< that counted
};

/// The versions of one job's state (architecture, "Versions"), in memory that the node shares with its worker
/// processes: some slots, of which each is free, being written, or holds a version; who reads which; and the records
/// of the last steps. Version t is the state after t steps.
///
/// All that is known of a job that runs lies here, so that any actor, the coordinator included, may end at any
/// instruction and its successor goes on:
///
/// - SLOT-1: a version is seen whole or not at all: it becomes valid by one store, after all of it was written.
/// - SLOT-2: a slot that is held by a reader, pinned, or the newest, is never written to. What a process held that
///   has ended is held no more.
/// - SLOT-3: a slot that somebody who ended was writing to is used again only when he can do so no more: his process
///   is another one, which has ended, or his thread has let go of it (Writing's destructor).
/// - SLOT-4: the record of step t is there before version t + 1 is valid, and stays until it was collected.
///
/// A view, small to copy; the memory outlives it. Safe for any writers, one collector and any readers at once, in any
/// processes. Writers of one version write the same bits, as the job has no others.
class VersionSlots {
 public:
  static constexpr std::uint32_t slots = 12;
  static constexpr std::uint32_t readers = 1024;  ///< that hold a version at a time
  static constexpr std::uint32_t records = 512;   ///< steps that may wait to be collected
  static constexpr std::uint32_t most_shards = 1024;

  /// So many bytes a job needs.
  static std::uint64_t size_bytes(std::size_t slot_bytes, std::uint32_t shards);

  /// Memory for a new job: whatever was there is forgotten.
  /// @param job  not 0; others recognise the job by it
  /// @throws Error exhausted if the memory is too small, bad_input for more than most_shards.
  static VersionSlots make(std::span<std::byte> memory, std::uint64_t job, std::size_t slot_bytes,
                           std::uint32_t shards);
  /// A view of a job that is there. None: another job or none is.
  static std::optional<VersionSlots> find(std::span<std::byte> memory, std::uint64_t job);

  std::uint64_t job() const;
  std::size_t slot_bytes() const;
  std::uint32_t shards() const;

  /// The newest valid version; none before the first.
  std::optional<std::uint64_t> newest() const;

  /// A version that its holder may read until this dies, which may be in another thread. Move-only.
  class Held {
   public:
    Held(Held&& other) noexcept;
    Held& operator=(Held&&) = delete;
    ~Held();
    std::uint64_t version() const { return version_; }
    std::span<const std::byte> state() const { return state_; }

   private:
    friend class VersionSlots;
    Held(std::byte* memory, std::uint32_t reader, std::uint64_t version,
         std::span<const std::byte> state)
        : memory_{memory}, reader_{reader}, version_{version}, state_{state} {}
    std::byte* memory_;
    std::uint32_t reader_;
    std::uint64_t version_;
    std::span<const std::byte> state_;
  };
  /// None: that version is not there any more, or not yet. @throws Error exhausted if there are too many readers.
  std::optional<Held> hold(std::uint64_t version);
  std::optional<Held> hold_newest();

  /// A slot that is being written; given up by its destructor unless it was committed. Move-only.
  class Writing {
   public:
    Writing(Writing&& other) noexcept;
    Writing& operator=(Writing&&) = delete;
    ~Writing();
    std::span<std::byte> state() const { return state_; }

   private:
    friend class VersionSlots;
    Writing(std::byte* memory, std::uint32_t slot, std::uint64_t mark, std::span<std::byte> state)
        : memory_{memory}, slot_{slot}, mark_{mark}, state_{state} {}
    std::byte* memory_;
    std::uint32_t slot_;
    std::uint64_t mark_;
    std::span<std::byte> state_;
  };
  /// A slot for the next version. None: all are held, pinned or being written; try again when somebody let go.
  std::optional<Writing> begin_write();
  /// Makes it the version. `pinned`: it stays until unpin(). False: the slot was taken from the writer meanwhile.
  bool commit(Writing writing, std::uint64_t version, bool pinned);
  void unpin(std::uint64_t version);
  bool pinned(std::uint64_t version) const;
  /// Whether a slot is being written by that process; or was when it ended, and nobody has used it again.
  bool being_written_by(std::int64_t process) const;

  /// Writes a step's record, before version step + 1 is committed. False: the records are full, since the collector
  /// is behind. @param digests by shard.
  bool record(const StepRecord& record, std::span<const ShardDigest> digests);
  /// The record of a step that was committed and not yet collected. None: there is no such.
  std::optional<StepRecord> recorded(std::uint64_t step, std::span<ShardDigest> digests) const;
  /// Steps below this were collected; their records may be written over.
  void collected(std::uint64_t steps);
  std::uint64_t collected() const;

 private:
  explicit VersionSlots(std::byte* memory) : memory_{memory} {}
  std::byte* memory_;
};

}  // namespace troupe::actors
