// The files of a run, and tables of raw data, from a first byte that says which. What is accepted must be the same when it
// is written and read again; all else is an Error, of which none is a bug.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "actors/coordinator/job_files.hpp"
#include "actors/coordinator/version_list.hpp"
#include "actors/deployer/rollout.hpp"
#include "actors/feedback/drift_reference.hpp"
#include "actors/loader/data_spec.hpp"
#include "actors/loader/prepared_manifest.hpp"
#include "actors/loader/raw_source.hpp"
#include "actors/report/job_event.hpp"
#include "actors/report/ledger.hpp"
#include "runtime/base/error.hpp"
#include "tests/support/file_double.hpp"

using namespace troupe;
using namespace troupe::actors;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

/// Of what is damaged a whole part is left, and a writer goes on behind it.
void read_ledger(FileSystem& files) {
  const LedgerReader reader{files, "/run/ledger"};
  for (std::uint64_t step = 0; step < reader.steps(); ++step)
    require(reader.entry(step).digests.size() == reader.header().shards);
  if (reader.unused()) return;  // nothing goes on behind it
  LedgerWriter writer = LedgerWriter::open(files, "/run/ledger", reader.header());
  require(writer.steps() == reader.steps());
  const std::vector<ShardDigest> digests(reader.header().shards);
  writer.append(writer.steps(), digests, 0.5);
  writer.sync();
  const LedgerReader again{files, "/run/ledger"};
  require(!again.fault() && again.steps() == reader.steps() + 1);
}

void read_versions(FileSystem& files) {
  VersionList list{files, "/run"};
  list.set_done("again");
  require(VersionList{files, "/run"}.versions() == list.versions());
}

void read_job_files(FileSystem& files) {
  JobFiles job{files, "/run"};
  job.add({~std::uint64_t{0}, "none", {}})();
  if (job.result()) job.set_result(*job.result())();
  const JobFiles again{files, "/run"};
  require(again.measured().size() == job.measured().size() && again.result() == job.result());
}

void read_event(std::string_view text) {
  const std::string once = to_json(from_json(text));
  require(to_json(from_json(once)) == once);
}

/// A table as a file that is in no folder.
class MemoryFile {
 public:
  explicit MemoryFile(std::string_view bytes) : descriptor_{::memfd_create("fuzz", 0)} {
    require(::write(descriptor_, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  }
  ~MemoryFile() { ::close(descriptor_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

void read_all(const RawSource& source) {
  RawRecord record;
  for (std::uint64_t i = 0; i < source.size(); ++i) {
    source.read(i, record);
    if (record.rejected) continue;
    require(record.features.size() == static_cast<std::size_t>(source.shape().elements()));
    for (const std::uint32_t at : record.missing) require(at < record.features.size());
  }
}

void read_csv(std::string_view text, bool header, DataSpec::LabelColumn label) {
  const MemoryFile file{text};
  DataSpec spec;
  spec.format = DataSpec::Format::csv;
  spec.header = header;
  spec.label = std::move(label);
  read_all(*open_csv(spec, {file.path(), {}, {}}));
}

void read_idx(std::string_view text) {
  if (text.empty()) return;
  // The first byte says how long the file of features is.
  const std::size_t size =
      std::min<std::size_t>(static_cast<unsigned char>(text[0]), text.size() - 1);
  const MemoryFile features{text.substr(1, size)}, labels{text.substr(1 + size)};
  read_all(*open_idx({}, {features.path(), labels.path(), {}}));
}

void read_any(unsigned kind, std::string_view text) {
  test::FileDouble files;
  files.create_folder("/run");
  const auto put = [&](const std::string& path) {
    write_atomically(files, path, test::as_bytes(text));
  };
  switch (kind) {
    case 0:
      put("/run/ledger");
      return read_ledger(files);
    case 1: {
      const PreparedManifest manifest = decode_prepared_manifest(test::as_bytes(text), "fuzz");
      return require(encode_prepared_manifest(manifest) == text);
    }
    case 2:
      put("/run/versions.json");
      return read_versions(files);
    case 3:
      put("/run/evaluations.json");
      return read_job_files(files);
    case 4:
      put("/run/result.json");
      return read_job_files(files);
    case 5:
      return read_event(text);
    case 6: {
      const Rollout rollout = read_deployed(std::string{text}, "fuzz");
      const std::string once = deployed_json(rollout.current(), rollout.previous());
      const Rollout again = read_deployed(once, "fuzz");
      return require(deployed_json(again.current(), again.previous()) == once);
    }
    case 7: {
      const DriftReference reference = DriftReference::parse(text, "fuzz");
      return require(DriftReference::parse(reference.json(), "fuzz") == reference);
    }
    case 8:
      return read_csv(text, true, DataSpec::LastColumn{});
    case 9:
      return read_csv(text, false, std::size_t{0});
    case 10:
      return read_csv(text, true, std::string{"label"});
    case 11: {
      const MemoryFile file{text};
      return read_all(*open_extra(file.path(), gpu::Shape{2}, gpu::DType::u8));
    }
    default:
      return read_idx(text);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  try {
    read_any(data[0] % 13U, {reinterpret_cast<const char*>(data) + 1, size - 1});
  } catch (const Error& error) {
    require(error.code() != ErrorCode::bug);
  }
  return 0;
}
