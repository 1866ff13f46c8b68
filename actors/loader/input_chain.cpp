#include "actors/loader/input_chain.hpp"

#include <string>
#include <utility>
#include <variant>

#include "runtime/base/error.hpp"

namespace troupe::actors {
namespace {

bool is_random(const gpu::Transform& transform) {
  return std::visit(
      []<class T>(const T&) {
        return std::is_same_v<T, gpu::Shift> || std::is_same_v<T, gpu::Rotate> ||
               std::is_same_v<T, gpu::Flip> || std::is_same_v<T, gpu::Crop> ||
               std::is_same_v<T, gpu::Cutout> || std::is_same_v<T, gpu::Noise>;
      },
      transform);
}

/// A crop keeps the shape or cannot be left out; the other random ones always keep it.
void check_left_out(const gpu::Transform& transform, const gpu::Shape& in) {
  const auto* const crop = std::get_if<gpu::Crop>(&transform);
  if (crop == nullptr || (in.rank() == 3 && in[0] == crop->height && in[1] == crop->width)) return;
  throw Error{ErrorCode::bad_input,
              "preprocess: transforms: crop: expected the size of the sample, " +
                  gpu::to_string(in) +
                  ", since a random crop is left out where nothing is random, got " +
                  std::to_string(crop->height) + " x " + std::to_string(crop->width)};
}

}  // namespace

gpu::TransformChain raw_chain(const PreprocessSpec& spec, const gpu::Shape& shape, gpu::DType dtype,
                              const gpu::Normalize& measured, ChainUse use) {
  std::vector<gpu::Transform> chain;
  const bool scaled_first =
      !spec.transforms.empty() && std::holds_alternative<gpu::Scale>(spec.transforms.front());
  if (dtype != gpu::DType::f32 && !scaled_first) chain.emplace_back(gpu::Scale{});
  // No transform that is kept changes the shape where random ones are left out.
  for (std::size_t i = 0; i < spec.transforms.size(); ++i) {
    const gpu::Transform& transform = spec.transforms[i];
    if (use == ChainUse::measuring && i == spec.measured_at) break;
    if (use != ChainUse::training && is_random(transform)) {
      check_left_out(transform, shape);
      continue;
    }
    chain.push_back(i == spec.measured_at ? gpu::Transform{measured} : transform);
  }
  return {std::move(chain), shape, dtype};
}

}  // namespace troupe::actors
