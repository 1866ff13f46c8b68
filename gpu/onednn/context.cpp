#include "gpu/onednn/context.hpp"

#include <type_traits>
#include <variant>

#include "gpu/shape.hpp"
#include "runtime/base/error.hpp"

namespace troupe::gpu::onednn {
namespace {

std::string shape_of(const ConvolutionGeometry& g) {
  std::string text =
      to_string(Shape{g.rows, g.in_height, g.in_width, g.in_channels}) + " x " +
      to_string(Shape{g.out_channels, g.kernel_height, g.kernel_width, g.in_channels / g.groups});
  if (g.stride_height > 1 || g.stride_width > 1)
    text += " stride " + to_string(Shape{g.stride_height, g.stride_width});
  return text;
}

}  // namespace

std::string describe(const Operation& operation) {
  const std::string shape = std::visit(
      [](const auto& op) -> std::string {
        using Op = std::decay_t<decltype(op)>;
        if constexpr (requires { op.geometry; }) return shape_of(op.geometry);
        if constexpr (requires { op.in; })
          return to_string(Shape{op.rows, op.in}) + " x " + to_string(Shape{op.out, op.in});
        if constexpr (requires { op.count; }) return to_string(Shape{op.count, op.channels});
        if constexpr (std::is_same_v<Op, Softmax> || std::is_same_v<Op, SoftmaxBackward>)
          return to_string(Shape{op.rows, op.width});
        return {};
      },
      operation);
  return name_of(operation) + " " + shape;
}

void fail(const std::string& name, const std::string& attempt, dnnl_status_t status) {
  constexpr const char* meanings[] = {"success",       "out of memory", "invalid arguments",
                                      "unimplemented", "iterator ends", "runtime error",
                                      "not required"};
  const auto number = static_cast<unsigned>(status);
  const ErrorCode code = status == dnnl_out_of_memory   ? ErrorCode::exhausted
                         : status == dnnl_unimplemented ? ErrorCode::unsupported
                                                        : ErrorCode::bug;
  throw Error{code, "onednn: " + name + ": expected to " + attempt + ", got status " +
                        std::to_string(number) +
                        (number < std::size(meanings) ? std::string{", "} + meanings[number] : "")};
}

}  // namespace troupe::gpu::onednn
