#include "gpu/transform/moments.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "runtime/base/canonical_tree.hpp"
#include "runtime/base/error.hpp"

namespace troupe::gpu {

Moments::Moments(std::size_t channels) : Moments{0, std::vector<Sums>(channels)} {}

Moments::Moments(std::uint64_t count, std::vector<Sums> sums)
    : count_{count}, channels_{std::move(sums)} {
  if (channels_.empty())
    throw Error{ErrorCode::bad_input, "moments: expected 1 channel or more, got 0"};
}

void Moments::add(std::span<const float> sample) {
  const std::size_t channels = channels_.size();
  if (sample.size() % channels != 0) {
    throw Error{ErrorCode::bad_input, "moments: expected a multiple of " +
                                          std::to_string(channels) + " values, got " +
                                          std::to_string(sample.size())};
  }
  if (!std::ranges::all_of(sample, [](float value) { return std::isfinite(value); })) {
    throw Error{ErrorCode::bad_input, "moments: expected finite values, got another"};
  }
  for (std::size_t at = 0; at < sample.size(); at += channels) {
    for (std::size_t c = 0; c < channels; ++c) {
      const double value = sample[at + c];
      Sums& sums = channels_[c];
      sums.values += value;
      sums.squares += value * value;
      sums.smallest = std::min(sums.smallest, value);
      sums.largest = std::max(sums.largest, value);
    }
  }
  count_ += sample.size() / channels;
}

void Moments::merge(const Moments& next) {
  if (next.channels_.size() != channels_.size()) {
    throw Error{ErrorCode::bad_input, "moments: expected " + std::to_string(channels_.size()) +
                                          " channels, got " +
                                          std::to_string(next.channels_.size())};
  }
  count_ += next.count_;
  for (std::size_t c = 0; c < channels_.size(); ++c) {
    Sums& sums = channels_[c];
    const Sums& more = next.channels_[c];
    sums.values += more.values;
    sums.squares += more.squares;
    sums.smallest = std::min(sums.smallest, more.smallest);
    sums.largest = std::max(sums.largest, more.largest);
  }
}

Normalize Moments::normalize() const {
  if (count_ == 0) throw Error{ErrorCode::bad_input, "moments: expected values, got none"};
  const auto count = static_cast<double>(count_);
  Normalize normalize{{}, {}};
  for (std::size_t c = 0; c < channels_.size(); ++c) {
    const double mean = channels_[c].values / count;
    const double variance = channels_[c].squares / count - mean * mean;
    // Of equal values' variance the rounding of the sums is left, which may look like a deviation.
    if (channels_[c].smallest == channels_[c].largest || !(variance > 0)) {
      throw Error{ErrorCode::bad_input, "moments: expected values that differ in channel " +
                                            std::to_string(c) + ", got one value only"};
    }
    normalize.mean.push_back(mean);
    normalize.deviation.push_back(std::sqrt(variance));
  }
  return normalize;
}

Moments merged(std::span<const Moments> parts) {
  if (parts.empty()) throw Error{ErrorCode::bad_input, "moments: expected parts, got none"};
  const auto part = [&](std::uint64_t i) { return parts[i]; };
  return tree_sum(parts.size(), part, [](Moments left, const Moments& right) {
    left.merge(right);
    return left;
  });
}

}  // namespace troupe::gpu
