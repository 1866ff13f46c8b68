#include "actors/versions/version_slots.hpp"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

#include "runtime/base/error.hpp"

namespace troupe::actors {
namespace {

using Word = std::atomic<std::uint64_t>;
static_assert(Word::is_always_lock_free, "words are shared between processes");

constexpr std::uint64_t page = 4096;
constexpr std::uint64_t aligned(std::uint64_t bytes) {
  return (bytes + page - 1) / page * page;
}

// A slot's word: free, written to by a process, or a version's.
enum Use : std::uint64_t { free_slot = 0, writing = 1, valid = 2, valid_and_pinned = 3 };
constexpr std::uint64_t use_mask = 3;
constexpr bool is_valid(std::uint64_t word) {
  return (word & 2U) != 0;
}
constexpr std::uint64_t version_of(std::uint64_t word) {
  return word >> 2U;
}
constexpr std::uint64_t word_of(std::uint64_t version, Use use) {
  return version << 2U | use;
}
// Who writes: 22 bits hold every process id; the rest tells one writing from the next.
constexpr std::uint64_t process_mask = 0x3FFFFF;
constexpr std::uint64_t writer_of(std::uint64_t word) {
  return word >> 2U & process_mask;
}

struct Header {
  Word job;  // 0 while the rest is made
  std::uint64_t slot_bytes;
  std::uint32_t shards;
  std::uint32_t unused;
  Word collected;
  Word writings;
  Word slot[VersionSlots::slots];
  Word reader[VersionSlots::readers];  // what is held and by which process, or 0
};

struct Entry {
  Word step_plus_1;
  double loss;
  std::int64_t rows;
  std::uint64_t unused;
};

Header& header(std::byte* memory) {
  return *reinterpret_cast<Header*>(memory);
}

std::uint64_t entry_bytes(std::uint32_t shards) {
  return sizeof(Entry) + shards * sizeof(ShardDigest);
}
Entry& entry(std::byte* memory, std::uint64_t step) {
  std::byte* const at = memory + aligned(sizeof(Header)) +
                        step % VersionSlots::records * entry_bytes(header(memory).shards);
  return *reinterpret_cast<Entry*>(at);
}
ShardDigest* digests_of(Entry& entry) {
  return reinterpret_cast<ShardDigest*>(&entry + 1);
}

std::uint64_t slots_at(std::uint32_t shards) {
  return aligned(sizeof(Header)) + aligned(VersionSlots::records * entry_bytes(shards));
}
std::span<std::byte> slot_memory(std::byte* memory, std::uint32_t slot) {
  const std::uint64_t bytes = header(memory).slot_bytes;
  return {memory + slots_at(header(memory).shards) + slot * aligned(bytes), bytes};
}

std::uint64_t own_process() {
  return static_cast<std::uint64_t>(::getpid()) & process_mask;
}

std::uint64_t reader_word(std::uint64_t version) {
  return (version + 1) << 22U | own_process();
}
std::uint64_t read_version(std::uint64_t word) {
  return (word >> 22U) - 1;
}

bool has_ended(std::uint64_t process) {
  return ::kill(static_cast<pid_t>(process), 0) != 0 && errno == ESRCH;
}

/// Readers whose process has ended read no more.
void release_dead(Header& head) {
  for (Word& reader : head.reader) {
    std::uint64_t word = reader.load();
    if (word != 0 && has_ended(word & process_mask)) reader.compare_exchange_strong(word, 0);
  }
}

std::uint32_t claim_reader(Header& head, std::uint64_t word) {
  for (int tries = 0; tries < 2; ++tries) {
    for (std::uint32_t i = 0; i < VersionSlots::readers; ++i) {
      std::uint64_t nobody = 0;
      if (head.reader[i].load(std::memory_order_relaxed) == 0 &&
          head.reader[i].compare_exchange_strong(nobody, word))
        return i;
    }
    release_dead(head);
  }
  throw Error{
      ErrorCode::exhausted,
      "version slots: more than " + std::to_string(VersionSlots::readers) + " readers at a time"};
}

}  // namespace

std::uint64_t VersionSlots::size_bytes(std::size_t slot_bytes, std::uint32_t shards) {
  return slots_at(shards) + slots * aligned(slot_bytes);
}

VersionSlots VersionSlots::make(std::span<std::byte> memory, std::uint64_t job,
                                std::size_t slot_bytes, std::uint32_t shards) {
  if (shards == 0 || shards > most_shards)
    throw Error{ErrorCode::bad_input, "version slots: expected 1 to " +
                                          std::to_string(most_shards) + " shards, got " +
                                          std::to_string(shards)};
  const std::uint64_t wanted = size_bytes(slot_bytes, shards);
  if (wanted > memory.size())
    throw Error{ErrorCode::exhausted, "version slots: a job of " + std::to_string(slot_bytes) +
                                          " bytes of state needs " + std::to_string(wanted) +
                                          " bytes, the node shares " +
                                          std::to_string(memory.size())};
  Header& head = header(memory.data());
  head.job.store(0);
  head.slot_bytes = slot_bytes;
  head.shards = shards;
  head.collected.store(0);
  head.writings.store(0);
  for (Word& word : head.slot) word.store(free_slot);
  for (Word& word : head.reader) word.store(0);
  for (std::uint64_t i = 0; i < records; ++i) entry(memory.data(), i).step_plus_1.store(0);
  head.job.store(job);
  return VersionSlots{memory.data()};
}

std::optional<VersionSlots> VersionSlots::find(std::span<std::byte> memory, std::uint64_t job) {
  if (memory.size() < sizeof(Header) || job == 0) return {};
  const Header& head = header(memory.data());
  if (head.job.load() != job) return {};
  return VersionSlots{memory.data()};
}

std::uint64_t VersionSlots::job() const {
  return header(memory_).job.load();
}
std::size_t VersionSlots::slot_bytes() const {
  return header(memory_).slot_bytes;
}
std::uint32_t VersionSlots::shards() const {
  return header(memory_).shards;
}

std::optional<std::uint64_t> VersionSlots::newest() const {
  std::optional<std::uint64_t> newest;
  for (const Word& slot : header(memory_).slot) {
    const std::uint64_t word = slot.load();
    if (is_valid(word) && (!newest || version_of(word) > *newest)) newest = version_of(word);
  }
  return newest;
}

VersionSlots::Held::Held(Held&& other) noexcept
    : memory_{std::exchange(other.memory_, nullptr)},
      reader_{other.reader_},
      version_{other.version_},
      state_{other.state_} {}

VersionSlots::Held::~Held() {
  if (memory_ != nullptr) header(memory_).reader[reader_].store(0);
}

std::optional<VersionSlots::Held> VersionSlots::hold(std::uint64_t version) {
  Header& head = header(memory_);
  // The reader says what it reads, then looks whether it is there; the writer says that it is not there any more, then
  // looks for readers (begin_write). One of them sees the other: both are sequentially consistent.
  const std::uint32_t reader = claim_reader(head, reader_word(version));
  for (std::uint32_t i = 0; i < slots; ++i) {
    const std::uint64_t word = head.slot[i].load();
    if (is_valid(word) && version_of(word) == version)
      return Held{memory_, reader, version, slot_memory(memory_, i)};
  }
  head.reader[reader].store(0);
  return {};
}

std::optional<VersionSlots::Held> VersionSlots::hold_newest() {
  // A version that is gone has made room for a newer one, so this ends unless steps outrun it for ever.
  for (int tries = 0; tries < 1000; ++tries) {
    const auto version = newest();
    if (!version) return {};
    if (auto held = hold(*version)) return held;
  }
  return {};
}

VersionSlots::Writing::Writing(Writing&& other) noexcept
    : memory_{std::exchange(other.memory_, nullptr)},
      slot_{other.slot_},
      mark_{other.mark_},
      state_{other.state_} {}

VersionSlots::Writing::~Writing() {
  if (memory_ == nullptr) return;
  std::uint64_t expected = mark_;
  header(memory_).slot[slot_].compare_exchange_strong(expected, free_slot);
}

std::optional<VersionSlots::Writing> VersionSlots::begin_write() {
  Header& head = header(memory_);
  const auto kept = newest();
  const std::uint64_t mark = ((head.writings.fetch_add(1) << 22U | own_process()) << 2U) | writing;
  for (int tries = 0; tries < 2; ++tries) {
    for (std::uint32_t i = 0; i < slots; ++i) {
      std::uint64_t word = head.slot[i].load();
      const std::uint64_t use = word & use_mask;
      if (use == valid_and_pinned || (use == valid && version_of(word) == kept)) continue;
      // A thread of that process may still write to it.
      if (use == writing && !has_ended(writer_of(word))) continue;
      if (!head.slot[i].compare_exchange_strong(word, mark)) continue;
      bool held = false;
      if (use == valid) {
        // Another writer may have made it the newest meanwhile.
        const auto left = newest();
        held = !left || version_of(word) > *left;
        for (const Word& reader : head.reader) {
          const std::uint64_t reads = reader.load();
          held = held || (reads != 0 && read_version(reads) == version_of(word));
        }
      }
      if (!held) return Writing{memory_, i, mark, slot_memory(memory_, i)};
      head.slot[i].store(
          word);  // nobody but this writer changes it, and not a byte of it was touched
    }
    release_dead(head);
  }
  return {};
}

bool VersionSlots::commit(Writing written, std::uint64_t version, bool pinned) {
  std::uint64_t expected = written.mark_;
  // Once is enough: who has unpinned it does so no more.
  for (const Word& slot : header(memory_).slot) {
    const std::uint64_t other = slot.load();
    pinned = pinned && !(is_valid(other) && version_of(other) == version);
  }
  const std::uint64_t word = word_of(version, pinned ? valid_and_pinned : valid);
  const bool done = header(memory_).slot[written.slot_].compare_exchange_strong(expected, word);
  written.memory_ = nullptr;
  return done;
}

void VersionSlots::unpin(std::uint64_t version) {
  for (Word& slot : header(memory_).slot) {
    std::uint64_t word = word_of(version, valid_and_pinned);
    slot.compare_exchange_strong(word, word_of(version, valid));
  }
}

bool VersionSlots::pinned(std::uint64_t version) const {
  for (const Word& slot : header(memory_).slot)
    if (slot.load() == word_of(version, valid_and_pinned)) return true;
  return false;
}

bool VersionSlots::being_written_by(std::int64_t process) const {
  for (const Word& slot : header(memory_).slot) {
    const std::uint64_t word = slot.load();
    if ((word & use_mask) == writing &&
        writer_of(word) == (static_cast<std::uint64_t>(process) & process_mask))
      return true;
  }
  return false;
}

bool VersionSlots::record(const StepRecord& record, std::span<const ShardDigest> digests) {
  const Header& head = header(memory_);
  if (digests.size() != head.shards)
    throw Error{ErrorCode::bug, "version slots: a digest for each shard"};
  if (record.step >= head.collected.load() + records) return false;
  if (record.step < head.collected.load())
    return true;  // written by an earlier writer, and collected
  Entry& at = entry(memory_, record.step);
  at.loss = record.loss;
  at.rows = record.rows;
  std::memcpy(digests_of(at), digests.data(), digests.size_bytes());
  at.step_plus_1.store(record.step + 1);
  return true;
}

std::optional<StepRecord> VersionSlots::recorded(std::uint64_t step,
                                                 std::span<ShardDigest> digests) const {
  const Header& head = header(memory_);
  if (digests.size() != head.shards)
    throw Error{ErrorCode::bug, "version slots: a digest for each shard"};
  const auto version = newest();
  if (!version || step >= *version || step < head.collected.load()) return {};
  Entry& at = entry(memory_, step);
  if (at.step_plus_1.load() != step + 1) return {};
  const StepRecord result{step, at.loss, at.rows};
  std::memcpy(digests.data(), digests_of(at), digests.size_bytes());
  return result;
}

void VersionSlots::collected(std::uint64_t steps) {
  header(memory_).collected.store(steps);
}
std::uint64_t VersionSlots::collected() const {
  return header(memory_).collected.load();
}

}  // namespace troupe::actors
