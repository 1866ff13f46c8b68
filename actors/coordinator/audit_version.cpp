#include "actors/coordinator/audit_version.hpp"

#include <nlohmann/json.hpp>
#include <optional>

#include "actors/report/run_folder.hpp"
#include "runtime/base/error.hpp"
#include "serialization/checkpoint.hpp"
#include "serialization/sha256.hpp"

namespace troupe::actors {
namespace {

using Json = nlohmann::json;

constexpr std::uint64_t most_job_bytes = std::uint64_t{64} << 20;

/// One that is absent says nothing, as an empty one does.
Json section(const Json& sections, const char* name) {
  if (!sections.is_object() || !sections.contains(name) || sections[name].is_null())
    return Json::object();
  return sections[name];
}

/// The sections in which a manifest's job is another than that of job.json.
std::vector<std::string> other_sections(const std::string& manifest, const std::string& job) {
  const Json saved = Json::parse(manifest, nullptr, false), own = Json::parse(job, nullptr, false);
  std::vector<std::string> others;
  for (const char* const name : {"data", "preprocess", "model", "train", "evaluate"}) {
    Json there = section(saved, name);
    const Json here = section(own, name);
    // The coordinator adds it, from the section evaluate.
    if (there.is_object() && !here.contains("evaluate_every")) there.erase("evaluate_every");
    if (there != here) others.emplace_back(name);
  }
  return others;
}

}  // namespace

DescribedJob read_described_job(FileSystem& files, const std::string& run_folder) {
  const std::string path = run_folder + "/job.json";
  const FileBytes bytes = files.read(path, most_job_bytes);
  const auto* const text = reinterpret_cast<const char*>(bytes.span().data());
  DescribedJob job;
  std::string train;
  try {
    const Json sections = Json::parse(text, text + bytes.span().size()).at("job");
    job.sections = sections.dump();
    job.seed = sections.at("seed").get<std::uint64_t>();
    job.may_stop_early = !section(section(sections, "evaluate"), "early_stopping").empty();
    train = sections.at("train").dump();
  } catch (const Json::exception&) {
    throw Error{ErrorCode::corrupted,
                path + ": expected a job with a section train and a seed, got something else"};
  }
  std::vector<SpecProblem> problems;
  SpecReader reader = SpecReader::parse(train, problems);
  job.train = read_train(reader);
  throw_if_any(problems, path);
  return job;
}

std::vector<std::string> audit_version(FileSystem& files, const std::string& run_folder,
                                       const JobResult& result, const DescribedJob& job,
                                       const LedgerHeader& ledger) {
  std::vector<std::string> problems;
  const auto expect = [&problems](bool is_so, const std::string& where, const std::string& expected,
                                  const std::string& got) {
    if (!is_so) problems.push_back(where + ": expected " + expected + ", got " + got);
  };
  const std::string named = run_folder + "/result.json";
  const std::uint64_t last = total_steps(job.train, ledger.samples);
  expect(result.step == last || (job.may_stop_early && result.step < last), named,
         "step " + std::to_string(last) + ", the job's last" +
             (job.may_stop_early ? ", or one before it" : ", since it may not stop early"),
         "step " + std::to_string(result.step));
  expect(ledger.seed == job.seed, run_folder + "/ledger",
         "the job's seed " + std::to_string(job.seed), "seed " + std::to_string(ledger.seed));

  const std::string folder = RunFolder::checkpoint_in(run_folder, result.step);
  if (files.kind(folder) == PathKind::none) {
    expect(false, folder, "the version that result.json names", "none");
    return problems;
  }
  std::optional<serialization::Checkpoint> checkpoint;
  try {
    checkpoint = serialization::read_checkpoint(files, folder);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::exhausted) throw;
    problems.push_back(one_line(error.what()));
    return problems;
  }
  const serialization::TrainingRecord& saved = checkpoint->manifest.record;
  const std::string manifest = folder + "/manifest";
  const std::string hash = serialization::to_hex(checkpoint->manifest.state_hash);
  expect(hash == result.state_hash, named, "the state " + hash + " of its version",
         result.state_hash);
  expect(saved.step == result.step, manifest, "step " + std::to_string(result.step),
         "step " + std::to_string(saved.step));
  expect(saved.seed == job.seed, manifest, "the job's seed " + std::to_string(job.seed),
         "seed " + std::to_string(saved.seed));
  expect(saved.data_fingerprint == ledger.data_fingerprint, manifest,
         "the ledger's data " + serialization::to_hex(ledger.data_fingerprint),
         "data " + serialization::to_hex(saved.data_fingerprint));
  for (const std::string& name : other_sections(saved.config, job.sections))
    expect(false, manifest, "the section " + name + " of job.json", "another");
  return problems;
}

}  // namespace troupe::actors
