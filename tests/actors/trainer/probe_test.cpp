#include "actors/trainer/probe.hpp"

#include <set>
#include <thread>
#include <vector>

#include "actors/job/training_job.hpp"
#include "gpu/cpu_device.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/float_environment.hpp"

using namespace troupe;
using namespace troupe::actors;

namespace {

struct Sections {
  std::string model = R"([{"dense":{"units":"8"}},"relu",{"dense":{"units":"3"}}])";
  std::string train = R"({"steps":"40","batch":"64","optimizer":"adam"})";
  std::string transforms = R"([{"shift":{"pixels":"1"}},"normalize"])";
  std::string mean = "100";
  std::uint64_t seed = 5;

  TrainingJob job() const {
    std::string text = training_job_text(seed, 1000, gpu::Shape{4, 4, 1}, 3,
                                         "[\"flatten\"," + model.substr(1), train);
    text.back() = ',';
    text += R"("input":{"preprocess":{"transforms":)" + transforms +
            R"(},"prepared":{"shape":[4,4,1],"dtype":"u8","classes":3,"class_names":[],)"
            R"("measured":{"mean":[)" +
            mean + R"(],"deviation":[50]}}}})";
    return TrainingJob{text};
  }
};

serialization::Xxh3Digest portable(const Sections& sections) {
  return probe(sections.job(), *gpu::make_cpu_device({.backend = gpu::CpuBackend::reference}));
}

}  // namespace

TEST_CASE("Probe: a job has one, whoever computes it, in whatever float environment") {
  const serialization::Xxh3Digest hash = portable({});
  CHECK(portable({}) == hash);
  const FloatEnvironment environment;
  CHECK(portable({}) == hash);
}

TEST_CASE("Probe: each part of a job that decides its bits decides its probe") {
  std::vector<Sections> jobs(10);
  jobs[1].seed = 6;
  jobs[2].transforms = R"(["normalize"])";
  jobs[3].transforms = R"([{"shift":{"pixels":"2"}},"normalize"])";
  jobs[4].mean = "101";
  jobs[5].model = R"([{"dense":{"units":"8"}},"tanh",{"dense":{"units":"3"}}])";
  jobs[6].train = R"({"steps":"40","batch":"64","optimizer":{"adam":{"beta2":"0.99"}}})";
  jobs[7].train = R"({"steps":"40","batch":"64","optimizer":"adam","schedule":"constant"})";
  jobs[8].train = R"({"steps":"40","batch":"64","optimizer":"adam","clip_norm":"0.1"})";
  jobs[9].train = R"({"steps":"40","batch":"96","optimizer":"adam"})";
  std::set<serialization::Xxh3Digest> hashes;
  for (const Sections& job : jobs) hashes.insert(portable(job));
  CHECK(hashes.size() == jobs.size());
}

TEST_CASE("Probe: kernels that compute other bits are found out") {
  const Sections sections;
  const auto automatic = gpu::make_cpu_device();
  const auto reference = gpu::make_cpu_device({.backend = gpu::CpuBackend::reference});
  const bool other = automatic->machine_record() != reference->machine_record();
  CHECK((probe(sections.job(), *automatic) != probe(sections.job(), *reference)) == other);
}

TEST_CASE("Probe: numbers that the model cannot take give a hash as well") {
  Sections sections;
  sections.train = R"({"steps":"40","batch":"64","optimizer":"sgd","learning_rate":"1e30"})";
  CHECK(portable(sections) == portable(sections));
}

TEST_CASE("Probe: a process computes it once, for all who ask at once") {
  const TrainingJob job = Sections{}.job();
  const serialization::Xxh3Digest hash = probe(job, *gpu::make_cpu_device());
  std::vector<serialization::Xxh3Digest> found(4);
  std::vector<std::thread> threads;
  for (auto& each : found) threads.emplace_back([&] { each = probe_here(job); });
  for (std::thread& thread : threads) thread.join();
  for (const auto& each : found) CHECK(each == hash);
}

TEST_CASE("Probe: a job of which nothing is said of its records has one too") {
  const TrainingJob job{training_job_text(1, 100, gpu::Shape{4}, 0, R"([{"dense":{"units":"1"}}])",
                                          R"({"steps":"10","batch":"10"})")};
  const auto device = gpu::make_cpu_device();
  CHECK(probe(job, *device) == probe(job, *device));
}
