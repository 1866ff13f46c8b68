#include "gpu/nn/models.hpp"

#include <string>

#include "runtime/base/error.hpp"

namespace troupe::gpu::nn {
namespace {

ModelBuilder begin(const Shape& image) {
  ModelBuilder model;
  model.input("image", image);
  model.input("label", Shape{}, DType::i32);
  return model;
}

/// The layer of logits starts small, so that the first predictions are near even and the first steps are not spent
/// on taking back confident mistakes.
const ModelDescription& end(ModelBuilder& model, std::int64_t classes, double smoothing = 0.0) {
  const std::string logits = model.add("dense", {{"units", classes},
                                                 {"weight_init", std::string{"normal"}},
                                                 {"weight_init_deviation", 0.01}});
  model.add("softmax_cross_entropy", {{"smoothing", smoothing}}, {logits, "label"}, "loss");
  return model.description();
}

/// A convolution without bias, behind which a batch norm follows.
std::string normed_convolution(ModelBuilder& model, std::int64_t filters, std::int64_t kernel,
                               std::int64_t stride, const std::string& input) {
  model.add("conv2d",
            {{"filters", filters},
             {"kernel", kernel},
             {"stride", stride},
             {"padding", std::int64_t{kernel / 2}},
             {"bias", false}},
            {input});
  return model.add("batch_norm");
}

std::string residual_block(ModelBuilder& model, std::int64_t filters, std::int64_t stride,
                           const std::string& input) {
  normed_convolution(model, filters, 3, stride, input);
  const std::string middle = model.add("relu");
  const std::string body = normed_convolution(model, filters, 3, 1, middle);
  const std::string shortcut =
      stride == 1 ? input : normed_convolution(model, filters, 1, stride, input);
  model.add("add", {}, {body, shortcut});
  return model.add("relu");
}

/// 1x1 to `width` channels, 3x3 with the stride, 1x1 to four times as many. The shortcut is a projection where the shape
/// changes, which is in the first block of a stage.
std::string bottleneck(ModelBuilder& model, std::int64_t width, std::int64_t stride, bool projects,
                       const std::string& input) {
  normed_convolution(model, width, 1, 1, input);
  const std::string narrow = model.add("relu");
  normed_convolution(model, width, 3, stride, narrow);
  const std::string middle = model.add("relu");
  const std::string body = normed_convolution(model, 4 * width, 1, 1, middle);
  const std::string shortcut =
      projects ? normed_convolution(model, 4 * width, 1, stride, input) : input;
  model.add("add", {}, {body, shortcut});
  return model.add("relu");
}

}  // namespace

ModelDescription mlp(std::span<const std::int64_t> sizes) {
  if (sizes.size() < 2)
    throw Error{ErrorCode::bad_input, "mlp: expected at least 2 sizes, got fewer"};
  ModelBuilder model = begin(Shape{sizes[0]});
  for (const std::int64_t size : sizes.subspan(1, sizes.size() - 2)) {
    model.add("dense", {{"units", size}});
    model.add("relu");
  }
  return end(model, sizes.back());
}

ModelDescription cnn(const Shape& image, std::int64_t classes, const CnnOptions& options) {
  ModelBuilder model = begin(image);
  for (const std::int64_t filters : {32, 64}) {
    model.add("conv2d", {{"filters", filters},
                         {"kernel", std::int64_t{3}},
                         {"padding_mode", std::string{"same"}},
                         {"bias", !options.batch_norm}});
    if (options.batch_norm) model.add("batch_norm");
    model.add("relu");
    model.add("max_pool", {{"kernel", std::int64_t{2}}});
  }
  model.add("flatten");
  model.add("dense", {{"units", std::int64_t{128}}});
  model.add("relu");
  if (options.dropout > 0.0) model.add("dropout", {{"rate", options.dropout}});
  return end(model, classes, options.smoothing);
}

ModelDescription resnet20(std::int64_t classes) {
  ModelBuilder model = begin(Shape{32, 32, 3});
  normed_convolution(model, 16, 3, 1, "image");
  std::string last = model.add("relu");
  for (const std::int64_t filters : {16, 32, 64}) {
    for (int block = 0; block < 3; ++block) {
      last = residual_block(model, filters, filters > 16 && block == 0 ? 2 : 1, last);
    }
  }
  model.add("global_average_pool");
  return end(model, classes);
}

ModelDescription resnet50(std::int64_t classes) {
  ModelBuilder model = begin(Shape{224, 224, 3});
  normed_convolution(model, 64, 7, 2, "image");
  model.add("relu");
  std::string last = model.add(
      "max_pool",
      {{"kernel", std::int64_t{3}}, {"stride", std::int64_t{2}}, {"padding", std::int64_t{1}}});
  std::int64_t width = 64;
  for (const int blocks : {3, 4, 6, 3}) {
    for (int block = 0; block < blocks; ++block) {
      last = bottleneck(model, width, width > 64 && block == 0 ? 2 : 1, block == 0, last);
    }
    width *= 2;
  }
  model.add("global_average_pool");
  return end(model, classes);
}

}  // namespace troupe::gpu::nn
