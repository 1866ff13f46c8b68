#include "gpu/nn/plan.hpp"

#include "gpu/nn/plan_compiler.hpp"
#include "runtime/base/error.hpp"

namespace troupe::gpu::nn {
namespace {

/// Memory that belongs to the program, seen as a storage.
std::shared_ptr<Storage> borrow(std::byte* data, std::size_t bytes) {
  return std::make_shared<Storage>(data, bytes, [](std::byte*) {});
}

}  // namespace

Plan::Plan(const Graph& graph, const StateLayout& layout, Device& device,
           const PlanOptions& options)
    : options_{options} {
  if (options.rows < 1) {
    throw Error{ErrorCode::bad_input,
                "plan: expected rows of 1 or more, got " + std::to_string(options.rows)};
  }
  if (options.mode != Mode::infer && !graph.loss()) {
    throw Error{ErrorCode::bad_input,
                "plan: expected a model that ends with a loss to train or evaluate, got none"};
  }
  CompiledPlan compiled = PlanCompiler{graph, layout, device, options}.compile();
  program_ = device.compile(compiled.program);
  arena_bytes_ = compiled.program.arena_bytes;
  activation_bytes_ = compiled.activation_bytes;
  instructions_ = std::move(compiled.program.instructions);
  if (options.mode == Mode::train) {
    for (std::size_t i = 0; i <= layout.buckets.size(); ++i) {
      events_.push_back(device.make_event());
      event_pointers_.push_back(events_.back().get());
    }
  }
  for (const InputDescription& input : graph.inputs()) {
    input_bytes_.push_back(static_cast<std::size_t>(options.rows * input.shape.elements()) *
                           size_bytes(input.dtype));
  }
  const ValueSpec& spec = graph.value(graph.prediction());
  prediction_ = Tensor{borrow(program_->arena(), arena_bytes_), spec.dtype,
                       spec.shape.with_rows(options.rows), compiled.prediction.offset_bytes};
}

Plan::~Plan() = default;
Plan::Plan(Plan&&) noexcept = default;
Plan& Plan::operator=(Plan&&) noexcept = default;

void Plan::run(Stream& stream, Bindings bindings, SignalListener* listener) {
  bindings.events = event_pointers_;
  program_->run(stream, bindings, listener);
}

double flops(const Operation& operation) {
  const auto convolution = [](const ConvolutionGeometry& g) {
    return 2.0 * static_cast<double>(g.rows * g.out_height * g.out_width * g.out_channels) *
           static_cast<double>(g.kernel_height * g.kernel_width * (g.in_channels / g.groups));
  };
  const auto dense = [](const auto& d) {
    return 2.0 * static_cast<double>(d.rows * d.in) * static_cast<double>(d.out);
  };
  if (const auto* op = std::get_if<Dense>(&operation)) return dense(*op);
  if (const auto* op = std::get_if<DenseBackwardData>(&operation)) return dense(*op);
  if (const auto* op = std::get_if<DenseBackwardWeights>(&operation)) return dense(*op);
  if (const auto* op = std::get_if<Convolution>(&operation)) return convolution(op->geometry);
  if (const auto* op = std::get_if<ConvolutionBackwardData>(&operation))
    return convolution(op->geometry);
  if (const auto* op = std::get_if<ConvolutionBackwardWeights>(&operation))
    return convolution(op->geometry);
  return 0.0;
}

}  // namespace troupe::gpu::nn
