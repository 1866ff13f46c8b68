#include "actors/trainer/device_data.hpp"

#include <memory>
#include <utility>
#include <vector>

#include "actors/job/spec_reader.hpp"
#include "actors/job/training_job.hpp"
#include "actors/loader/batch_maker.hpp"
#include "actors/loader/data_spec.hpp"
#include "actors/loader/input_chain.hpp"
#include "actors/loader/prepared_data.hpp"
#include "runtime/base/error.hpp"

namespace troupe::actors {
namespace {

/// Of a device's memory, that is left when a data set has come.
constexpr std::uint64_t reserved_part = 16;

PreprocessSpec preprocess_of(const TrainingJob& job) {
  std::vector<SpecProblem> problems;
  SpecReader input = SpecReader::parse(job.input(), problems);
  SpecReader section = input.object("preprocess");
  PreprocessSpec spec = read_preprocess_spec(section);
  throw_if_any(problems, "job: input");
  return spec;
}

/// What digests are made of: the records stay mapped.
struct Records {
  PreparedData data;
  BatchMaker maker;

  Records(PreparedData of, const PreprocessSpec& spec, std::uint64_t seed)
      : data{std::move(of)}, maker{data, spec, seed} {}
};

/// @throws Error unsupported where the device makes no such batches, and exhausted where it has no room for the records and
/// for what else may come.
DeviceData bring(FileSystem& files, const std::string& folder, const TrainingJob& job,
                 gpu::Device& device) {
  const PreprocessSpec spec = preprocess_of(job);
  const auto records =
      std::make_shared<Records>(PreparedData::open(files, folder), spec, job.spec().seed);
  const PreparedData& data = records->data;
  const gpu::TransformChain chain =
      raw_chain(spec, data.shape(), data.dtype(), data.measured(), ChainUse::training);
  gpu::ResidentSpec resident;
  resident.record_bytes = data.layout().bytes();
  resident.samples = data.size(Split::train);
  resident.records = {data.record(Split::train, 0).data(),
                      resident.samples * resident.record_bytes};
  resident.label_offset_bytes = data.layout().label_offset();
  resident.seed = job.spec().seed;
  resident.chain = &chain;
  resident.rows = job.shard_rows();
  if (const auto use = device.use()) {
    const std::uint64_t reserve = use->total_bytes / reserved_part;
    const std::uint64_t left = use->total_bytes - use->used_bytes;
    if (resident.records.size() + reserve > left)
      throw Error{ErrorCode::exhausted,
                  "expected room for a data set of " + std::to_string(resident.records.size()) +
                      " bytes on the device beside " + std::to_string(reserve) + ", got " +
                      std::to_string(left)};
  }
  DeviceData result;
  result.rows = device.make_resident(resident);
  if (result.rows == nullptr)
    throw Error{ErrorCode::unsupported, "the device does not make batches of this kind"};
  result.digest = [records](PositionRange positions) { return records->maker.digest(positions); };
  return result;
}

}  // namespace

std::optional<DeviceData> put_on_device(FileSystem& files, const std::string& folder,
                                        const TrainingJob& job, gpu::Device& device,
                                        std::string& why_not) {
  try {
    return bring(files, folder, job, device);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::bug || error.code() == ErrorCode::disconnected) throw;
    why_not = one_line(error.what());
    return {};
  }
}

}  // namespace troupe::actors
