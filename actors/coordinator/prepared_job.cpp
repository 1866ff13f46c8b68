#include "actors/coordinator/prepared_job.hpp"

#include <cstring>
#include <nlohmann/json.hpp>
#include <vector>

#include "actors/loader/data_spec.hpp"
#include "actors/loader/input_chain.hpp"
#include "actors/loader/preparation.hpp"
#include "actors/loader/prepared_data.hpp"
#include "actors/model/model_spec.hpp"
#include "actors/trainer/job_device.hpp"
#include "runtime/base/error.hpp"
#include "runtime/parameters.hpp"
#include "serialization/sha256.hpp"

namespace troupe::actors {

JobSections sections_of(const runtime::Parameters& with) {
  JobSections sections;
  sections.data = with.structure("data");
  sections.preprocess = with.structure("preprocess");
  sections.model = with.structure("model");
  sections.train = with.structure("train");
  sections.evaluate = with.structure("evaluate");
  sections.seed = static_cast<std::uint64_t>(with.integer("seed"));
  return sections;
}

namespace {

using Json = nlohmann::json;

Json section(const std::string& text) {
  Json json = Json::parse(text);
  return json.is_null() ? Json::object() : json;
}

PreparedData open_prepared(FileSystem& files, const DataSpec& data,
                           const PreprocessSpec& preprocess, std::uint64_t seed,
                           const std::string& cache) {
  try {
    return PreparedData::open(files, prepare(files, data, preprocess, seed, cache));
  } catch (const Error& error) {
    if (error.code() != ErrorCode::corrupted) throw;
  }
  // It is a cache, made from files that are still there.
  remove_all(files, cache + '/' + prepared_name(data, preprocess, seed));
  return PreparedData::open(files, prepare(files, data, preprocess, seed, cache));
}

std::string report_of(const PreparedManifest& manifest) {
  std::uint64_t rejected = 0;
  for (const std::uint64_t count : manifest.rejected) rejected += count;
  return std::to_string(manifest.raw_train + manifest.raw_test + manifest.raw_extra) + " records" +
         (manifest.raw_extra > 0 ? " (" + std::to_string(manifest.raw_extra) + " extra)" : "") +
         ": " + std::to_string(manifest.counts[0]) + " to train, " +
         std::to_string(manifest.counts[1]) + " to validate, " +
         std::to_string(manifest.counts[2]) + " to test, " + std::to_string(rejected) + " left out";
}

}  // namespace

void check_shards(const std::string& model, const gpu::Shape& features, std::int64_t classes,
                  std::int64_t rows) {
  std::vector<SpecProblem> problems;
  SpecReader layers = SpecReader::parse(model, problems);
  const gpu::nn::ModelDescription description = read_model(layers, features, classes);
  throw_if_any(problems, "model");
  throw_if_any(check_model(description, classes, {}, rows), "model");
}

PreparedJob prepare_job(FileSystem& files, const JobSections& sections, const std::string& cache) {
  const DataSpec data_spec =
      parse_data_spec(section(sections.data).dump(), sections.base, sections.formats);
  const PreprocessSpec preprocess =
      parse_preprocess_spec(section(sections.preprocess).dump(), data_spec);
  const PreparedData data = open_prepared(files, data_spec, preprocess, sections.seed, cache);
  const PreparedManifest& manifest = data.manifest();
  const gpu::TransformChain chain =
      raw_chain(preprocess, data.shape(), data.dtype(), data.measured(), ChainUse::training);

  PreparedJob result;
  result.data_folder = data.folder();
  result.training = data.size(Split::train);
  result.validation = data.size(Split::validation);
  result.test = data.size(Split::test);
  result.classes = data.classes();
  result.report = report_of(manifest);

  std::vector<SpecProblem> problems;
  SpecReader evaluate = SpecReader::parse(section(sections.evaluate).dump(), problems);
  result.evaluate = read_evaluate(evaluate, data.classes());
  throw_if_any(problems, "evaluate");
  const std::string model_text = Json::parse(sections.model).dump();
  Json train = section(sections.train);
  if (result.evaluate.every_steps > 0) train["evaluate_every"] = result.evaluate.every_steps;
  SpecReader training = SpecReader::parse(train.dump(), problems);
  const std::int64_t rows = shard_rows(read_train(training));
  throw_if_any(problems, "train");
  check_shards(model_text, chain.out_shape(), data.classes(), rows);

  Json job = Json::parse(training_job_text(sections.seed, result.training, chain.out_shape(),
                                           data.classes(), model_text, train.dump()));
  job["input"] = {{"prepared", Json::parse(prepared_json(manifest))},
                  {"preprocess", section(sections.preprocess)}};
  // Jobs of one run are told apart by their texts, also if nothing that is kept in them differs.
  if (sections.number > 0) job["number"] = sections.number;
  result.job = std::make_shared<TrainingJob>(job.dump());

  Json config;
  config["data"] = section(sections.data);
  config["preprocess"] = section(sections.preprocess);
  config["model"] = Json::parse(model_text);
  config["train"] = train;
  config["evaluate"] = section(sections.evaluate);
  config["prepared"] = Json::parse(prepared_json(manifest));
  result.record.config = config.dump();
  result.record.seed = sections.seed;
  result.record.data_fingerprint = serialization::sha256_from_hex(data.fingerprint());
  if (result.job->train().device == DeviceKind::cpu) {
    JobDevice cpu = JobDevice::make(*result.job, {});
    auto [probe, facts] = machine_of(*result.job, cpu);
    result.probe = probe;
    result.record.machine = with_probe(std::move(facts), probe);
  }
  return result;
}

}  // namespace troupe::actors
