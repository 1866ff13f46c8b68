#include "actors/model/export_model.hpp"

#include <cstdlib>
#include <fstream>

#include "actors/model/model_runner.hpp"
#include "runtime/base/error.hpp"
#include "tests/actors/model/trained.hpp"
#include "tests/support/skip.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace troupe;
using namespace troupe::actors;
using namespace troupe::test;

namespace {

std::string text_of(const std::string& path) {
  const FileBytes bytes = posix_files().read(path, 1 << 20);
  return {reinterpret_cast<const char*>(bytes.span().data()), bytes.span().size()};
}

}  // namespace

TEST_CASE("export: other programs get the graph, the parameters and nothing of the optimizer") {
  const TemporaryFolder folder;
  const std::string out = folder.path() + "/export";
  Training training;
  training.steps = 2;
  train(training, stripes(100, 4), folder.path() + "/version");
  export_model(posix_files(), folder.path() + "/version", out);
  CHECK(posix_files().list(out) ==
        std::vector<std::string>{"graph.json", "input.json", "model.safetensors"});
  const auto model = load_model(posix_files(), folder.path() + "/version");
  CHECK(text_of(out + "/graph.json") == model_json(model->description));
  const auto tensors = serialization::Safetensors::parse(
      posix_files().read(out + "/model.safetensors", 1 << 20), "export");
  CHECK(tensors.tensors().size() == 8);
  CHECK(tensors.find("logits.weight")->shape == gpu::Shape{4, 24});
  CHECK(tensors.metadata().at("step") == "2");
  const std::string input = text_of(out + "/input.json");
  CHECK(input.find("\"normalize\"") != std::string::npos);
  CHECK(input.find("shift") == std::string::npos);
  CHECK_THROWS_AS(export_model(posix_files(), folder.path() + "/version", out), Error);
  CHECK(text_of(out + "/input.json") == input);
}

TEST_CASE("export: PyTorch comes to the same logits from the files alone") {
  const char* const chosen = std::getenv("TROUPE_PYTHON");
  const std::string python = chosen != nullptr ? chosen : "python3";
  if (std::system((python + " -c 'import torch, numpy, safetensors.torch' 2>/dev/null").c_str()) !=
      0)
    return skip(python + " cannot import torch and safetensors (set TROUPE_PYTHON)");
  const TemporaryFolder folder;
  const Samples samples = stripes(50, 4);
  train(Training{}, stripes(300, 4), folder.path() + "/version");
  export_model(posix_files(), folder.path() + "/version", folder.path() + "/export");
  std::ofstream{folder.path() + "/rows"}.write(
      reinterpret_cast<const char*>(samples.features.data()),
      static_cast<std::streamsize>(samples.features.size()));
  std::ofstream{folder.path() + "/judge.py"} << R"py(
import json, sys, numpy as np, torch
from safetensors.torch import load_file
folder = sys.argv[1]
graph, given = (json.load(open(f"{folder}/export/{name}.json")) for name in ("graph", "input"))
weights = load_file(f"{folder}/export/model.safetensors")
x = np.fromfile(f"{folder}/rows", dtype={"u8": np.uint8}[given["dtype"]]).reshape([-1] + given["shape"])
x = torch.from_numpy(x.astype(np.float32))
for t in given["transforms"]:
    if t["kind"] == "scale": x = x * t["factor"] + t["offset"]
    elif t["kind"] == "normalize": x = (x - torch.tensor(t["mean"])) / torch.tensor(t["deviation"])
    else: raise ValueError(t)
values = {"features": x}
for layer in graph["layers"]:
    x, name = values[layer["inputs"][0]], layer["name"]
    w = lambda key: weights[f"{name}.{key}"]
    if layer["type"] == "flatten": y = x.flatten(1)
    elif layer["type"] == "dense": y = torch.nn.functional.linear(x, w("weight"), w("bias"))
    elif layer["type"] == "batch_norm":
        y = torch.nn.functional.batch_norm(x, w("running_mean"), w("running_variance"), w("scale"), w("shift"), eps=1e-5)
    elif layer["type"] == "relu": y = x.relu()
    elif layer["type"] == "dropout": y = x
    elif layer["type"] == "softmax_cross_entropy": y = None; logits = x
    else: raise ValueError(layer)
    values[name] = y
np.savetxt(f"{folder}/logits", logits.numpy().reshape(-1), fmt="%.9g")
)py";
  REQUIRE(std::system((python + ' ' + folder.path() + "/judge.py " + folder.path()).c_str()) == 0);

  const auto model = load_model(posix_files(), folder.path() + "/version");
  const auto device = gpu::make_cpu_device();
  ModelRunner runner{model, *device, 50};
  gpu::TransformScratch scratch;
  for (std::size_t i = 0; i < 50; ++i) {
    model->transforms.apply(std::span{samples.features}.subspan(i * 64, 64), 0, 0,
                            std::as_writable_bytes(runner.features().subspan(i * 64, 64)), scratch);
  }
  std::ifstream logits{folder.path() + "/logits"};
  for (const float ours : runner.run(50)) {
    float theirs = 0;
    REQUIRE(static_cast<bool>(logits >> theirs));
    CHECK(ours == doctest::Approx(theirs).epsilon(1e-4));  // sums of 64 terms in another order
  }
}
