#include "actors/model/export_model.hpp"

#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <variant>

#include "actors/model/model_spec.hpp"
#include "actors/model/saved_model.hpp"
#include "gpu/transform/fields.hpp"
#include "runtime/base/error.hpp"
#include "serialization/model_state.hpp"

namespace troupe::actors {
namespace {

using Json = nlohmann::json;

Json transform_json(gpu::Transform transform) {
  Json fields = {{"kind", gpu::kind(transform)}};
  std::visit(
      [&](auto& held) {
        gpu::for_each_field(held, [&](std::string_view name, const auto& value, gpu::Need) {
          fields[std::string{name}] = value;
        });
      },
      transform);
  return fields;
}

std::string input_json(const SavedModel& model) {
  Json transforms = Json::array();
  for (const gpu::Transform& transform : model.transforms.transforms())
    transforms.push_back(transform_json(transform));
  const auto dims = model.prepared.shape.dims();
  return Json{{"format", 1},
              {"shape", std::vector(dims.begin(), dims.end())},
              {"dtype", gpu::to_string(model.prepared.dtype)},
              {"transforms", std::move(transforms)},
              {"classes", model.prepared.classes},
              {"class_names", model.prepared.class_names}}
      .dump(1, ' ', false, Json::error_handler_t::replace);
}

void write(FileSystem& files, const std::string& path, const std::string& text) {
  const std::unique_ptr<OutputFile> file = files.create(path);
  file->write(std::as_bytes(std::span{text}));
  file->sync();
}

}  // namespace

void export_model(FileSystem& files, const std::string& checkpoint, const std::string& out) {
  const std::shared_ptr<const SavedModel> model = load_model(files, checkpoint);
  if (files.kind(out) != PathKind::none)
    throw Error{ErrorCode::bad_input, out + ": expected a free name, got one that is taken"};
  const serialization::SlotTensors tensors{model->layout, model->slot()};
  std::string written = temporary_name(files, out);
  files.create_folder(written);
  try {
    {
      const std::unique_ptr<OutputFile> file = files.create(written + "/model.safetensors");
      serialization::write_safetensors(*file, tensors.views(),
                                       {{"format", "pt"},
                                        {"state_hash", model->state_hash},
                                        {"step", std::to_string(model->step)}});
      file->sync();
    }
    write(files, written + "/graph.json", model_json(model->description));
    write(files, written + "/input.json", input_json(*model));
    files.sync_folder(written);
    files.rename(written, out);
    written = out;
    files.sync_folder(parent_folder(out));
  } catch (...) {
    try {
      remove_all(files, written);
    } catch (...) {  // the first failure is the one to tell
    }
    throw;
  }
}

}  // namespace troupe::actors
