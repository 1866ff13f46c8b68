#pragma once

#include <span>
#include <string>

namespace troupe::test::reference {

/// Of f32 kernels against the double-precision reference: elementwise relative error would fail even a correct f32 sum
/// near zero.
inline constexpr double kernel_tolerance = 1e-4;
/// The same of bf16, which has 8 bits.
inline constexpr double narrow_tolerance = 2e-2;

/// Checks |got - wanted| <= tolerance · max(|wanted|, rms(wanted)) for every element, with the rms over all of
/// `wanted`; NaN is close to nothing. A failure names `label` and the worst element. `tolerance` is for judges that
/// can be stricter, never for kernels that cannot be good.
void check_close(std::span<const float> got, std::span<const double> wanted,
                 const std::string& label, double tolerance = kernel_tolerance);
void check_close(std::span<const double> got, std::span<const double> wanted,
                 const std::string& label, double tolerance = kernel_tolerance);

}  // namespace troupe::test::reference
