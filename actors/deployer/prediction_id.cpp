#include "actors/deployer/prediction_id.hpp"

#include <sys/random.h>

#include <array>
#include <cstddef>
#include <span>

#include "runtime/base/error.hpp"
#include "serialization/sha256.hpp"

namespace troupe::actors {

std::string new_prediction_id() {
  // Taken from the system in pieces of up to 256 bytes, which come whole.
  thread_local std::array<std::byte, 256> random;
  thread_local std::size_t used = random.size();
  constexpr std::size_t size = 16;
  if (used + size > random.size()) {
    if (::getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size()))
      throw Error{ErrorCode::unsupported, "prediction id: the system gives no random bytes"};
    used = 0;
  }
  const std::string id = serialization::to_hex(std::span{random}.subspan(used, size));
  used += size;
  return id;
}

std::string row_prediction_id(const std::string& id, std::int64_t row, std::int64_t count) {
  return count == 1 ? id : id + "." + std::to_string(row);
}

}  // namespace troupe::actors
