#include "actors/report/ledger.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <string_view>
#include <utility>

#include "runtime/base/error.hpp"
#include "serialization/little_endian.hpp"

namespace troupe::actors {
namespace {

using serialization::load_little;
using serialization::store_little;
using serialization::Xxh3Digest;

constexpr std::string_view magic = "TRPLEDGR";
constexpr std::uint32_t format = 1;
constexpr std::uint32_t most_shards = 1U << 20;
constexpr std::size_t digest_bytes = sizeof(Xxh3Digest);
constexpr std::size_t header_bytes = 8 + 4 + 4 + 8 + 8 + 8 + 32 + digest_bytes;
constexpr std::uint64_t end_mark = UINT64_MAX, machine_mark = UINT64_MAX - 1;

std::size_t entry_bytes(std::uint32_t shards) {
  return 8 + std::size_t{shards} * digest_bytes + 8 + digest_bytes;
}

Xxh3Digest digest_at(std::span<const std::byte> bytes, std::size_t offset) {
  Xxh3Digest digest;
  std::ranges::copy(bytes.subspan(offset, digest.size()), digest.begin());
  return digest;
}

Xxh3Digest hash_entry(const Xxh3Digest& before, std::span<const std::byte> body) {
  serialization::Xxh3_128 hash;
  hash.update(before);
  hash.update(body);
  return hash.finish();
}

std::vector<std::byte> encode(const LedgerHeader& header) {
  std::vector<std::byte> bytes(header_bytes);
  std::memcpy(bytes.data(), magic.data(), magic.size());
  store_little<std::uint32_t>(bytes, 8, format);
  store_little<std::uint32_t>(bytes, 12, header.shards);
  store_little<std::uint64_t>(bytes, 16, header.batch);
  store_little<std::uint64_t>(bytes, 24, header.samples);
  store_little<std::uint64_t>(bytes, 32, header.seed);
  std::ranges::copy(header.data_fingerprint, bytes.begin() + 40);
  const Xxh3Digest hash =
      serialization::xxh3_128(std::span{bytes}.first(header_bytes - digest_bytes));
  std::ranges::copy(hash, bytes.end() - digest_bytes);
  return bytes;
}

LedgerHeader decode(std::span<const std::byte> bytes, const std::string& path) {
  if (bytes.size() < header_bytes || std::memcmp(bytes.data(), magic.data(), magic.size()) != 0) {
    throw Error{ErrorCode::corrupted, path + ": expected a ledger, got " +
                                          std::to_string(bytes.size()) +
                                          " bytes that do not begin as one"};
  }
  if (const auto found = load_little<std::uint32_t>(bytes, 8); found > format) {
    throw Error{ErrorCode::unsupported,
                path + ": expected a ledger of format 1, got format " + std::to_string(found)};
  }
  const std::size_t body = header_bytes - digest_bytes;
  LedgerHeader header;
  header.shards = load_little<std::uint32_t>(bytes, 12);
  header.batch = load_little<std::uint64_t>(bytes, 16);
  header.samples = load_little<std::uint64_t>(bytes, 24);
  header.seed = load_little<std::uint64_t>(bytes, 32);
  std::ranges::copy(bytes.subspan(40, header.data_fingerprint.size()),
                    header.data_fingerprint.begin());
  if (serialization::xxh3_128(bytes.first(body)) != digest_at(bytes, body) || header.shards == 0 ||
      header.shards > most_shards) {
    throw Error{ErrorCode::corrupted, path + ": the ledger's header does not verify"};
  }
  return header;
}

std::string shown(const LedgerHeader& header) {
  return std::to_string(header.shards) + " shards, batch " + std::to_string(header.batch) + ", " +
         std::to_string(header.samples) + " samples, seed " + std::to_string(header.seed) +
         ", data " + serialization::to_hex(std::span{header.data_fingerprint}.first(4));
}

}  // namespace

LedgerReader::LedgerReader(FileSystem& files, const std::string& path)
    : path_{path}, bytes_{files.map(path)}, header_{decode(bytes_.span(), path)} {
  verify_entries();
}

void LedgerReader::verify_entries() {
  const std::size_t size = entry_bytes(header_.shards);
  std::span<const std::byte> rest = bytes_.span().subspan(header_bytes);
  Xxh3Digest before = digest_at(bytes_.span(), header_bytes - digest_bytes);
  while (!rest.empty() && !fault_) {
    const std::string which = "entry " + std::to_string(steps_);
    if (rest.size() < size) {
      fault_ = which + ": it was cut off: expected " + std::to_string(size) + " bytes, got " +
               std::to_string(rest.size());
    } else if (unused_) {
      fault_ = which + ": expected nothing after the job's end";
    } else {
      const std::span<const std::byte> body = rest.first(size - digest_bytes);
      const Xxh3Digest hash = hash_entry(before, body);
      const auto step = load_little<std::uint64_t>(body, 0);
      if (hash != digest_at(rest, body.size())) {
        fault_ = which + ": its hash does not verify";
      } else if (step == end_mark) {
        unused_ = PositionRange{load_little<std::uint64_t>(body, 8),
                                load_little<std::uint64_t>(body, 16)};
      } else if (step == machine_mark) {
        machines_.push_back({steps_, digest_at(body, 8)});
      } else if (step != steps_) {
        fault_ = which + ": expected step " + std::to_string(steps_) + ", got step " +
                 std::to_string(step);
      } else {
        ++steps_;
      }
      before = hash;
      rest = rest.subspan(size);
    }
  }
}

std::uint64_t LedgerReader::size_bytes(std::uint64_t steps) const {
  if (steps > steps_) {
    throw Error{ErrorCode::bad_input, path_ + ": expected at most " + std::to_string(steps_) +
                                          " steps, got " + std::to_string(steps)};
  }
  const auto machines =
      std::ranges::count_if(machines_, [&](const auto& machine) { return machine.step <= steps; });
  return header_bytes +
         (steps + static_cast<std::uint64_t>(machines)) * entry_bytes(header_.shards);
}

Xxh3Digest LedgerReader::chain(std::uint64_t steps) const {
  return digest_at(bytes_.span(), size_bytes(steps) - digest_bytes);
}

LedgerEntry LedgerReader::entry(std::uint64_t step) const {
  if (step >= steps_) {
    throw Error{ErrorCode::bad_input, path_ + ": expected a step below " + std::to_string(steps_) +
                                          ", got " + std::to_string(step)};
  }
  const std::size_t size = entry_bytes(header_.shards);
  const auto bytes = bytes_.span().subspan(size_bytes(step), size);
  LedgerEntry entry;
  entry.step = step;
  for (std::uint32_t s = 0; s < header_.shards; ++s) {
    entry.digests.push_back(digest_at(bytes, 8 + std::size_t{s} * digest_bytes));
  }
  entry.loss = std::bit_cast<double>(load_little<std::uint64_t>(bytes, size - digest_bytes - 8));
  return entry;
}

LedgerWriter::LedgerWriter(AppendFile file, const LedgerHeader& header, std::uint64_t steps,
                           Xxh3Digest chain, std::vector<LedgerMachine> machines)
    : file_{std::move(file)},
      header_{header},
      steps_{steps},
      chain_{chain},
      machines_{std::move(machines)} {}

LedgerWriter LedgerWriter::create(FileSystem& files, const std::string& path,
                                  const LedgerHeader& header) {
  if (header.shards == 0 || header.shards > most_shards) {
    throw Error{ErrorCode::bad_input,
                path + ": expected from 1 to 1048576 shards, got " + std::to_string(header.shards)};
  }
  if (files.kind(path) != PathKind::none) {
    throw Error{ErrorCode::bad_input, path + ": expected no ledger yet, got one"};
  }
  const std::vector<std::byte> bytes = encode(header);
  write_atomically(files, path, bytes);  // so the header is never torn
  return {AppendFile{files, path, header_bytes}, header, 0,
          digest_at(bytes, header_bytes - digest_bytes)};
}

LedgerWriter LedgerWriter::open(FileSystem& files, const std::string& path,
                                const LedgerHeader& header, std::optional<std::uint64_t> steps) {
  std::uint64_t size = 0;
  std::uint64_t kept = 0;
  Xxh3Digest chain;
  std::vector<LedgerMachine> machines;
  {
    const LedgerReader found{files, path};  // unmapped before anything is cut off
    if (found.header() != header) {
      throw Error{ErrorCode::bad_input, path + ": expected the ledger of " + shown(header) +
                                            "; got that of " + shown(found.header())};
    }
    kept = steps.value_or(found.steps());
    if (kept > found.steps()) {
      throw Error{ErrorCode::corrupted,
                  path + ": expected " + std::to_string(kept) + " steps, " +
                      std::to_string(found.steps()) + " verify" +
                      (found.fault() ? "; " + *found.fault() : std::string{})};
    }
    size = found.size_bytes(kept);
    chain = found.chain(kept);
    machines = found.machines();
    std::erase_if(machines, [&](const auto& machine) { return machine.step > kept; });
  }
  return {AppendFile{files, path, size}, header, kept, chain, std::move(machines)};
}

void LedgerWriter::append(std::uint64_t step, std::span<const ShardDigest> digests, double loss) {
  if (ended_ || step != steps_ || digests.size() != header_.shards) {
    throw Error{ErrorCode::bug, file_.path() + ": expected " +
                                    (ended_ ? "nothing after the job's end"
                                            : "step " + std::to_string(steps_) + " with " +
                                                  std::to_string(header_.shards) + " digests") +
                                    ", got step " + std::to_string(step) + " with " +
                                    std::to_string(digests.size())};
  }
  std::vector<std::byte> entry(entry_bytes(header_.shards));
  store_little<std::uint64_t>(entry, 0, step);
  std::size_t at = 8;
  for (const ShardDigest& digest : digests) {
    std::ranges::copy(digest, entry.begin() + static_cast<std::ptrdiff_t>(at));
    at += digest_bytes;
  }
  store_little<std::uint64_t>(entry, at, std::bit_cast<std::uint64_t>(loss));
  write(std::move(entry));
  ++steps_;
}

void LedgerWriter::set_machine(const Xxh3Digest& probe) {
  if (ended_) throw Error{ErrorCode::bug, file_.path() + ": the job has ended already"};
  if (!machines_.empty() && machines_.back().probe == probe) return;
  std::vector<std::byte> entry(entry_bytes(header_.shards));
  store_little<std::uint64_t>(entry, 0, machine_mark);
  std::ranges::copy(probe, entry.begin() + 8);
  write(std::move(entry));
  machines_.push_back({steps_, probe});
}

void LedgerWriter::end(PositionRange unused) {
  if (ended_) throw Error{ErrorCode::bug, file_.path() + ": the job has ended already"};
  std::vector<std::byte> entry(entry_bytes(header_.shards));
  store_little<std::uint64_t>(entry, 0, end_mark);
  store_little<std::uint64_t>(entry, 8, unused.first);
  store_little<std::uint64_t>(entry, 16, unused.last);
  write(std::move(entry));
  ended_ = true;
}

void LedgerWriter::write(std::vector<std::byte> entry) {
  const Xxh3Digest hash = hash_entry(chain_, std::span{entry}.first(entry.size() - digest_bytes));
  std::ranges::copy(hash, entry.end() - digest_bytes);
  file_.append(entry);
  chain_ = hash;
}

}  // namespace troupe::actors
