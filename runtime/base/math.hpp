#pragma once

/// Elementary functions whose bits are the same on every machine and with every compiler (JOB-6):
/// additions, multiplications, divisions, square roots and operations on bits, in a fixed order,
/// without libm, tables of the machine or contraction. Pure and thread-safe.
///
/// - Special values are those of C's Annex F, but every NaN returned is the quiet NaN 7FF8...0.
/// - Subnormals do not exist here: such an argument counts as zero of its sign, such a result is
///   zero. So values do not depend on whether the thread flushes subnormals (FloatEnvironment).
/// - Rounding must be to nearest, as it is everywhere by default.
///
/// Largest errors in units in the last place, as measured by the tests against 64-bit mantissas:
/// exp 1.1, log 0.9, log1p 1.5, sin and cos 0.8, pow 1.3, tanh 2.8, erf 1.4.
///
/// Where a loop over many elements matters, math_inline.hpp has the same functions, with the same
/// bits, in a form that the compiler can vectorise.
namespace troupe::math {

double exp(double x) noexcept;
/// -inf for 0, NaN below.
double log(double x) noexcept;
/// log(1 + x) without cancellation near 0; -inf for -1, NaN below.
double log1p(double x) noexcept;
/// x to the power y; a negative x needs an integer y, else the result is NaN.
double pow(double x, double y) noexcept;
/// Radians. Every finite argument is reduced as if by the exact pi; NaN for infinities.
double sin(double x) noexcept;
double cos(double x) noexcept;
double tanh(double x) noexcept;
double erf(double x) noexcept;

}  // namespace troupe::math
