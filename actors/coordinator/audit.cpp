#include "actors/coordinator/audit.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "actors/coordinator/audit_version.hpp"
#include "actors/coordinator/job_files.hpp"
#include "actors/loader/batch_maker.hpp"
#include "actors/loader/prepared_data.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/permutation.hpp"
#include "serialization/little_endian.hpp"
#include "serialization/sha256.hpp"

namespace troupe::actors {
namespace {

// What is tried grows with the square of a shard's rows, for swaps of any two with their cube.
constexpr std::uint64_t most_rows_explained = 4096;
constexpr std::uint64_t most_rows_swapped = 256;
constexpr std::uint64_t most_path_bytes = std::uint64_t{64} << 10;

class Consumption {
 public:
  Consumption(const PreparedData& data, std::uint64_t seed) : data_{data}, seed_{seed} {}

  std::uint64_t sample(std::uint64_t position) const {
    return sample_index(seed_, position, data_.size(Split::train));
  }
  ShardDigest expected(PositionRange range) const {
    return digest(range, [](std::uint64_t p) { return p; });
  }
  std::string explain(PositionRange range, const ShardDigest& found) const;

 private:
  template <class Source>
  ShardDigest digest(PositionRange range, Source&& source) const {
    serialization::Xxh3_128 hash;
    for (std::uint64_t p = range.first; p < range.last; ++p) {
      std::array<std::byte, 8> bytes;
      serialization::store_little(bytes, 0, p);
      hash.update(bytes);
      hash.update(data_.record(Split::train, sample(source(p))));
    }
    return hash.finish();
  }
  std::string position(std::uint64_t p) const {
    return "position " + std::to_string(p) + " (record " + std::to_string(sample(p)) + ")";
  }

  const PreparedData& data_;
  std::uint64_t seed_;
};

std::string Consumption::explain(PositionRange range, const ShardDigest& found) const {
  if (range.count() > most_rows_explained) return {};
  using Kind = Corruption::Kind;
  for (const Kind kind : {Kind::skip, Kind::duplicate, Kind::swap}) {
    for (std::uint64_t p = range.first; p < range.last; ++p) {
      const Corruption tried{kind, p};
      if (digest(range, [&](std::uint64_t at) { return tried.source(at, range); }) != found)
        continue;
      if (kind == Kind::skip) return position(p) + " was skipped";
      if (kind == Kind::duplicate) return position(p) + " was consumed twice";
      return position(p) + " and " + position(p + 1) + " were swapped";
    }
  }
  if (range.count() > most_rows_swapped) return {};
  for (std::uint64_t a = range.first; a < range.last; ++a) {
    for (std::uint64_t b = a + 2; b < range.last; ++b) {
      const auto swapped = [&](std::uint64_t p) { return p == a ? b : p == b ? a : p; };
      if (digest(range, swapped) == found)
        return position(a) + " and " + position(b) + " were swapped";
    }
  }
  return {};
}

std::string plural(std::uint64_t count, const std::string& what) {
  return std::to_string(count) + ' ' + what + (count == 1 ? "" : "s");
}

/// As "positions 0 to 127".
std::string to_text(PositionRange range) {
  return "positions " + std::to_string(range.first) + " to " + std::to_string(range.last - 1);
}

std::string unused_text(PositionRange range) {
  return range.count() == 0 ? "no position is unused" : to_text(range) + " are unused";
}

std::string read_text(FileSystem& files, const std::string& path) {
  const FileBytes bytes = files.read(path, most_path_bytes);
  return {reinterpret_cast<const char*>(bytes.span().data()), bytes.span().size()};
}

}  // namespace

std::string AuditReport::text() const {
  const std::uint64_t consumed = steps * header.batch;
  std::string text = plural(steps, "step") + " of " + std::to_string(header.batch) +
                     " positions in " + plural(header.shards, "shard") + ", seed " +
                     std::to_string(header.seed) + ", " +
                     plural(header.samples, "training record") + '\n';
  for (const std::string& problem : problems) text += "problem: " + problem + '\n';
  for (const ShardDifference& shard : first) {
    text +=
        "step " + std::to_string(shard.step) + ", shard " + std::to_string(shard.shard) + ", " +
        to_text(shard.positions) + ": " +
        (shard.explanation.empty() ? "other records than these were consumed" : shard.explanation) +
        '\n';
  }
  if (different > first.size())
    text += "… and " + plural(different - first.size(), "more shard") + " that differ\n";
  if (ok() && consumed > 0) {
    text += to_text({0, consumed}) + ": each consumed exactly once, in order (" +
            plural(consumed / header.samples, "whole epoch") +
            (consumed % header.samples > 0 ? " and " + plural(consumed % header.samples, "position")
                                           : std::string{}) +
            ")\n";
  }
  if (ok() && !state_hash.empty())
    text += "the version of step " + std::to_string(steps) + " verifies: state hash " + state_hash +
            '\n';
  for (std::size_t i = 1; i < machines.size(); ++i)
    text += "from step " + std::to_string(machines[i].step) +
            " on another machine computed (--new-machine): probe " +
            serialization::to_hex(machines[i].probe) + ", before " +
            serialization::to_hex(machines[i - 1].probe) + '\n';
  if (unused)
    text += unused->count() == 0 ? "unused at the end: none\n"
                                 : "unused at the end: " + to_text(*unused) + '\n';
  return text;
}

AuditReport audit_ledger(FileSystem& files, const std::string& ledger, const std::string& prepared,
                         std::optional<std::uint64_t> steps, std::int64_t epochs) {
  const LedgerReader reader{files, ledger};
  const PreparedData data = PreparedData::open(files, prepared);
  AuditReport report;
  report.header = reader.header();
  const LedgerHeader& header = report.header;
  if (reader.fault() && (!steps || reader.steps() < *steps))
    report.problems.push_back(ledger + ": " + *reader.fault());
  if (steps && reader.steps() < *steps)
    report.problems.push_back("the version is of step " + std::to_string(*steps) +
                              ", the ledger has only " + plural(reader.steps(), "step") +
                              (reader.fault() || reader.unused() ? "" : ": it was cut off"));
  const std::string fingerprint = serialization::to_hex(header.data_fingerprint);
  if (header.samples != data.size(Split::train) || fingerprint != data.fingerprint()) {
    report.problems.push_back("the ledger is of data " + fingerprint.substr(0, 16) + " with " +
                              plural(header.samples, "record") + ", " + prepared + " holds data " +
                              data.fingerprint().substr(0, 16) + " with " +
                              plural(data.size(Split::train), "record"));
    return report;
  }
  const Consumption consumption{data, header.seed};
  const std::uint64_t rows = header.batch / header.shards;
  report.steps = std::min(steps.value_or(reader.steps()), reader.steps());
  for (const LedgerMachine& machine : reader.machines())
    if (machine.step < report.steps) report.machines.push_back(machine);
  for (std::uint64_t step = 0; step < report.steps; ++step) {
    const LedgerEntry entry = reader.entry(step);
    for (std::uint32_t shard = 0; shard < header.shards; ++shard) {
      const std::uint64_t first = step * header.batch + shard * rows;
      const PositionRange range{first, first + rows};
      if (consumption.expected(range) == entry.digests[shard]) continue;
      ++report.different;
      if (report.first.size() < AuditReport::most_named)
        report.first.push_back(
            {step, shard, range, consumption.explain(range, entry.digests[shard])});
    }
  }
  if (epochs > 0) {
    const Positions positions{static_cast<std::int64_t>(header.samples),
                              static_cast<std::int64_t>(header.batch), epochs, header.shards};
    if (report.steps == positions.steps()) {
      report.unused = positions.unused();
      // Of a job without a version yet the last step may be noted, and its end not.
      if (reader.unused() ? *reader.unused() != *report.unused : steps.has_value())
        report.problems.push_back("at its end " + unused_text(*report.unused) +
                                  ", the ledger notes " +
                                  (reader.unused() ? unused_text(*reader.unused()) : "no end"));
    }
  }
  return report;
}

AuditReport audit_run(FileSystem& files, const std::string& run_folder) {
  for (const char* const name : {"job.json", "prepared", "ledger"}) {
    const std::string path = run_folder + '/' + name;
    if (files.kind(path) != PathKind::file)
      throw Error{
          ErrorCode::bad_input,
          run_folder + ": expected the folder of a run that has trained, got none with a " + name};
  }
  std::string prepared = read_text(files, run_folder + "/prepared");
  while (prepared.ends_with('\n')) prepared.pop_back();
  const JobFiles kept{files, run_folder};
  const DescribedJob job = read_described_job(files, run_folder);
  std::optional<std::uint64_t> steps;
  if (kept.result()) steps = kept.result()->step;
  AuditReport report =
      audit_ledger(files, run_folder + "/ledger", prepared, steps, job.train.epochs);
  if (!kept.result()) return report;
  for (std::string& problem : audit_version(files, run_folder, *kept.result(), job, report.header))
    report.problems.push_back(std::move(problem));
  report.state_hash = kept.result()->state_hash;
  return report;
}

}  // namespace troupe::actors
