#include "gpu/cuda/dnn/plan_cache.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "tests/support/file_double.hpp"

using namespace troupe;
using namespace troupe::gpu::cuda::dnn;
using test::FileDouble;

namespace {

const StoredPlan plan{"engine 11 (2=15), workspace 0 bytes", "{\"json\": [1, 2]}\n\n3\nx"};
const std::string key = "gpu H200\ncudnn 91900\n15{801=...}";

std::string text_of(FileDouble& files, const std::string& path) {
  const FileBytes bytes = files.read(path, 1 << 20);
  return {reinterpret_cast<const char*>(bytes.span().data()), bytes.span().size()};
}

void put(FileDouble& files, const std::string& path, std::string_view text) {
  write_atomically(files, path, std::as_bytes(std::span{text}));
}

}  // namespace

TEST_CASE("Plan cache: what was stored is found by its key, also by another program") {
  FileDouble files;
  PlanCache cache{files, "/plans/cudnn"};
  CHECK(cache.find(key) == std::nullopt);
  cache.store(key, plan);
  CHECK(PlanCache{files, "/plans/cudnn"}.find(key) == plan);
  CHECK(cache.find(key + " ") == std::nullopt);

  const StoredPlan other{"engine 5", "{}"};
  cache.store(key, other);
  CHECK(cache.find(key) == other);
  CHECK(files.list("/plans/cudnn").size() == 1);
}

TEST_CASE("Plan cache: a damaged file is as good as none, and replaced") {
  FileDouble files;
  PlanCache cache{files, "/plans"};
  cache.store(key, plan);
  const std::string path = cache.path_of(key);
  const std::string whole = text_of(files, path);
  for (std::size_t i = 0; i < whole.size(); ++i) {
    CAPTURE(i);
    std::string damaged = whole;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    put(files, path, damaged);
    CHECK(cache.find(key) == std::nullopt);
    put(files, path, std::string_view{whole}.substr(0, i));
    CHECK(cache.find(key) == std::nullopt);
  }
  put(files, path, whole + "x");
  CHECK(cache.find(key) == std::nullopt);
  cache.store(key, plan);
  CHECK(cache.find(key) == plan);
}

TEST_CASE("Plan cache: a file under this name with another key is not taken") {
  FileDouble files;
  PlanCache cache{files, "/plans"};
  cache.store(key, plan);
  const std::string newer = "gpu H200\ncudnn 92000\n15{801=...}";
  put(files, cache.path_of(newer), text_of(files, cache.path_of(key)));
  CHECK(cache.find(newer) == std::nullopt);
  CHECK(cache.find(key) == plan);
}

TEST_CASE("Plan cache: a full disk or a folder that is none is no error") {
  FileDouble files;
  PlanCache cache{files, "/plans"};
  files.fail_after(0);
  cache.store(key, plan);
  CHECK(cache.find(key) == std::nullopt);
  put(files, "/file", "text");
  PlanCache in_file{files, "/file"};
  in_file.store(key, plan);
  CHECK(in_file.find(key) == std::nullopt);
}
