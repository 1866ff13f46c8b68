#pragma once

#include <string>

#include "runtime/base/file.hpp"

namespace troupe::actors {

/// Writes a checkpoint's model for other programs to read, as a folder that only ever appears whole:
///
///     model.safetensors   parameters and running statistics, f32, by name: "dense_1.weight" [out, in], …
///     graph.json          layers, inputs and attributes (model_json)
///     input.json          shape and type of a raw sample, the transforms in their order, the classes' names
///
/// @throws Error as load_model(); bad_input if the name is taken; else as the file system does. Nothing is left behind
/// then.
void export_model(FileSystem& files, const std::string& checkpoint, const std::string& out);

}  // namespace troupe::actors
