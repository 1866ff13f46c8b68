#include "gpu/transform/image.hpp"

#include <numbers>

using namespace troupe::gpu;

namespace {
using Image = std::vector<float>;

Image resampled(Image image, const ImageSize& size, const Affine& map) {
  // Rubbish in the source must not show.
  std::vector<float> source(resample_source_size(size), 99.0F);
  resample(image, size, map, source);
  return image;
}

const ImageSize three{Shape{3, 3, 1}};
const Image numbers = {1, 2, 3,  //
                       4, 5, 6,  //
                       7, 8, 9};

/// Bilinear interpolation in f64, straight from its definition.
double reference(const Image& image, const ImageSize& size, double x, double y, std::int64_t c) {
  const auto at = [&](double column, double line) {
    const bool inside = column >= 0 && line >= 0 && column < static_cast<double>(size.width) &&
                        line < static_cast<double>(size.height);
    const auto pixel =
        static_cast<std::int64_t>(line) * size.width + static_cast<std::int64_t>(column);
    return inside ? double{image[static_cast<std::size_t>(pixel * size.channels + c)]} : 0.0;
  };
  const double left = std::floor(x);
  const double top = std::floor(y);
  const double part_x = x - left;
  const double part_y = y - top;
  return (1 - part_y) * ((1 - part_x) * at(left, top) + part_x * at(left + 1, top)) +
         part_y * ((1 - part_x) * at(left, top + 1) + part_x * at(left + 1, top + 1));
}
}  // namespace

TEST_CASE("resample: a shift by whole pixels moves them exactly and leaves zeros") {
  CHECK(resampled(numbers, three, Affine::shift(0, 0)) == numbers);
  CHECK(resampled(numbers, three, Affine::shift(1, 0)) == Image{0, 1, 2, 0, 4, 5, 0, 7, 8});
  CHECK(resampled(numbers, three, Affine::shift(0, -2)) == Image{7, 8, 9, 0, 0, 0, 0, 0, 0});
  CHECK(resampled(numbers, three, Affine::shift(-3, 0)) == Image(9));
  CHECK(resampled(numbers, three, Affine::shift(4096, -4096)) == Image(9));
}

TEST_CASE("resample: a shift by half a pixel takes the mean of neighbours") {
  CHECK(resampled(numbers, three, Affine::shift(0.5, 0)) ==
        Image{0.5, 1.5, 2.5, 2, 4.5, 5.5, 3.5, 7.5, 8.5});
  CHECK(resampled(numbers, three, Affine::shift(0, -0.25)) ==
        Image{1.75, 2.75, 3.75, 4.75, 5.75, 6.75, 5.25, 6, 6.75});
}

TEST_CASE("resample: turns counter-clockwise about the centre") {
  const Image quarter = resampled(numbers, three, rotation(std::numbers::pi / 2, three));
  const Image half = resampled(numbers, three, rotation(std::numbers::pi, three));
  const Image expected_quarter = {3, 6, 9, 2, 5, 8, 1, 4, 7};
  for (std::size_t i = 0; i < 9; ++i) {
    CHECK(quarter[i] == doctest::Approx(expected_quarter[i]));  // pi / 2 is rounded
    CHECK(half[i] == doctest::Approx(numbers[8 - i]));
  }
  CHECK(resampled(numbers, three, rotation(0, three)) == numbers);
}

TEST_CASE("resample: agrees with interpolation in f64 for odd sizes, channels and any map") {
  for (const std::int64_t channels : {1, 2, 3, 5}) {
    const ImageSize size{Shape{13, 7, channels}};
    Image image(size.elements());
    for (std::size_t i = 0; i < image.size(); ++i)
      image[i] = static_cast<float>(i * 7919 % 101) / 101;
    for (const double radians : {0.1, -0.7, 2.0, 3.1}) {
      const Affine map = rotation(radians, size).then(Affine::shift(1.3, -0.6));
      const Image moved = resampled(image, size, map);
      double worst = 0;
      for (std::int64_t y = 0; y < 13; ++y) {
        for (std::int64_t x = 0; x < 7; ++x) {
          const auto px = static_cast<double>(x);
          const auto py = static_cast<double>(y);
          const double from_x = map.xx * px + map.xy * py + map.x0;
          const double from_y = map.yx * px + map.yy * py + map.y0;
          for (std::int64_t c = 0; c < channels; ++c) {
            const auto i = static_cast<std::size_t>((y * 7 + x) * channels + c);
            worst = std::max(worst, std::abs(moved[i] - reference(image, size, from_x, from_y, c)));
          }
        }
      }
      CHECK(worst < 1e-6);  // a few roundings of f32 at values below 1
    }
  }
}

TEST_CASE("Affine: a map after another is one map") {
  const ImageSize size{Shape{5, 5, 1}};
  Image dot(25);
  dot[12] = 1;  // the centre
  // Turned about the centre it stays; then it moves right.
  const Affine map = rotation(1.0, size).then(Affine::shift(2, 0));
  CHECK(resampled(dot, size, map)[14] == doctest::Approx(1));
  // Moved right, then turned by a quarter counter-clockwise: it is above the centre.
  const Affine other = Affine::shift(2, 0).then(rotation(std::numbers::pi / 2, size));
  CHECK(resampled(dot, size, other)[2] == doctest::Approx(1));
}

TEST_CASE("flip: mirrors whole pixels") {
  const ImageSize size{Shape{2, 3, 2}};
  Image image = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  flip_horizontal(image, size);
  CHECK(image == Image{5, 6, 3, 4, 1, 2, 11, 12, 9, 10, 7, 8});
  flip_vertical(image, size);
  CHECK(image == Image{11, 12, 9, 10, 7, 8, 5, 6, 3, 4, 1, 2});
  Image middle = numbers;
  flip_vertical(middle, three);
  CHECK(middle == Image{7, 8, 9, 4, 5, 6, 1, 2, 3});
}

TEST_CASE("crop: takes a window, with zeros where it leaves the image") {
  const ImageSize two{Shape{2, 2, 1}};
  Image window(4, 99.0F);
  crop(numbers, three, 1, 1, window, two);
  CHECK(window == Image{5, 6, 8, 9});
  crop(numbers, three, -1, 2, window, two);
  CHECK(window == Image{0, 0, 3, 0});
  crop(numbers, three, 3, -2, window, two);
  CHECK(window == Image{0, 0, 0, 0});
  Image large(25, 99.0F);
  crop(numbers, three, -1, -1, large, ImageSize{Shape{5, 5, 1}});
  CHECK(large == Image{0, 0, 0, 0, 0, 0, 1, 2, 3, 0, 0, 4, 5, 6, 0, 0, 7, 8, 9, 0, 0, 0, 0, 0, 0});
}

TEST_CASE("cut_out: zeroes the part of a square that is in the image") {
  Image image = numbers;
  cut_out(image, three, 1, 1, 1);
  CHECK(image == Image{1, 2, 3, 4, 0, 6, 7, 8, 9});
  cut_out(image, three, -1, 1, 3);
  CHECK(image == Image{1, 0, 0, 4, 0, 0, 7, 8, 9});
  cut_out(image, three, 3, 0, 2);
  CHECK(image == Image{1, 0, 0, 4, 0, 0, 7, 8, 9});
}
