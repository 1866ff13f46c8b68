#include "gpu/onednn/call.hpp"

#include "gpu/onednn/primitive_descs.hpp"

namespace troupe::gpu::onednn {

Call::Call(const Context& context, const dnnl::primitive& primitive,
           const dnnl::memory::desc& scratchpad)
    : context_{&context}, primitive_{primitive} {
  if (scratchpad.get_size() > 0) own(DNNL_ARG_SCRATCHPAD, OwnMemory{context, scratchpad});
}

void Call::add(int argument, const dnnl::memory& memory) {
  memories_.push_back(memory);
  arguments_.push_back({argument, memory.get()});
}

Call& Call::operand(int argument, const dnnl::memory::desc& desc, int index) {
  add(argument, dnnl::memory{desc, context_->engine, DNNL_MEMORY_NONE});
  bound_.emplace_back(memories_.back().get(), index);
  return *this;
}

Call& Call::own(int argument, const OwnMemory& memory) {
  owned_.push_back(memory);
  add(argument, memory.memory());
  return *this;
}

void Call::run(const Recipe& recipe, void* const* operands) const {
  // The C interface: that of C++ builds a hash map for each execution.
  for (const auto& [memory, index] : bound_) {
    const dnnl_status_t status = dnnl_memory_set_data_handle(memory, operands[index]);
    if (status != dnnl_success) fail(recipe.name, "bind operand " + std::to_string(index), status);
  }
  const dnnl_status_t status =
      dnnl_primitive_execute(primitive_.get(), context_->stream.get(),
                             static_cast<int>(arguments_.size()), arguments_.data());
  if (status != dnnl_success) fail(recipe.name, "be executed", status);
}

Call reorder_in(const Context& context, const dnnl::memory::desc& from, int operand,
                const OwnMemory& to) {
  const auto desc = reorder_desc(context.engine, from, to.memory().get_desc());
  Call call{context, dnnl::reorder{desc}, desc};
  call.operand(DNNL_ARG_FROM, from, operand).own(DNNL_ARG_TO, to);
  return call;
}

Call reorder_out(const Context& context, const OwnMemory& from, const dnnl::memory::desc& to,
                 int operand) {
  const auto desc = reorder_desc(context.engine, from.memory().get_desc(), to);
  Call call{context, dnnl::reorder{desc}, desc};
  call.own(DNNL_ARG_FROM, from).operand(DNNL_ARG_TO, to, operand);
  return call;
}

void CallKernel::run(void* const* operands) {
  use_threads(recipe_.threads);
  for (const Call& call : calls_) call.run(recipe_, operands);
}

}  // namespace troupe::gpu::onednn
