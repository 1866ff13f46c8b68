#include "actors/trainer/job_device.hpp"

#include <string>

#include "actors/job/training_job.hpp"
#include "gpu/device.hpp"
#include "runtime/base/error.hpp"
#include "tests/support/environment_variable.hpp"

using namespace troupe;
using namespace troupe::actors;
using test::EnvironmentVariable;

namespace {

TrainingJob job_on(const std::string& device) {
  return TrainingJob{training_job_text(5, 1000, gpu::Shape{4}, 3, R"([{"dense":{"units":"3"}}])",
                                       R"({"steps":"4","batch":"8","device":")" + device + "\"}")};
}

}  // namespace

TEST_CASE("JobDevice: a job gets the kind of device that it asks for, or hears why not") {
  const EnvironmentVariable nowhere{"TROUPE_PLUGIN_PATH", "/nowhere"};
  CHECK(JobDevice::make(job_on("cpu"), {}).is_cpu);
  // There is a driver or there is none; there is no module.
  CHECK_THROWS_WITH_AS(JobDevice::make(job_on("cuda"), {}), doctest::Contains("cuda"), Error);
  const JobDevice device = JobDevice::make(job_on("auto"), {});
  CHECK(device.is_cpu);
  CHECK(device.why_not.find("cuda") != std::string::npos);
}

TEST_CASE("machine_of: the facts are the device's, and the probe is that of its kernels") {
  const TrainingJob job = job_on("cpu");
  JobDevice device = JobDevice::make(job, {});
  const JobMachine machine = machine_of(job, device);
  CHECK(machine.facts.size() == device.device->machine_record().size());
  CHECK(machine_of(job, device).probe == machine.probe);
}

TEST_CASE("default_gpu: trainers of a group go round about the GPUs that are seen") {
  CHECK(default_gpu("/job/trainer/0", 2) == 0);
  CHECK(default_gpu("/job/trainer/1", 2) == 1);
  CHECK(default_gpu("/job/trainer/4", 3) == 1);
  CHECK(default_gpu("/job/trainer/4", 0) == 0);
  CHECK(default_gpu("/job/trainer", 2) == 0);
  CHECK(default_gpu("/job/99999999999999999999", 2) == 0);
  CHECK(default_gpu("", 2) == 0);
}

TEST_CASE("visible_gpus: none where the environment hides them") {
  const EnvironmentVariable none{"CUDA_VISIBLE_DEVICES", ""};
  CHECK(visible_gpus() == 0);
}

TEST_CASE("default_plan_cache: where the user keeps caches") {
  const EnvironmentVariable home{"HOME", "/home/one"};
  const EnvironmentVariable cache{"XDG_CACHE_HOME", "/caches"};
  CHECK(default_plan_cache() == "/caches/troupe/plans");
  const EnvironmentVariable relative{"XDG_CACHE_HOME", "caches"};
  CHECK(default_plan_cache() == "/home/one/.cache/troupe/plans");
}
