#include "actors/job/gpu_options.hpp"

#include <cstdint>
#include <string>

#include "tests/support/environment_variable.hpp"

using namespace troupe;
using namespace troupe::actors;
using test::EnvironmentVariable;

TEST_CASE("gpu_options_of: what is said, or the GPU of its number and the user's cache") {
  const EnvironmentVariable cache{"XDG_CACHE_HOME", "/caches"};
  const EnvironmentVariable none{"CUDA_VISIBLE_DEVICES", ""};
  const auto options = [](std::int64_t gpu, const std::string& plans) {
    return gpu_options_of("/job/trainer/3",
                          runtime::Parameters{{{"gpu", gpu}, {"plan_cache", plans}}});
  };
  CHECK(options(2, "").index == 2);
  CHECK(options(2, "").plan_cache.empty());
  CHECK(options(-1, "auto").index == 0);  // of none
  CHECK(options(-1, "auto").plan_cache == "/caches/troupe/plans");
  CHECK(options(-1, "/plans").plan_cache == "/plans");
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
