#include "actors/job/gpu_options.hpp"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

namespace troupe::actors {
namespace {

bool is_number(std::string_view text) {
  return !text.empty() &&
         std::ranges::all_of(text, [](unsigned char c) { return std::isdigit(c) != 0; });
}

}  // namespace

std::vector<runtime::ParameterSchema> gpu_parameters() {
  runtime::ParameterSchema gpu{"gpu", runtime::ParameterType::integer,
                               "Which GPU, from 0, where a GPU computes; -1: the one of its number "
                               "in its group, round about."};
  gpu.default_value = runtime::ParameterValue{std::int64_t{-1}};
  gpu.minimum = -1;
  gpu.maximum = 1023;
  runtime::ParameterSchema plan_cache{
      "plan_cache", runtime::ParameterType::text,
      "A folder for plans that were built for a GPU; auto: in the user's cache; empty: none."};
  plan_cache.default_value = runtime::ParameterValue{std::string{"auto"}};
  return {std::move(gpu), std::move(plan_cache)};
}

GpuOptions gpu_options_of(std::string_view path, const runtime::Parameters& with) {
  GpuOptions gpu;
  gpu.plan_cache = with.text("plan_cache");
  if (gpu.plan_cache == "auto") gpu.plan_cache = default_plan_cache();
  const std::int64_t index = with.integer("gpu");
  gpu.index = index >= 0 ? static_cast<int>(index) : default_gpu(path, visible_gpus());
  return gpu;
}

unsigned visible_gpus() {
  constexpr std::string_view prefix = "nvidia";
  unsigned count = 0;
  std::error_code unreadable;
  for (const auto& entry : std::filesystem::directory_iterator{"/dev", unreadable}) {
    const std::string name = entry.path().filename();
    if (name.starts_with(prefix) && is_number(std::string_view{name}.substr(prefix.size())))
      ++count;
  }
  if (const char* const visible = std::getenv("CUDA_VISIBLE_DEVICES")) {
    // As CUDA reads it: up to the first that is none.
    unsigned named = 0;
    std::string_view list{visible};
    while (!list.empty()) {
      const std::string_view one = list.substr(0, list.find(','));
      if (!is_number(one) && !one.starts_with("GPU-") && !one.starts_with("MIG-")) break;
      ++named;
      list.remove_prefix(std::min(list.size(), one.size() + 1));
    }
    count = std::min(count, named);
  }
  return count;
}

int default_gpu(std::string_view path, unsigned gpus) {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  constexpr std::size_t most_digits = 9;
  if (!is_number(name) || name.size() > most_digits) return 0;
  return std::stoi(std::string{name}) % static_cast<int>(std::max(1U, gpus));
}

std::string default_plan_cache() {
  for (const auto& [variable, below] :
       {std::pair{"XDG_CACHE_HOME", "/troupe/plans"}, std::pair{"HOME", "/.cache/troupe/plans"}}) {
    const char* const folder = std::getenv(variable);
    if (folder != nullptr && *folder == '/') return std::string{folder} + below;
  }
  return {};
}

}  // namespace troupe::actors
