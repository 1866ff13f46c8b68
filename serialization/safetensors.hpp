#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/file.hpp"
#include "serialization/named_tensor.hpp"

namespace troupe::serialization {

// Tensors in the safetensors format (github.com/huggingface/safetensors, "Format"): u64 size of the
// header, the header as JSON, the tensors' bytes without gaps. Types: F32, BF16, I32, I64, U8, F64.

/// What a file says of itself, beside its tensors.
using SafetensorsMetadata = std::map<std::string, std::string>;

/// Writes the tensors in the order in which they are given; the header is padded with spaces so that the
/// first begins at a multiple of 64 in the file. Nothing is synced.
/// @throws Error bad_input, before anything is written, if two tensors bear one name, a name is
/// "__metadata__" or no UTF-8, bytes do not fit type and shape, or the header were above 100,000,000 bytes.
void write_safetensors(OutputFile& file, std::span<const NamedTensorView> tensors,
                       const SafetensorsMetadata& metadata = {});

/// The same, in memory.
std::vector<std::byte> to_safetensors(std::span<const NamedTensorView> tensors,
                                      const SafetensorsMetadata& metadata = {});

/// The tensors of a file that was read or mapped; it stays in memory for as long as this object. Can be
/// moved, and views stay valid then. Reading is strict: what the format does not allow is refused, so is
/// a name that comes twice or bytes that belong to no tensor.
class Safetensors {
 public:
  /// @param where  names the file in errors
  /// @throws Error corrupted, naming the field and the tensor, or unsupported for types that Troupe lacks
  /// (F16, BOOL, …). Memory in use is a small multiple of the header's size.
  static Safetensors parse(FileBytes file, const std::string& where);

  Safetensors(Safetensors&&) noexcept = default;
  Safetensors& operator=(Safetensors&&) noexcept = default;

  /// In order of name.
  std::span<const NamedTensorView> tensors() const { return tensors_; }
  /// The tensor of that name, or null.
  const NamedTensorView* find(std::string_view name) const;
  const SafetensorsMetadata& metadata() const { return metadata_; }
  /// Where a tensor's bytes begin, counted from the first byte behind the header.
  std::uint64_t offset(const NamedTensorView& tensor) const;

 private:
  Safetensors() = default;

  FileBytes file_;
  std::vector<std::string> names_;  // what the views' names point to
  std::vector<NamedTensorView> tensors_;
  SafetensorsMetadata metadata_;
  std::uint64_t data_at_ = 0;
};

}  // namespace troupe::serialization
