#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "gpu/operation.hpp"
#include "tests/reference/values.hpp"

namespace troupe::test::reference {

Values add(const gpu::Add& shape, std::span<const Values> inputs);
/// `to` as it stands before, since what lies between the runs stays.
std::vector<std::byte> strided_copy(const gpu::StridedCopy& shape, std::span<const std::byte> from,
                                    std::vector<std::byte> to);
/// `x` holds the values of the elements, of whatever type.
Values cast_scale(const gpu::CastScale& shape, const Values& x);

}  // namespace troupe::test::reference
