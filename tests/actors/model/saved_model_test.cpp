#include "actors/model/saved_model.hpp"

#include "runtime/base/error.hpp"
#include "tests/actors/model/trained.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace troupe;
using namespace troupe::actors;
using namespace troupe::test;

namespace {

std::vector<gpu::Transform> chain_of(std::string_view json, const PreparedFacts& facts,
                                     std::vector<SpecProblem>& problems) {
  SpecReader list = SpecReader::parse(json, problems);
  return evaluation_transforms(list.named_items(), facts);
}

/// Writes a checkpoint that was not trained, with another config.
std::string refusal(const std::string& config) {
  const TemporaryFolder folder;
  Training training;
  training.steps = 1;
  train(training, stripes(64, 4), folder.path() + "/good");
  const serialization::Checkpoint good =
      serialization::read_checkpoint(posix_files(), folder.path() + "/good");
  serialization::TrainingRecord record = good.manifest.record;
  record.config = config;
  serialization::write_checkpoint(posix_files(), folder.path() + "/bad", record,
                                  good.state.tensors());
  try {
    load_model(posix_files(), folder.path() + "/bad");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::bad_input);
    return error.what();
  }
  return {};
}

std::string with(std::string config, std::string_view what, std::string_view by) {
  const std::size_t at = config.find(what);
  REQUIRE(at != std::string::npos);
  return config.replace(at, what.size(), by);
}

}  // namespace

TEST_CASE("saved model: a checkpoint alone gives graph, transforms and parameters") {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/version";
  Training training;
  training.class_names = R"(["a", "b", "c", "d"])";
  training.steps = 3;
  train(training, stripes(200, 4), path);
  const auto model = load_model(posix_files(), path);
  CHECK(model->step == 3);
  CHECK(model->outputs() == 4);
  CHECK(model->prepared.class_names == std::vector<std::string>{"a", "b", "c", "d"});
  CHECK(model->layout.optimizer_states.empty());
  CHECK(model->transforms.out_shape() == gpu::Shape{8, 8, 1});
  // Not the shift, which varies; and what was measured.
  CHECK(model->transforms.transforms() ==
        std::vector<gpu::Transform>{gpu::Scale{0.0625, 0}, gpu::Normalize{{0.3}, {0.37}}});
  const auto checkpoint = serialization::read_checkpoint(posix_files(), path);
  std::size_t compared = 0;
  for (const auto& tensor : model->layout.tensors()) {
    const auto* const stored = checkpoint.state.find(tensor.name);
    REQUIRE(stored != nullptr);
    CHECK(std::memcmp(model->slot().data() + tensor.offset_bytes, stored->bytes.data(),
                      stored->bytes.size()) == 0);
    ++compared;
  }
  CHECK(compared == 8);  // two dense layers, scale and shift, running mean and variance
  CHECK(checkpoint.state.tensors().size() > compared);
}

TEST_CASE("saved model: what varies samples is left out of the transforms") {
  std::vector<SpecProblem> problems;
  PreparedFacts facts;
  facts.shape = gpu::Shape{8, 8, 1};
  facts.dtype = gpu::DType::u8;
  facts.mean = {1.5};
  facts.deviation = {2.5};
  CHECK(
      chain_of(
          R"([{"scale": {"factor": 2}}, {"shift": {"pixels": "1.5", "subpixel": "true"}}, {"rotate": {"degrees": 8}},
                     "flip", {"crop": {"height": 8, "width": 8, "padding": 2}}, {"cutout": {"size": 2}},
                     {"noise": {"deviation": "0.1"}}, {"normalize": {}}])",
          facts,
          problems) == std::vector<gpu::Transform>{gpu::Scale{2, 0}, gpu::Normalize{{1.5}, {2.5}}});
  CHECK(chain_of(R"([{"scale": {"factor": 2}}, {"normalize": {"mean": [1], "deviation": [2]}}])",
                 facts, problems) ==
        std::vector<gpu::Transform>{gpu::Scale{2, 0}, gpu::Normalize{{1}, {2}}});
  CHECK(chain_of("[]", facts, problems) == std::vector<gpu::Transform>{gpu::Scale{}});
  CHECK(chain_of(R"([{"flip": {}}, "normalize"])", facts, problems) ==
        std::vector<gpu::Transform>{gpu::Scale{}, gpu::Normalize{{1.5}, {2.5}}});
  CHECK(problems.empty());
  chain_of(R"(["scal", {"scale": {"factor": "x"}}, {"scale": {"factr": 1}}])", facts, problems);
  CHECK(problems.size() >= 3);
  problems.clear();
  chain_of(R"([{"scale": {"factor": 2}}, {"crop": {"height": 4, "width": 4}}])", facts, problems);
  REQUIRE(problems.size() == 1);
  CHECK(problems[0].pointer == "/1/crop");
  problems.clear();
  facts.mean = {};
  chain_of(R"([{"scale": {"factor": 2}}, "normalize"])", facts, problems);
  CHECK(!problems.empty());
}

TEST_CASE("saved model: a config or tensors that make no model are refused by what is wrong") {
  const std::string good = Training{}.config();
  CHECK(refusal(good).empty());
  CHECK(refusal("data: 1").find("expected a JSON object") != std::string::npos);
  CHECK(refusal("{}").find("config/prepared/shape") != std::string::npos);
  CHECK(refusal(with(good, "\"u8\"", "\"i8\"")).find("config/prepared/dtype") != std::string::npos);
  CHECK(refusal(with(good, "batch_norm", "batchnorm")).find("did you mean 'batch_norm'?") !=
        std::string::npos);
  CHECK(refusal(with(good, "\"24\"", "\"25\"")).find("dense_1.weight: expected f32[25, 64]") !=
        std::string::npos);
  CHECK(refusal(with(good, "\"batch_norm\", ", "")).find("expected no such tensor") !=
        std::string::npos);
  CHECK(refusal(with(good, "[]", "[\"a\"]")).find("config/prepared/class_names") !=
        std::string::npos);
  CHECK(refusal(with(good, "[8, 8, 1]", "[8, 8, 0]")).find("config/prepared/shape") !=
        std::string::npos);
  CHECK_THROWS_AS(load_model(posix_files(), "/nowhere/at/all"), Error);
}
