#pragma once

#include <cstddef>
#include <memory>
#include <utility>

#include "gpu/cuda/node.hpp"

namespace troupe::gpu::cuda {

/// See node_of.
template <class Body>
class BodyNode final : public Node {
 public:
  BodyNode(std::size_t scratch_bytes, Body body)
      : scratch_bytes_{scratch_bytes}, body_{std::move(body)} {}
  std::size_t scratch_bytes() const override { return scratch_bytes_; }
  void enqueue(StreamHandle stream, void* const* operands, void* scratch) override {
    body_(stream, operands, scratch);
  }

 private:
  std::size_t scratch_bytes_;
  Body body_;
};

/// A node that does what `body(stream, operands, scratch)` does.
template <class Body>
std::unique_ptr<Node> node_of(std::size_t scratch_bytes, Body body) {
  return std::make_unique<BodyNode<Body>>(scratch_bytes, std::move(body));
}

}  // namespace troupe::gpu::cuda
