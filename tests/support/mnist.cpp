#include "tests/support/mnist.hpp"

#include <string>

#include "tests/support/data.hpp"

namespace troupe::test {

namespace {
std::optional<MnistPart> find_part(const std::string& prefix) {
  const auto images = find_data("mnist/" + prefix + "-images-idx3-ubyte.gz");
  const auto labels = find_data("mnist/" + prefix + "-labels-idx1-ubyte.gz");
  if (!images || !labels) return std::nullopt;
  MnistPart part{serialization::IdxDataset{*images}, serialization::IdxDataset{*labels}};
  check_paired(part.images, part.labels);
  return part;
}
}  // namespace

std::optional<Mnist> find_mnist() {
  auto train = find_part("train");
  auto test = find_part("t10k");
  if (!train || !test) return std::nullopt;
  return Mnist{std::move(*train), std::move(*test)};
}

}  // namespace troupe::test
