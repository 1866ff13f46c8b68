// What is accepted must come out the same when it is written and read again.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "runtime/base/error.hpp"
#include "serialization/safetensors.hpp"

using namespace troupe;
using namespace troupe::serialization;

namespace {

bool same(const NamedTensorView& a, const NamedTensorView& b) {
  return a.name == b.name && a.dtype == b.dtype && a.shape == b.shape &&
         std::ranges::equal(a.bytes, b.bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const Safetensors first =
        Safetensors::parse(FileBytes::copy(std::as_bytes(std::span{data, size})), "input");
    const std::vector<std::byte> bytes = to_safetensors(first.tensors(), first.metadata());
    const Safetensors second = Safetensors::parse(FileBytes::copy(bytes), "output");
    if (!std::ranges::equal(first.tensors(), second.tensors(), same) ||
        first.metadata() != second.metadata()) {
      std::abort();
    }
  } catch (const Error& error) {
    if (error.code() != ErrorCode::corrupted && error.code() != ErrorCode::unsupported)
      std::abort();
  }
  return 0;
}
