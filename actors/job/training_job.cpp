#include "actors/job/training_job.hpp"

#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <span>
#include <utility>
#include <vector>

#include "actors/model/model_spec.hpp"
#include "runtime/base/error.hpp"
#include "serialization/sha256.hpp"

namespace troupe::actors {

using namespace gpu;

struct TrainingJob::Parsed {
  std::string text, input;
  std::uint64_t seed = 0, samples = 0;
  std::int64_t classes = 0;
  TrainSpec train;
  nn::ModelDescription model;
};

namespace {

std::uint64_t id_of(std::string_view text) {
  const serialization::Sha256Digest digest = serialization::sha256(std::as_bytes(std::span{text}));
  std::uint64_t id = 0;
  std::memcpy(&id, digest.data(), sizeof id);
  return id == 0 ? 1 : id;
}

}  // namespace

TrainingJob::TrainingJob(std::string_view json)
    : TrainingJob{[json] {
        Parsed parsed;
        parsed.text = json;
        std::vector<SpecProblem> problems;
        SpecReader spec = SpecReader::parse(json, problems);
        constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
        parsed.seed = static_cast<std::uint64_t>(spec.integer("seed", {}, 0, most));
        parsed.samples =
            static_cast<std::uint64_t>(spec.integer("samples", {}, 1, std::int64_t{1} << 40));
        const std::vector<std::int64_t> features = spec.integers("features");
        parsed.classes = spec.integer("classes", {}, 0, 1 << 20);
        SpecReader train = spec.object("train");
        parsed.train = read_train(train);
        train.finish();
        auto layers = spec.value("model");
        throw_if_any(problems, "job");
        parsed.model = read_model(layers, Shape{std::span{features}}, parsed.classes);
        throw_if_any(problems, "job");
        const auto whole = nlohmann::json::parse(json);
        if (const auto input = whole.find("input"); input != whole.end())
          parsed.input = input->dump();
        return parsed;
      }()} {}

TrainingJob::TrainingJob(Parsed parsed)
    : text_{std::move(parsed.text)},
      input_{std::move(parsed.input)},
      classes_{parsed.classes},
      id_{id_of(text_)},
      samples_{parsed.samples},
      train_{parsed.train},
      spec_{resolve(train_, parsed.seed, samples_)},
      graph_{parsed.model},
      layout_{graph_.layout(spec_.optimizer, spec_.bucket_bytes)},
      steps_{total_steps(train_, samples_)} {}

std::string training_job_text(std::uint64_t seed, std::uint64_t samples, const Shape& features,
                              std::int64_t classes, std::string_view model,
                              std::string_view train) {
  nlohmann::json job;
  job["seed"] = seed;
  job["samples"] = samples;
  job["features"] = std::vector<std::int64_t>(features.dims().begin(), features.dims().end());
  job["classes"] = classes;
  job["model"] = nlohmann::json::parse(model);
  job["train"] = nlohmann::json::parse(train);
  return job.dump();
}

}  // namespace troupe::actors
