#include "runtime/base/file_descriptor.hpp"

#include <unistd.h>

namespace troupe {

FileDescriptor::~FileDescriptor() {
  if (value_ >= 0) ::close(value_);
}

}  // namespace troupe
