// What is accepted must come out the same when it is written and read again. The input is tried as a file,
// and as the message in one, since a hash would let nothing through.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "runtime/base/error.hpp"
#include "runtime/base/file.hpp"
#include "serialization/manifest.hpp"
#include "serialization/manifest_envelope.hpp"

using namespace troupe;
using namespace troupe::serialization;

namespace {

Manifest decode(std::span<const std::byte> file) {
  const FileBytes aligned = FileBytes::copy(file);
  return decode_manifest(aligned.span(), "input");
}

void check(std::span<const std::byte> file) {
  try {
    // Compared as bytes: a metric may be a NaN.
    const std::vector<std::byte> once = encode_manifest(decode(file));
    if (encode_manifest(decode(once)) != once) std::abort();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::corrupted && error.code() != ErrorCode::unsupported)
      std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::byte> input = std::as_bytes(std::span{data, size});
  check(input);
  check(wrap_manifest(input.first(size / 8 * 8)));
  return 0;
}
