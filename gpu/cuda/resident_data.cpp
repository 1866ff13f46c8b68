#include "gpu/cuda/resident_data.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "gpu/cuda/kernels/gather.hpp"
#include "gpu/cuda/status.hpp"
#include "gpu/cuda/stream.hpp"
#include "gpu/transform/transform_chain.hpp"
#include "runtime/base/error.hpp"

namespace troupe::gpu::cuda {
namespace {

constexpr std::size_t label_bytes = sizeof(std::uint32_t);
constexpr std::size_t staging_bytes = std::size_t{8} << 20;
constexpr std::int64_t most_elements = std::int64_t{1} << 31;  // the kernel counts in 32 bits

using Kind = GatherStep::Kind;
using Fetch = GatherPass::Fetch;

GatherStep step_of(const Scale& scale) {
  return {.kind = Kind::scale,
          .factor = static_cast<float>(scale.factor),
          .offset = static_cast<float>(scale.offset)};
}
GatherStep step_of(const Normalize&) {
  return {.kind = Kind::normalize};
}
GatherStep step_of(const OneHot&) {
  throw Error{ErrorCode::bug, "cuda: one_hot has passed the check"};
}
GatherStep step_of(const Shift& shift) {
  return {.kind = Kind::shift, .subpixel = shift.subpixel, .amount = shift.pixels};
}
GatherStep step_of(const Rotate& rotate) {
  return {.kind = Kind::rotate, .amount = rotate.degrees};
}
GatherStep step_of(const Flip& flip) {
  return {.kind = Kind::flip, .horizontal = flip.horizontal, .vertical = flip.vertical};
}
GatherStep step_of(const Crop& crop) {
  return {.kind = Kind::crop, .height = crop.height, .width = crop.width, .padding = crop.padding};
}
GatherStep step_of(const Cutout& cutout) {
  return {.kind = Kind::cutout, .height = cutout.size, .width = cutout.size};
}
GatherStep step_of(const Noise& noise) {
  return {.kind = Kind::noise, .amount = noise.deviation};
}

Fetch fetch_of(Kind kind) {
  switch (kind) {
    case Kind::shift:
    case Kind::rotate:
      return Fetch::moved;
    case Kind::flip:
      return Fetch::flipped;
    case Kind::crop:
      return Fetch::cropped;
    case Kind::cutout:
      return Fetch::cut;
    default:
      return Fetch::plain;
  }
}

/// A chain as the kernel reads it.
struct GatherPlan {
  std::vector<GatherStep> steps;
  std::vector<GatherPass> passes;
  std::vector<float> factors;
  std::size_t image_elements = 0;  // what a pass leaves to the next one, at most
};

std::uint32_t count(std::int64_t value) {
  return static_cast<std::uint32_t>(value);
}

GatherPlan plan_of(const TransformChain& chain) {
  GatherPlan plan;
  for (std::uint32_t i = 0; i < chain.transforms().size(); ++i) {
    GatherStep step =
        std::visit([](const auto& each) { return step_of(each); }, chain.transforms()[i]);
    if (step.kind == Kind::normalize) {
      step.first_pair = static_cast<std::uint32_t>(plan.factors.size() / 2);
      step.channels = static_cast<std::uint32_t>(chain.factors(i).size() / 2);
      plan.factors.insert(plan.factors.end(), chain.factors(i).begin(), chain.factors(i).end());
    }
    plan.steps.push_back(step);
    const Fetch fetch = fetch_of(step.kind);
    const Shape &in = chain.shapes()[i], &out = chain.shapes()[i + 1];
    const bool moves_on = fetch == Fetch::moved && i > 0 && plan.passes.back().fetch == fetch &&
                          plan.passes.back().changes == i;
    const bool fetches = fetch != Fetch::plain && !moves_on;
    if (plan.passes.empty() || fetches) {
      GatherPass pass{.fetch = fetch, .first = i, .changes = i};
      if (fetches) {
        pass.height = count(in[0]);
        pass.width = count(in[1]);
        pass.channels = count(in[2]);
        pass.out_width = count(out[1]);
      }
      pass.out_elements = count(out.elements());
      plan.passes.push_back(pass);
    }
    GatherPass& pass = plan.passes.back();
    pass.end = i + 1;
    if (fetch != Fetch::plain) pass.changes = pass.end;
  }
  for (std::size_t i = 0; i + 1 < plan.passes.size(); ++i) {
    plan.image_elements = std::max<std::size_t>(plan.image_elements, plan.passes[i].out_elements);
  }
  return plan;
}

std::size_t feature_bytes_of(const TransformChain& chain) {
  return static_cast<std::size_t>(chain.in_shape().elements()) * size_bytes(chain.in_dtype());
}

bool can_gather(const TransformChain& chain) {
  return std::ranges::none_of(
             chain.transforms(),
             [](const Transform& each) { return std::holds_alternative<OneHot>(each); }) &&
         std::ranges::all_of(chain.shapes(),
                             [](const Shape& shape) { return shape.elements() <= most_elements; });
}

void check_spec(const ResidentSpec& spec) {
  const auto expect = [](bool so, const std::string& what, std::uint64_t got) {
    if (so) return;
    throw Error{ErrorCode::bad_input,
                "cuda: resident data: expected " + what + ", got " + std::to_string(got)};
  };
  const std::size_t features = feature_bytes_of(*spec.chain), record = spec.record_bytes;
  expect(spec.samples >= 1 && spec.samples <= std::uint64_t{1} << 40, "1 to 2^40 samples",
         spec.samples);
  expect(spec.rows >= 1, "1 row or more", static_cast<std::uint64_t>(spec.rows));
  expect(record >= features, "records of " + std::to_string(features) + " bytes or more", record);
  expect(record >= label_bytes && spec.label_offset_bytes <= record - label_bytes,
         "a label of 4 bytes within the " + std::to_string(record) + " of a record, by its offset",
         spec.label_offset_bytes);
  expect(spec.records.size() % record == 0 && spec.records.size() / record == spec.samples,
         std::to_string(spec.samples) + " records of " + std::to_string(record) + " bytes",
         spec.records.size());
}

template <class T>
std::shared_ptr<Storage> copied(Memory& memory, const std::vector<T>& values) {
  const std::size_t bytes = values.size() * sizeof(T);
  auto storage = memory.allocate(std::max(bytes, std::size_t{1}), "the transforms of a data set");
  if (bytes == 0) return storage;
  check(cudaMemcpy(storage->data(), values.data(), bytes, cudaMemcpyHostToDevice), "cudaMemcpy");
  return storage;
}

class CudaResidentData final : public ResidentData {
 public:
  CudaResidentData(int device, Memory& memory, const ResidentSpec& spec) : device_{device} {
    const TransformChain& chain = *spec.chain;
    tables_.feature_bytes = feature_bytes_of(chain);
    tables_.type = chain.in_dtype();
    tables_.samples = feistel_over(spec.samples);
    tables_.seed = spec.seed;
    tables_.rows = static_cast<std::uint64_t>(spec.rows);
    bring_plan(memory, plan_of(chain));
    bring_records(memory, spec);
  }

  void gather(Stream& stream, const StepState* step, std::byte* features,
              std::byte* labels) override {
    check(cudaSetDevice(device_), "cudaSetDevice");
    cuda::gather(static_cast<CudaStream&>(stream).handle(), tables_, step, features, labels);
  }

 private:
  template <class T>
  const T* held(std::shared_ptr<Storage> storage) {
    return reinterpret_cast<const T*>(memory_.emplace_back(std::move(storage))->data());
  }
  template <class T>
  T* scratch(Memory& memory, std::size_t count) {
    if (count == 0) return nullptr;
    memory_.push_back(memory.allocate(count * sizeof(T), "the batches of a data set"));
    return reinterpret_cast<T*>(memory_.back()->data());
  }

  void bring_plan(Memory& memory, const GatherPlan& plan) {
    tables_.pass_count = static_cast<std::uint32_t>(plan.passes.size());
    tables_.steps = held<GatherStep>(copied(memory, plan.steps));
    tables_.passes = held<GatherPass>(copied(memory, plan.passes));
    tables_.factors = held<float>(copied(memory, plan.factors));
    const std::size_t blocks = gather_blocks(tables_.rows);
    const std::size_t images = plan.passes.size() > 2 ? 2 : 1;
    tables_.image_elements = plan.image_elements;
    tables_.block_elements = images * plan.image_elements;
    tables_.images = scratch<float>(memory, blocks * tables_.block_elements);
    tables_.draws = scratch<GatherDraws>(memory, blocks * plan.passes.size());
  }

  /// Features and labels apart, so that each lies where its type may. While a piece is copied to the device the next
  /// one is gathered.
  void bring_records(Memory& memory, const ResidentSpec& spec) {
    const std::size_t features = tables_.feature_bytes, each = features + label_bytes;
    const std::size_t samples = spec.samples, most = std::max(staging_bytes / each, std::size_t{1});
    const auto all =
        memory.allocate(std::max(samples * features, std::size_t{1}), "the records of a data set");
    const auto all_labels = memory.allocate(samples * label_bytes, "the labels of a data set");
    const std::shared_ptr<Storage> staging[2] = {
        memory.allocate_pinned(std::min(most, samples) * each, "the records of a data set"),
        memory.allocate_pinned(std::min(most, samples) * each, "the records of a data set")};
    CudaEvent copied_piece{memory};
    CudaStream stream;
    std::uint64_t piece = 0;
    for (std::size_t first = 0; first < samples; first += most, ++piece) {
      if (piece >= 2) copied_piece.wait(piece - 1);
      const std::size_t size = std::min(most, samples - first);
      std::byte* const to = staging[piece % 2]->data();
      std::byte* const to_labels = to + size * features;
      for (std::size_t i = 0; i < size; ++i) {
        const std::byte* const record = spec.records.data() + (first + i) * spec.record_bytes;
        std::memcpy(to + i * features, record, features);
        std::memcpy(to_labels + i * label_bytes, record + spec.label_offset_bytes, label_bytes);
      }
      stream.copy(all->data() + first * features, to, size * features);
      stream.copy(all_labels->data() + first * label_bytes, to_labels, size * label_bytes);
      stream.record(copied_piece);
    }
    stream.synchronize();
    tables_.features = held<std::byte>(all);
    tables_.labels = held<std::uint32_t>(all_labels);
  }

  int device_;
  GatherTables tables_;
  std::vector<std::shared_ptr<Storage>> memory_;
};

}  // namespace

std::unique_ptr<ResidentData> make_resident_data(int device, Memory& memory,
                                                 const ResidentSpec& spec) {
  if (spec.chain == nullptr) {
    throw Error{ErrorCode::bad_input, "cuda: resident data: expected a chain, got none"};
  }
  check_spec(spec);
  if (!can_gather(*spec.chain)) return nullptr;
  return std::make_unique<CudaResidentData>(device, memory, spec);
}

}  // namespace troupe::gpu::cuda
