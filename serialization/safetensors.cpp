#include "serialization/safetensors.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "runtime/base/error.hpp"
#include "serialization/little_endian.hpp"
#include "serialization/safetensors_header.hpp"

namespace troupe::serialization {
namespace {

using Entry = SafetensorsHeader::Tensor;

[[noreturn]] void refuse(const std::string& where, const std::string& what) {
  throw Error{ErrorCode::corrupted, where + ": " + what};
}

/// Size and JSON, padded so that the data begins at a multiple of 64.
std::string file_head(std::span<const NamedTensorView> tensors,
                      const SafetensorsMetadata& metadata) {
  sorted_by_name(tensors);  // checks names and sizes
  const std::string json = format_safetensors_header(tensors, metadata);
  const std::uint64_t size = (8 + json.size() + 63) / 64 * 64 - 8;
  if (size > max_safetensors_header) {
    throw Error{
        ErrorCode::bad_input,
        "safetensors: expected a header of at most 100000000 bytes, got " + std::to_string(size)};
  }
  std::string head(8 + size, ' ');
  store_little(std::as_writable_bytes(std::span{head}), 0, size);
  std::ranges::copy(json, head.begin() + 8);
  return head;
}

/// Tensors that lie one behind the other and fill the data: no gap, no overlap, nothing left over.
void check_layout(std::span<const Entry> tensors, std::uint64_t data_size,
                  const std::string& where) {
  std::vector<const Entry*> order;
  order.reserve(tensors.size());
  for (const Entry& tensor : tensors) order.push_back(&tensor);
  std::ranges::sort(order, {}, [](const Entry* e) { return std::pair{e->begin, e->end}; });
  std::uint64_t end = 0;
  for (const Entry* const tensor : order) {
    const std::string at = where + ": tensor \"" + tensor->name + '"';
    if (tensor->begin != end) {
      refuse(at, "expected data_offsets from " + std::to_string(end) + ", got " +
                     std::to_string(tensor->begin));
    }
    if (tensor->end < tensor->begin || tensor->end > data_size) {
      refuse(at, "expected data_offsets within " + std::to_string(data_size) +
                     " bytes of data, got " + std::to_string(tensor->begin) + " to " +
                     std::to_string(tensor->end));
    }
    end = tensor->end;
  }
  if (end != data_size) {
    refuse(where,
           "expected " + std::to_string(end) + " bytes of data, got " + std::to_string(data_size));
  }
}

}  // namespace

void write_safetensors(OutputFile& file, std::span<const NamedTensorView> tensors,
                       const SafetensorsMetadata& metadata) {
  const std::string head = file_head(tensors, metadata);
  file.write(std::as_bytes(std::span{head}));
  for (const NamedTensorView& tensor : tensors) file.write(tensor.bytes);
}

std::vector<std::byte> to_safetensors(std::span<const NamedTensorView> tensors,
                                      const SafetensorsMetadata& metadata) {
  struct Memory final : OutputFile {
    void write(std::span<const std::byte> more) override {
      bytes.insert(bytes.end(), more.begin(), more.end());
    }
    void sync() override {}
    std::vector<std::byte> bytes;
  } memory;
  write_safetensors(memory, tensors, metadata);
  return std::move(memory.bytes);
}

Safetensors Safetensors::parse(FileBytes file, const std::string& where) {
  const std::span<const std::byte> bytes = file.span();
  if (bytes.size() < 8) {
    refuse(where, "expected 8 bytes of header size, got " + std::to_string(bytes.size()));
  }
  const auto header_size = load_little<std::uint64_t>(bytes, 0);
  if (header_size > max_safetensors_header || header_size > bytes.size() - 8) {
    refuse(where, "expected a header of at most 100000000 bytes and within the file's " +
                      std::to_string(bytes.size()) + ", got " + std::to_string(header_size));
  }
  const std::string_view json{reinterpret_cast<const char*>(bytes.data()) + 8, header_size};
  if (!json.starts_with('{')) refuse(where, "header: expected it to begin with {");

  SafetensorsHeader header = parse_safetensors_header(json, where);
  std::ranges::sort(header.tensors, {}, &Entry::name);
  const std::span<const std::byte> data = bytes.subspan(8 + header_size);
  check_layout(header.tensors, data.size(), where);

  Safetensors result;
  result.file_ = std::move(file);
  result.metadata_ = std::move(header.metadata);
  result.data_at_ = 8 + header_size;
  result.names_.reserve(header.tensors.size());
  result.tensors_.reserve(header.tensors.size());
  for (Entry& tensor : header.tensors) {
    const std::string& name = result.names_.emplace_back(std::move(tensor.name));
    result.tensors_.push_back(
        {name, tensor.dtype, tensor.shape, data.subspan(tensor.begin, tensor.end - tensor.begin)});
    try {
      check_size(result.tensors_.back());
    } catch (const Error& error) {
      refuse(where, error.what());
    }
  }
  return result;
}

const NamedTensorView* Safetensors::find(std::string_view name) const {
  const auto found = std::ranges::lower_bound(tensors_, name, {}, &NamedTensorView::name);
  return found != tensors_.end() && found->name == name ? &*found : nullptr;
}

std::uint64_t Safetensors::offset(const NamedTensorView& tensor) const {
  return static_cast<std::uint64_t>(tensor.bytes.data() - file_.span().data()) - data_at_;
}

}  // namespace troupe::serialization
