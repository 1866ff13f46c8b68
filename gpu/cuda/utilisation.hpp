#pragma once

#include <optional>

namespace troupe::gpu::cuda {

/// What the driver's management library tells of one GPU; where that is not there, nothing. Thread-safe.
class Utilisation {
 public:
  /// @param device  its index, as CUDA counts
  explicit Utilisation(int device);

  /// In what share of the last moments a kernel ran.
  std::optional<double> busy() const;

 private:
  struct Rates {
    unsigned gpu, memory;  // per cent
  };
  void* device_ = nullptr;
  int (*read_)(void* device, Rates* rates) = nullptr;
};

}  // namespace troupe::gpu::cuda
