#pragma once

#include <optional>

#include "serialization/formats/idx.hpp"

namespace troupe::test {

/// 28x28 u8 images and their u8 labels, 0 to 9.
struct MnistPart {
  serialization::IdxDataset images;
  serialization::IdxDataset labels;
};

struct Mnist {
  MnistPart train;  ///< 60,000
  MnistPart test;   ///< 10,000
};

/// MNIST out of TROUPE_DATA; nothing where that has no MNIST. @throws Error for files that are broken.
std::optional<Mnist> find_mnist();

}  // namespace troupe::test
