#include "actors/model/saved_model.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <nlohmann/json.hpp>

#include "actors/model/model_spec.hpp"
#include "gpu/transform/make_transform.hpp"
#include "runtime/base/error.hpp"
#include "runtime/parameters.hpp"
#include "serialization/checkpoint.hpp"

namespace troupe::actors {
namespace {

using gpu::DType;
using gpu::Shape;
using gpu::Transform;
using Json = nlohmann::json;
using serialization::Checkpoint;
using serialization::NamedTensorView;

constexpr std::int64_t most_classes = 1 << 20;

bool varies(const Transform& transform) {
  return std::holds_alternative<gpu::Shift>(transform) ||
         std::holds_alternative<gpu::Rotate>(transform) ||
         std::holds_alternative<gpu::Flip>(transform) ||
         std::holds_alternative<gpu::Crop>(transform) ||
         std::holds_alternative<gpu::Cutout>(transform) ||
         std::holds_alternative<gpu::Noise>(transform);
}

/// A crop that keeps the shape can be left out like the other random ones, which always keep it.
bool keeps_shape(const Transform& transform, const Shape& shape) {
  const auto* const crop = std::get_if<gpu::Crop>(&transform);
  return crop == nullptr ||
         (shape.rank() == 3 && crop->height == shape[0] && crop->width == shape[1]);
}

/// A list's numbers; true and false are 1 and 0.
std::vector<double> numbers_of(SpecReader& with, const std::string& key) {
  using runtime::ParameterType;
  std::vector<double> numbers;
  for (const std::string& text : with.texts(key)) {
    if (const auto flag = runtime::parse_parameter(ParameterType::boolean, text)) {
      numbers.push_back(std::get<bool>(*flag) ? 1 : 0);
    } else if (const auto number = runtime::parse_parameter(ParameterType::number, text)) {
      numbers.push_back(std::get<double>(*number));
    } else {
      with.problem(key, "expected a number, got '" + text + "'");
    }
  }
  return numbers;
}

/// A section as a text of its own; `otherwise` if there is none.
std::string section(const Json& config, const char* key, const char* otherwise) {
  const auto found = config.find(key);
  return found == config.end() || found->is_null() ? otherwise : found->dump();
}

/// Problems of a section stand under its name.
void add_under(const std::string& prefix, const std::vector<SpecProblem>& from,
               std::vector<SpecProblem>& to) {
  for (const SpecProblem& problem : from) to.push_back({prefix + problem.pointer, problem.what});
}

std::string describe(DType dtype, const Shape& shape) {
  return std::string{gpu::to_string(dtype)} + gpu::to_string(shape);
}

/// "NAME#STATE" belongs to the optimizer.
bool of_optimizer(std::string_view name) {
  return name.find('#') != std::string_view::npos;
}

std::shared_ptr<const gpu::Storage> load_state(const gpu::nn::StateLayout& layout,
                                               const serialization::Safetensors& from,
                                               const std::string& where) {
  auto slot = gpu::allocate_host(layout.slot_bytes);
  const std::vector<gpu::nn::StateTensor> wanted = layout.tensors();
  std::string problems;
  for (const gpu::nn::StateTensor& tensor : wanted) {
    const NamedTensorView* const found = from.find(tensor.name);
    if (found != nullptr && found->dtype == tensor.dtype && found->shape == tensor.shape) {
      std::memcpy(slot->data() + tensor.offset_bytes, found->bytes.data(), found->bytes.size());
      continue;
    }
    problems += "\n  " + tensor.name + ": expected " + describe(tensor.dtype, tensor.shape) +
                ", got " + (found == nullptr ? "none" : describe(found->dtype, found->shape));
  }
  for (const NamedTensorView& tensor : from.tensors()) {
    if (!of_optimizer(tensor.name) &&
        std::ranges::find(wanted, tensor.name, &gpu::nn::StateTensor::name) == wanted.end())
      problems += "\n  " + std::string{tensor.name} + ": expected no such tensor";
  }
  if (!problems.empty())
    throw Error{ErrorCode::bad_input, where + ": tensors of another model:" + problems};
  return slot;
}

}  // namespace

PreparedFacts read_prepared_facts(SpecReader& section) {
  PreparedFacts facts;
  const std::vector<std::int64_t> shape = section.integers("shape");
  try {
    facts.shape = Shape{shape};
  } catch (const Error& error) {
    section.problem("shape", error.what());
  }
  if (shape.empty() || facts.shape.elements() < 1) {
    section.problem("shape", "expected dimensions of 1 or more");
    facts.shape = Shape{1};
  }
  constexpr std::array<std::string_view, 2> dtypes = {"u8", "f32"};
  facts.dtype = section.choice("dtype", dtypes) == 0 ? DType::u8 : DType::f32;
  facts.classes = section.integer("classes", {}, 0, most_classes);
  SpecReader measured = section.object("measured");
  facts.mean = measured.numbers("mean");
  facts.deviation = measured.numbers("deviation");
  facts.class_names = section.texts("class_names");
  const auto names = static_cast<std::int64_t>(facts.class_names.size());
  if (names != 0 && names != facts.classes)
    section.problem("class_names", "expected one a class, got " + std::to_string(names));
  return facts;
}

std::vector<Transform> evaluation_transforms(std::vector<SpecReader::Named> list,
                                             const PreparedFacts& prepared) {
  std::vector<Transform> chain;
  // Pixels become f32 as they are, unless a scale says how.
  DType dtype = prepared.dtype;
  if (dtype != DType::f32 && (list.empty() || list.front().name != "scale")) {
    chain.emplace_back(gpu::Scale{});
    dtype = DType::f32;
  }
  for (SpecReader::Named& item : list) {
    gpu::TransformAttributes attributes;
    for (const std::string& key : item.with.keys())
      attributes.emplace(key, numbers_of(item.with, key));
    if (item.name == "normalize" && attributes.empty() && !prepared.mean.empty())
      attributes = {{"mean", prepared.mean}, {"deviation", prepared.deviation}};
    try {
      Transform transform = gpu::make_transform(item.name, attributes);
      if (varies(transform)) {
        if (!keeps_shape(transform, prepared.shape))
          item.with.problem("expected the size of the sample, " + gpu::to_string(prepared.shape) +
                            ", since a random crop is left out where nothing is random");
        continue;
      }
      const gpu::Checked checked = gpu::check(transform, prepared.shape, dtype);
      for (const std::string& problem : checked.problems) item.with.problem(problem);
      dtype = checked.dtype;
      chain.push_back(std::move(transform));
    } catch (const Error& error) {
      item.with.problem(error.what());
    }
  }
  return chain;
}

std::shared_ptr<const SavedModel> load_model(FileSystem& files, const std::string& folder) {
  const Checkpoint checkpoint = serialization::read_checkpoint(files, folder);
  const std::string& text = checkpoint.manifest.record.config;
  const std::string where = folder + ": config";
  Json config = Json::parse(text, nullptr, false);
  if (!config.is_object())
    throw Error{ErrorCode::bad_input, where + ": expected a JSON object, got something else"};

  std::vector<SpecProblem> problems, found;
  SpecReader prepared_section = SpecReader::parse(section(config, "prepared", "{}"), found);
  const PreparedFacts prepared = read_prepared_facts(prepared_section);
  add_under("/prepared", std::exchange(found, {}), problems);
  SpecReader preprocess = SpecReader::parse(section(config, "preprocess", "{}"), found);
  const std::vector<Transform> transforms =
      evaluation_transforms(preprocess.named_list("transforms"), prepared);
  add_under("/preprocess", std::exchange(found, {}), problems);
  throw_if_any(problems, where);

  gpu::TransformChain chain{transforms, prepared.shape, prepared.dtype};
  SpecReader layers = SpecReader::parse(section(config, "model", "[]"), found);
  gpu::nn::ModelDescription description = read_model(layers, chain.out_shape(), prepared.classes);
  if (found.empty()) found = check_model(description, prepared.classes);
  add_under("/model", found, problems);
  throw_if_any(problems, where);

  gpu::nn::Graph graph{description};
  gpu::nn::StateLayout layout = graph.layout({gpu::nn::Sgd{}, {}});
  auto state = load_state(layout, checkpoint.state, folder);
  return std::make_shared<SavedModel>(SavedModel{
      std::move(description), std::move(graph), std::move(layout), std::move(chain), prepared,
      std::move(state), checkpoint.manifest.record.step,
      serialization::to_hex(checkpoint.manifest.state_hash), section(config, "evaluate", "{}")});
}

}  // namespace troupe::actors
