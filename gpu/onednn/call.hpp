#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <oneapi/dnnl/dnnl.hpp>

#include "gpu/kernel.hpp"
#include "gpu/onednn/context.hpp"
#include "gpu/tensor.hpp"

namespace troupe::gpu::onednn {

/// 64-byte aligned memory of a kernel's own: alignment decides how oneDNN peels its loops.
class OwnMemory {
 public:
  OwnMemory(const Context& context, const dnnl::memory::desc& desc)
      : storage_{allocate_host(desc.get_size())}, memory_{desc, context.engine, storage_->data()} {}
  const dnnl::memory& memory() const { return memory_; }

 private:
  std::shared_ptr<Storage> storage_;
  dnnl::memory memory_;
};

/// One execution of one primitive, its arguments prepared once.
class Call {
 public:
  /// Of a primitive descriptor with user-managed scratchpad, or of a reorder.
  template <class PrimitiveDesc>
  Call(const Context& context, const dnnl::primitive& primitive, const PrimitiveDesc& desc)
      : Call{context, primitive, desc.scratchpad_desc()} {}
  Call(const Context& context, const dnnl::primitive& primitive,
       const dnnl::memory::desc& scratchpad);

  /// The address is operand `index` of each run.
  Call& operand(int argument, const dnnl::memory::desc& desc, int index);
  /// The argument is `memory` in all runs.
  Call& own(int argument, const OwnMemory& memory);
  void run(const Recipe& recipe, void* const* operands) const;

 private:
  void add(int argument, const dnnl::memory& memory);

  const Context* context_;
  dnnl::primitive primitive_;
  std::vector<dnnl::memory> memories_;
  std::vector<OwnMemory> owned_;
  std::vector<dnnl_exec_arg_t> arguments_;
  std::vector<std::pair<dnnl_memory_t, int>> bound_;
};

/// A copy from one layout into another. Exactly one side is an operand, the other the kernel's.
Call reorder_in(const Context& context, const dnnl::memory::desc& from, int operand,
                const OwnMemory& to);
Call reorder_out(const Context& context, const OwnMemory& from, const dnnl::memory::desc& to,
                 int operand);

/// Calls in order.
class CallKernel : public Kernel {
 public:
  CallKernel(Recipe recipe, std::vector<Call> calls)
      : recipe_{std::move(recipe)}, calls_{std::move(calls)} {}
  void run(void* const* operands) override;

 private:
  Recipe recipe_;
  std::vector<Call> calls_;
};

}  // namespace troupe::gpu::onednn
