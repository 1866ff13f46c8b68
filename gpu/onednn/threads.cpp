#include <dlfcn.h>

#include <atomic>
#include <filesystem>
#include <string>

#include "gpu/onednn/context.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/float_environment.hpp"

// Declared here and not by `#pragma omp`, whose runtime is the compiler's choice: oneDNN counts threads in the one
// that it was linked with. GOMP_parallel is what the pragma becomes, in libgomp and in LLVM's runtime alike.
extern "C" {
void omp_set_num_threads(int threads);
int omp_get_num_threads();
void GOMP_parallel(void (*body)(void*), void* data, unsigned threads, unsigned flags);
}

namespace troupe::gpu::onednn {

void use_threads(int threads) {
  omp_set_num_threads(threads);
}

void check_threads(int threads) {
  // libgomp ends the process when the system refuses a thread.
  constexpr int most = 256;
  if (threads < 1 || threads > most) {
    throw Error{ErrorCode::bad_input, "onednn: expected 1 to " + std::to_string(most) +
                                          " threads, got " + std::to_string(threads)};
  }
  use_threads(threads);
  const FloatEnvironment inherited;  // by the threads that OpenMP starts now
  struct {
    std::atomic<int> count = 0, conforming = 0;
  } team;
  GOMP_parallel(
      [](void* data) {
        auto& seen = *static_cast<decltype(team)*>(data);
        ++seen.count;
        if (float_environment_is_set()) ++seen.conforming;
      },
      &team, 0, 0);
  if (team.count != threads) {
    throw Error{ErrorCode::exhausted, "onednn: expected " + std::to_string(threads) +
                                          " threads from OpenMP, got " +
                                          std::to_string(team.count)};
  }
  if (team.conforming != threads) {
    throw Error{ErrorCode::unsupported,
                "onednn: expected OpenMP's threads to flush subnormals, got " +
                    std::to_string(threads - team.conforming) + " that were started before"};
  }
}

std::string openmp_runtime() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<void*>(&GOMP_parallel), &info) == 0 || info.dli_fname == nullptr)
    return "unknown";
  std::error_code unresolved;
  const std::filesystem::path file = std::filesystem::canonical(info.dli_fname, unresolved);
  return (unresolved ? std::filesystem::path{info.dli_fname} : file).filename().string();
}

}  // namespace troupe::gpu::onednn
