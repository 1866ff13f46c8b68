#pragma once

#include <string_view>

#include "gpu/transform/transform.hpp"

namespace troupe::gpu {

/// The name of a kind of transform in a config.
template <typename T>
constexpr std::string_view kind_of = "";
template <>
inline constexpr std::string_view kind_of<Scale> = "scale";
template <>
inline constexpr std::string_view kind_of<Normalize> = "normalize";
template <>
inline constexpr std::string_view kind_of<OneHot> = "one_hot";
template <>
inline constexpr std::string_view kind_of<Shift> = "shift";
template <>
inline constexpr std::string_view kind_of<Rotate> = "rotate";
template <>
inline constexpr std::string_view kind_of<Flip> = "flip";
template <>
inline constexpr std::string_view kind_of<Crop> = "crop";
template <>
inline constexpr std::string_view kind_of<Cutout> = "cutout";
template <>
inline constexpr std::string_view kind_of<Noise> = "noise";

enum class Need { required, optional };

/// Calls visit(name, member, need) for each parameter of a transform.
template <typename Visit>
void for_each_field(Scale& scale, Visit&& visit) {
  visit("factor", scale.factor, Need::required);
  visit("offset", scale.offset, Need::optional);
}
template <typename Visit>
void for_each_field(Normalize& normalize, Visit&& visit) {
  visit("mean", normalize.mean, Need::required);
  visit("deviation", normalize.deviation, Need::required);
}
template <typename Visit>
void for_each_field(OneHot& one_hot, Visit&& visit) {
  visit("classes", one_hot.classes, Need::required);
}
template <typename Visit>
void for_each_field(Shift& shift, Visit&& visit) {
  visit("pixels", shift.pixels, Need::required);
  visit("subpixel", shift.subpixel, Need::optional);
}
template <typename Visit>
void for_each_field(Rotate& rotate, Visit&& visit) {
  visit("degrees", rotate.degrees, Need::required);
}
template <typename Visit>
void for_each_field(Flip& flip, Visit&& visit) {
  visit("horizontal", flip.horizontal, Need::optional);
  visit("vertical", flip.vertical, Need::optional);
}
template <typename Visit>
void for_each_field(Crop& crop, Visit&& visit) {
  visit("height", crop.height, Need::required);
  visit("width", crop.width, Need::required);
  visit("padding", crop.padding, Need::optional);
}
template <typename Visit>
void for_each_field(Cutout& cutout, Visit&& visit) {
  visit("size", cutout.size, Need::required);
}
template <typename Visit>
void for_each_field(Noise& noise, Visit&& visit) {
  visit("deviation", noise.deviation, Need::required);
}

}  // namespace troupe::gpu
