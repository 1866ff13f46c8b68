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

}  // namespace

std::optional<DeviceData> put_on_device(FileSystem& files, const std::string& folder,
                                        const TrainingJob& job, gpu::Device& device,
                                        std::string& why_not) {
  const PreprocessSpec spec = preprocess_of(job);
  const auto records =
      std::make_shared<Records>(PreparedData::open(files, folder), spec, job.spec().seed);
  const PreparedData& data = records->data;
  const gpu::TransformChain chain =
      raw_chain(spec, data.shape(), data.dtype(), data.measured(), ChainUse::training);
  const std::size_t record_bytes = data.layout().bytes();
  const std::uint64_t samples = data.size(Split::train);
  gpu::ResidentSpec resident;
  resident.records = {data.record(Split::train, 0).data(), samples * record_bytes};
  resident.record_bytes = record_bytes;
  resident.label_offset_bytes = data.layout().label_offset();
  resident.samples = samples;
  resident.seed = job.spec().seed;
  resident.chain = &chain;
  resident.rows = job.shard_rows();
  DeviceData result;
  try {
    result.rows = device.make_resident(resident);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::exhausted) throw;
    why_not = error.what();
    return {};
  }
  if (result.rows == nullptr) {
    why_not = "the device does not make batches of this kind";
    return {};
  }
  result.digest = [records](PositionRange positions) { return records->maker.digest(positions); };
  return result;
}

}  // namespace troupe::actors
