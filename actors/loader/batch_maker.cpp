#include "actors/loader/batch_maker.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "actors/loader/input_chain.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/float_environment.hpp"
#include "runtime/base/permutation.hpp"
#include "serialization/little_endian.hpp"

namespace troupe::actors {

using serialization::Xxh3_128;
using serialization::Xxh3Digest;

namespace {

constexpr std::size_t label_bytes = 4;

void hash_row(Xxh3_128& hash, std::uint64_t position, std::span<const std::byte> record) {
  std::array<std::byte, 8> bytes;
  serialization::store_little(bytes, 0, position);
  hash.update(bytes);
  hash.update(record);
}

void check_inputs(std::span<std::byte* const> inputs) {
  if (inputs.size() == 2) return;
  throw Error{ErrorCode::bad_input, "batch: expected 2 inputs, features and labels, got " +
                                        std::to_string(inputs.size())};
}

}  // namespace

std::optional<Corruption> Corruption::parse(std::string_view text) {
  if (text.empty()) return {};
  constexpr std::array<std::string_view, 3> kinds{"skip:", "double:", "swap:"};
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    if (!text.starts_with(kinds[i])) continue;
    const std::string_view number = text.substr(kinds[i].size());
    Corruption result{static_cast<Kind>(i), 0};
    const auto [stop, error] =
        std::from_chars(number.data(), number.data() + number.size(), result.position);
    if (error == std::errc{} && stop == number.data() + number.size()) return result;
  }
  throw Error{
      ErrorCode::bad_input,
      "corrupt: expected skip, double or swap with a position, as in \"skip:1234\", got \"" +
          std::string{text} + '"'};
}

std::uint64_t Corruption::source(std::uint64_t at, PositionRange range) const {
  if (position < range.first || position >= range.last) return at;
  switch (kind) {
    case Kind::skip:
      return at >= position ? at + 1 : at;
    case Kind::duplicate:
      return at > position ? at - 1 : at;
    case Kind::swap:
      if (at == position) return at + 1;
      return at == position + 1 ? position : at;
  }
  return at;
}

BatchMaker::BatchMaker(const PreparedData& data, const PreprocessSpec& spec, std::uint64_t seed,
                       std::optional<Corruption> corruption)
    : data_{data},
      seed_{seed},
      corruption_{corruption},
      training_{raw_chain(spec, data.shape(), data.dtype(), data.measured(), ChainUse::training)},
      evaluation_{
          raw_chain(spec, data.shape(), data.dtype(), data.measured(), ChainUse::evaluation)} {}

void BatchMaker::check(PositionRange positions) const {
  if (data_.size(Split::train) == 0 || positions.last < positions.first) {
    throw Error{ErrorCode::bad_input,
                data_.folder() + ": expected positions in order, of samples to train on, got " +
                    std::to_string(positions.first) + " to " + std::to_string(positions.last) +
                    " of " + std::to_string(data_.size(Split::train))};
  }
}

std::span<const std::byte> BatchMaker::record_of(std::uint64_t position) const {
  return data_.record(Split::train, sample_index(seed_, position, data_.size(Split::train)));
}

void BatchMaker::fill_row(const gpu::TransformChain& chain, std::span<const std::byte> record,
                          std::uint64_t position, std::uint64_t row,
                          std::span<std::byte* const> inputs) {
  const RecordLayout& layout = data_.layout();
  chain.apply(record.first(layout.feature_bytes()), seed_, position,
              {inputs[0] + row * feature_bytes(), feature_bytes()}, scratch_);
  std::memcpy(inputs[1] + row * label_bytes, record.data() + layout.label_offset(), label_bytes);
}

Xxh3Digest BatchMaker::fill(PositionRange positions, std::span<std::byte* const> inputs) {
  const FloatEnvironment environment;
  check(positions);
  check_inputs(inputs);
  Xxh3_128 hash;
  for (std::uint64_t p = positions.first; p < positions.last; ++p) {
    const std::span<const std::byte> record =
        record_of(corruption_ ? corruption_->source(p, positions) : p);
    fill_row(training_, record, p, p - positions.first, inputs);
    hash_row(hash, p, record);
  }
  return hash.finish();
}

Xxh3Digest BatchMaker::digest(PositionRange positions) const {
  check(positions);
  Xxh3_128 hash;
  for (std::uint64_t p = positions.first; p < positions.last; ++p) hash_row(hash, p, record_of(p));
  return hash.finish();
}

std::uint64_t BatchMaker::rows(Split split, std::uint64_t first, std::uint64_t count,
                               std::span<std::byte* const> inputs) {
  const FloatEnvironment environment;
  check_inputs(inputs);
  const std::uint64_t size = data_.size(split);
  const std::uint64_t there = first < size ? std::min(count, size - first) : 0;
  for (std::uint64_t row = 0; row < there; ++row) {
    fill_row(evaluation_, data_.record(split, first + row), first + row, row, inputs);
  }
  std::memset(inputs[0] + there * feature_bytes(), 0, (count - there) * feature_bytes());
  std::memset(inputs[1] + there * label_bytes, 0, (count - there) * label_bytes);
  return there;
}

}  // namespace troupe::actors
