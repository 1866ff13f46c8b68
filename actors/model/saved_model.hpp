#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "actors/job/spec_reader.hpp"
#include "gpu/dtype.hpp"
#include "gpu/nn/graph.hpp"
#include "gpu/nn/state_layout.hpp"
#include "gpu/shape.hpp"
#include "gpu/tensor.hpp"
#include "gpu/transform/transform.hpp"
#include "gpu/transform/transform_chain.hpp"
#include "runtime/base/file.hpp"

namespace troupe::actors {

/// What a checkpoint's config says of the data that the model was trained on ("prepared").
struct PreparedFacts {
  gpu::Shape shape;  ///< of one sample, before the transforms
  gpu::DType dtype = gpu::DType::f32;
  std::int64_t classes = 0;                   ///< 0: a value is predicted
  std::vector<double> mean, deviation;        ///< as they were measured; empty if nobody asked
  std::vector<std::string> class_names = {};  ///< one a class, or none
};
PreparedFacts read_prepared_facts(SpecReader& section);

/// The transforms of a list as they are for evaluation and prediction: without the random ones (shift, rotate, flip, crop,
/// cutout, noise), a `normalize` without values with those that were measured, and samples in u8 made f32 first, unless
/// the list begins with a scale. What cannot be read, or a crop that would change the shape, becomes a problem.
std::vector<gpu::Transform> evaluation_transforms(std::vector<SpecReader::Named> list,
                                                  const PreparedFacts& prepared);

/// A version that was trained, and all that is needed to predict with it. Immutable, for any thread.
struct SavedModel {
  gpu::nn::ModelDescription description;
  gpu::nn::Graph graph;
  gpu::nn::StateLayout layout;  ///< of parameters and running statistics alone
  gpu::TransformChain transforms;
  PreparedFacts prepared;
  std::shared_ptr<const gpu::Storage> state;  ///< in host memory, by `layout`
  std::uint64_t step = 0;
  std::string state_hash;  ///< of the checkpoint (JOB-8), in hexadecimal
  std::string evaluate;    ///< the config's section, JSON; "{}" if it has none

  std::span<const std::byte> slot() const { return {state->data(), layout.slot_bytes}; }
  /// What one row's prediction holds: logits by class, or one value.
  std::int64_t outputs() const { return graph.value(graph.prediction()).shape.elements(); }
};

/// Reads a checkpoint, verified as a whole, and rebuilds graph and transforms from its config, without the data. The
/// optimizer's tensors are passed over.
/// @throws Error as read_checkpoint(), and bad_input, naming the folder and all that is wrong, for a config or tensors
/// that do not make up a model.
std::shared_ptr<const SavedModel> load_model(FileSystem& files, const std::string& folder);

}  // namespace troupe::actors
