#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "gpu/operation.hpp"
#include "gpu/tensor.hpp"
#include "tests/reference/libraries.hpp"
#include "tests/reference/values.hpp"

namespace troupe::test::reference {

/// The operands of one kernel, in the order in which they are added. Each lies at 64 bytes in a block of its own,
/// between guards that would read as NaN; run() finds writes to a guard or an input, outputs that are not written
/// in full, and results that change when the kernel runs again.
class Arguments {
 public:
  /// An input of f32 or bf16, or of any other type.
  void in(const Values& values, gpu::DType type = gpu::DType::f32) {
    add(bytes_of(values, type), Kind::input);
  }
  template <class T>
  void in(std::span<const T> values) {
    add(std::as_bytes(values), Kind::input);
  }
  template <class T>
  void in(const std::vector<T>& values) {
    in(std::span<const T>{values});
  }
  /// An output of `elements`.
  template <class T = float>
  void out(std::size_t elements) {
    add(std::vector<std::byte>(elements * sizeof(T), std::byte{0xFF}), Kind::output);
  }
  void out(std::size_t elements, gpu::DType type) {
    add(std::vector<std::byte>(elements * size_bytes(type), std::byte{0xFF}), Kind::output);
  }
  /// An output of which the kernel may leave parts as they are.
  void out_over(std::span<const std::byte> before) { add(before, Kind::partial); }
  /// Bytes whose meaning is the kernel's own, such as a workspace.
  void scratch(std::size_t bytes) {
    add(std::vector<std::byte>(bytes, std::byte{0xFF}), Kind::partial);
  }
  /// An input that the output will lie upon: out_at() with its place in the list says where the output stands.
  void in_place(const Values& values, gpu::DType type = gpu::DType::f32) {
    add(bytes_of(values, type), Kind::partial);
  }
  void out_at(std::size_t operand) { operands_.push_back(operands_[operand]); }

  /// Runs it twice under FloatEnvironment (JOB-6). False where the library has no kernel for it, which a complete
  /// one may not say.
  bool run(const Subject& subject, const gpu::Operation& operation, const std::string& label);

  /// What the operand at `index` of the kernel's list holds after run().
  template <class T = float>
  std::span<const T> get(std::size_t index) const {
    const Block& block = blocks_[operands_[index]];
    return {reinterpret_cast<const T*>(block.memory->data() + guard_bytes), block.size / sizeof(T)};
  }

  /// The same of f32 or bf16.
  Values values(std::size_t index, gpu::DType type) const;

 private:
  static std::vector<std::byte> bytes_of(const Values& values, gpu::DType type);

  static constexpr std::size_t guard_bytes = 128;
  enum class Kind { input, output, partial };
  struct Block {
    std::shared_ptr<gpu::Storage> memory;  ///< guard, operand, guard
    std::size_t size;
    Kind kind;
    std::vector<std::byte> before;  ///< what the operand holds when a run starts
  };

  void add(std::span<const std::byte> content, Kind kind);
  void reset(std::byte unwritten);
  void check_guards_and_inputs(const std::string& label) const;
  std::vector<std::vector<std::byte>> written() const;

  std::vector<Block> blocks_;
  std::vector<std::size_t> operands_;  ///< index of the block, in the kernel's order
};

}  // namespace troupe::test::reference
