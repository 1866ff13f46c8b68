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
