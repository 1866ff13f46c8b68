#include "tests/reference/arguments.hpp"

#include <algorithm>
#include <cstring>
#include <memory>

#include "gpu/kernel.hpp"
#include "runtime/base/float_environment.hpp"
#include "tests/support/doctest_std.hpp"

namespace troupe::test::reference {
namespace {

constexpr std::byte guard{0xFF};  // four of them are a NaN

bool all_are(const std::byte* begin, std::size_t size, std::byte wanted) {
  return std::all_of(begin, begin + size, [wanted](std::byte b) { return b == wanted; });
}

}  // namespace

void Arguments::add(std::span<const std::byte> content, Kind kind) {
  operands_.push_back(blocks_.size());
  blocks_.push_back({allocate_operand(content.size() + 2 * guard_bytes),
                     content.size(),
                     kind,
                     {content.begin(), content.end()}});
}

std::vector<std::byte> Arguments::bytes_of(const Values& values, gpu::DType type) {
  std::vector<std::byte> bytes(values.size() * size_bytes(type));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto value = static_cast<float>(values[i]);
    const std::uint16_t half = gpu::to_bf16(value);
    if (type == gpu::DType::f32)
      std::memcpy(bytes.data() + i * sizeof value, &value, sizeof value);
    else
      std::memcpy(bytes.data() + i * sizeof half, &half, sizeof half);
  }
  return bytes;
}

Values Arguments::values(std::size_t index, gpu::DType type) const {
  Values values;
  if (type == gpu::DType::f32) {
    const auto floats = get(index);
    values.assign(floats.begin(), floats.end());
  } else {
    for (const std::uint16_t half : get<std::uint16_t>(index))
      values.push_back(static_cast<double>(gpu::from_bf16(half)));
  }
  return values;
}

void Arguments::reset(std::byte unwritten) {
  for (const Block& block : blocks_) {
    std::memset(block.memory->data(), static_cast<int>(guard), block.memory->size_bytes());
    if (block.size == 0) continue;
    std::byte* const operand = block.memory->data() + guard_bytes;
    if (block.kind == Kind::output) {
      std::memset(operand, static_cast<int>(unwritten), block.size);
    } else {
      std::memcpy(operand, block.before.data(), block.size);
    }
  }
}

void Arguments::check_guards_and_inputs(const std::string& label) const {
  for (std::size_t i = 0; i < operands_.size(); ++i) {
    const Block& block = blocks_[operands_[i]];
    const std::byte* const operand = block.memory->data() + guard_bytes;
    if (!all_are(block.memory->data(), guard_bytes, guard)) {
      FAIL_CHECK(label << ": operand " << i << ": written before its begin");
    }
    if (!all_are(operand + block.size, guard_bytes, guard)) {
      FAIL_CHECK(label << ": operand " << i << ": written past its end");
    }
    if (block.kind == Kind::input &&
        !std::equal(block.before.begin(), block.before.end(), operand)) {
      FAIL_CHECK(label << ": operand " << i << ": an input was changed");
    }
  }
}

std::vector<std::vector<std::byte>> Arguments::written() const {
  std::vector<std::vector<std::byte>> contents;
  for (std::size_t i = 0; i < operands_.size(); ++i) {
    const auto bytes = get<std::byte>(i);
    contents.emplace_back(bytes.begin(), bytes.end());
  }
  return contents;
}

bool Arguments::run(const Subject& subject, const gpu::Operation& operation,
                    const std::string& label) {
  const std::unique_ptr<gpu::Kernel> kernel = subject.kernels.make(operation, {});
  if (!kernel) {
    if (subject.complete) FAIL_CHECK(label << ": there is no kernel");
    return false;
  }
  std::vector<void*> addresses;
  for (const std::size_t block : operands_) {
    addresses.push_back(blocks_[block].memory->data() + guard_bytes);
  }

  const FloatEnvironment environment;
  reset(std::byte{0x00});
  kernel->run(addresses.data());
  check_guards_and_inputs(label);
  const auto first = written();
  // What the first run left unwritten is now another value.
  reset(std::byte{0xFF});
  kernel->run(addresses.data());
  check_guards_and_inputs(label);
  CHECK_MESSAGE(written() == first, label << ": a second run gives other bits");
  return true;
}

}  // namespace troupe::test::reference
