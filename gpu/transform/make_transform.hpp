#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "gpu/transform/transform.hpp"

namespace troupe::gpu {

/// Parameters by name, as a config gives them: a number is a list of one, a truth value 0 or 1.
using TransformAttributes = std::map<std::string, std::vector<double>, std::less<>>;

/// A transform from its declarative form, as in make_transform("crop", {{"height", {32}}, ...}). Names
/// are those of the structs' members. Ranges are check()'s matter, as they depend on the sample.
/// @throws Error bad_input that names all that is wrong: an unknown kind or parameter with the nearest
/// known one, a missing parameter, one that is no whole number or not one number where it must be.
Transform make_transform(std::string_view kind, const TransformAttributes& attributes);

}  // namespace troupe::gpu
