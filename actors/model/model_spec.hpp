#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "actors/job/spec_reader.hpp"
#include "gpu/nn/model.hpp"
#include "gpu/shape.hpp"

/// The `model` section of a job: a list of layers, each a type, or a type with its attributes (docs/models.md).
///
///     model:
///       - flatten
///       - dense: {units: 128}
///       - relu
///       - dense: {units: 10, name: logits}
///
/// Beside its attributes a layer may have a `name`, `inputs` (names of inputs and earlier layers) and `share` (the
/// earlier layer whose parameters it uses).
namespace troupe::actors {

/// What a job's model is fed with.
inline constexpr std::string_view features_input = "features";
inline constexpr std::string_view label_input = "label";

/// Reads the section. Its inputs are `features` (f32, one sample after the transforms) and `label`: i32 [] for
/// `classes` > 0, else f32 [1], the value to be predicted. If the last layer is no loss, one is appended:
/// softmax_cross_entropy, which takes logits, or mean_squared_error. A loss without `inputs` takes the layer before it
/// and the label. An attribute's type is that of its text: true or false, a whole number, a number, else a text.
/// What does not fit becomes a problem of `list`; whether the layers fit each other says check_model().
gpu::nn::ModelDescription read_model(SpecReader& list, const gpu::Shape& features,
                                     std::int64_t classes);

/// All that is wrong with the model as a whole: unknown types and attributes, shapes that do not meet, a prediction
/// that has not `classes` values (for 0: one) or reads the label, a softmax before a loss that takes logits. `pointer` is where the
/// section is; what concerns one layer is at pointer/INDEX.
/// @param shard_rows  that it is trained with; fewer than 2 values a channel are a problem of a batch_norm. 0: not checked
std::vector<SpecProblem> check_model(const gpu::nn::ModelDescription& model, std::int64_t classes,
                                     std::string_view pointer = {}, std::int64_t shard_rows = 0);
/// What is wrong with each layer by itself, its type and attributes: all that can be known without the shape of samples.
std::vector<SpecProblem> check_layers(const gpu::nn::ModelDescription& model,
                                      std::string_view pointer = {});

/// A model as JSON text, for export and for other programs to read. In full: names and inputs that were left out are
/// filled in. Equal models give equal texts. @throws Error bad_input for names that are no UTF-8.
///
///     {"format": 1, "inputs": [{"name": "features", "shape": [784], "dtype": "f32"}, …],
///      "layers": [{"type": "dense", "name": "dense_1", "inputs": ["features"], "attributes": {"units": 10},
///                  "share": ""}, …]}
std::string model_json(const gpu::nn::ModelDescription& model);

/// The model in such a text: it gives the same graph, with the same names. @throws Error bad_input, by the first
/// thing that is wrong.
gpu::nn::ModelDescription parse_model_json(std::string_view json);

}  // namespace troupe::actors
