#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "gpu/dtype.hpp"
#include "gpu/shape.hpp"
#include "serialization/sha256.hpp"
#include "serialization/xxh3.hpp"

namespace troupe::serialization {

/// What a job must know to go on, beside its tensors.
struct TrainingRecord {
  struct Fact {
    std::string key, value;
    bool operator==(const Fact&) const = default;
  };
  struct Metric {
    std::string name;
    std::uint64_t step = 0;
    double value = 0;
    bool operator==(const Metric&) const = default;
  };

  std::string config;               ///< as it was resolved, YAML
  std::uint64_t step = 0;           ///< steps that are done
  std::uint64_t seed = 0;           ///< keys the job's draws (JOB-3)
  Sha256Digest data_fingerprint{};  ///< of the prepared data (JOB-1)
  std::vector<Fact>
      machine;  ///< what was resolved before step 0: isa, backend, versions, … (JOB-6)
  std::vector<Metric> metrics;     ///< in the order in which they were measured
  std::uint64_t ledger_bytes = 0;  ///< length of the ledger, to which a resume truncates it

  bool operator==(const TrainingRecord&) const = default;
};

/// A checkpoint's table of contents.
struct Manifest {
  struct Tensor {
    std::string name;
    gpu::DType dtype = gpu::DType::f32;
    gpu::Shape shape;
    std::uint64_t offset = 0;  ///< bytes, from the first one behind the header of state.safetensors
    std::uint64_t size_bytes = 0;
    Xxh3Digest hash{};  ///< of the tensor's bytes

    bool operator==(const Tensor&) const = default;
  };

  TrainingRecord record;
  std::vector<Tensor> tensors;  ///< sorted by name
  Sha256Digest state_hash{};    ///< of the tensors and record.step (JOB-8)

  bool operator==(const Manifest&) const = default;
};

/// The bytes of a manifest's file. @throws Error bad_input if a text or list is too large for the format
/// (512 MiB).
std::vector<std::byte> encode_manifest(const Manifest& manifest);

/// Reads them back; fields that a later version added are passed over. `bytes` begin at a multiple of 8.
/// Takes memory of a small multiple of their size.
/// @param where  names the file in errors
/// @throws Error unsupported if the format is newer, corrupted if the hash differs or a field is unsound.
Manifest decode_manifest(std::span<const std::byte> bytes, const std::string& where);

}  // namespace troupe::serialization
