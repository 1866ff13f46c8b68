#pragma once

#include <memory>

#include "gpu/nn/layer.hpp"

/// The factories of the built-in layer types; docs/models.md lists their attributes.
namespace troupe::gpu::nn::layers {

std::unique_ptr<Layer> make_dense(AttributeReader& attributes);
std::unique_ptr<Layer> make_conv2d(AttributeReader& attributes);
std::unique_ptr<Layer> make_max_pool(AttributeReader& attributes);
std::unique_ptr<Layer> make_average_pool(AttributeReader& attributes);
std::unique_ptr<Layer> make_global_max_pool(AttributeReader& attributes);
std::unique_ptr<Layer> make_global_average_pool(AttributeReader& attributes);
std::unique_ptr<Layer> make_batch_norm(AttributeReader& attributes);
std::unique_ptr<Layer> make_layer_norm(AttributeReader& attributes);
std::unique_ptr<Layer> make_relu(AttributeReader& attributes);
std::unique_ptr<Layer> make_gelu(AttributeReader& attributes);
std::unique_ptr<Layer> make_silu(AttributeReader& attributes);
std::unique_ptr<Layer> make_sigmoid(AttributeReader& attributes);
std::unique_ptr<Layer> make_tanh(AttributeReader& attributes);
std::unique_ptr<Layer> make_softmax(AttributeReader& attributes);
std::unique_ptr<Layer> make_dropout(AttributeReader& attributes);
std::unique_ptr<Layer> make_flatten(AttributeReader& attributes);
std::unique_ptr<Layer> make_reshape(AttributeReader& attributes);
std::unique_ptr<Layer> make_add(AttributeReader& attributes);
std::unique_ptr<Layer> make_concat(AttributeReader& attributes);
std::unique_ptr<Layer> make_scale(AttributeReader& attributes);
std::unique_ptr<Layer> make_softmax_cross_entropy(AttributeReader& attributes);
std::unique_ptr<Layer> make_binary_cross_entropy(AttributeReader& attributes);
std::unique_ptr<Layer> make_mean_squared_error(AttributeReader& attributes);

/// Whether there are `count` inputs, each of type f32; else the problems say so.
bool expect_inputs(std::string_view name, std::span<const ValueSpec> inputs, std::size_t count,
                   Problems& problems);

}  // namespace troupe::gpu::nn::layers
