// An application that trains on data of its own, and predicts with what it trained, all in its own process. Built by what
// pkg-config says of troupe-actors:
//   c++ train.cpp -o train $(pkg-config --cflags --libs troupe-actors)
#include <cstdio>

#include "actors/loader/raw_source.hpp"
#include "actors/model/predictor.hpp"
#include "actors/pipeline/pipeline.hpp"
#include "actors/pipeline/roles.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/math.hpp"
#include "runtime/base/random.hpp"
#include "runtime/cluster/worker_main.hpp"
#include "runtime/registry.hpp"

using namespace troupe;
using namespace troupe::actors;

// Two spirals that wind around each other, one a class. Any loader may read any record, at any time and as often as it
// likes: a record is a function of its number, so what is random comes from a keyed generator.
class Spirals final : public RawSource {
 public:
  Spirals(std::int64_t points, double noise, std::int64_t seed)
      : points_{static_cast<std::uint64_t>(points)},
        noise_{noise},
        seed_{static_cast<std::uint64_t>(seed)} {}
  std::uint64_t size() const override { return points_; }
  const gpu::Shape& shape() const override { return shape_; }
  const std::string& name() const override { return name_; }
  void read(std::uint64_t i, RawRecord& record) const override {
    const Draws draws{seed_, i, Purpose::augment, 0};
    const double angle = 0.5 + 6.0 * draws.uniform53(0);  // radians, two thirds of a turn and more
    const double turn = i % 2 == 0 ? 0.0 : 3.141592653589793;
    record.features[0] =
        point(angle * math::cos(angle + turn) / 6.5 + noise_ * (draws.uniform53(1) - 0.5));
    record.features[1] =
        point(angle * math::sin(angle + turn) / 6.5 + noise_ * (draws.uniform53(2) - 0.5));
    record.label = static_cast<double>(i % 2);
  }

 private:
  static float point(double value) { return static_cast<float>(value); }
  std::uint64_t points_;
  double noise_;
  std::uint64_t seed_;
  gpu::Shape shape_{2};
  std::string name_ = "spirals";
};

int main(int argc, char** argv) try {
  // What stands under data.train and data.test is read here, with the problems told by line; the records are opened later,
  // by the job's own loaders. Cleaning, splits, transforms, batches and their audit are those of every job.
  const DataFormats formats = {{"spirals", [](SpecReader& set, const std::string&) {
                                  const auto points = set.integer("points", {}, 1, 1 << 20);
                                  const double noise = set.number("noise", 0.0, 0.0, 1.0);
                                  const auto seed = set.integer("seed", 0, 0, 1 << 30);
                                  return [=] {
                                    return std::make_unique<Spirals>(points, noise, seed);
                                  };
                                }}};
  runtime::Registry registry;
  add_roles(registry, formats);
  // With this, actors of the tree may have processes of their own: train: {isolation: process}.
  if (const auto worker = runtime::worker_main(argc, argv, registry)) return *worker;

  Pipeline pipeline = Pipeline::from_yaml(argc > 1 ? argv[1] : "train.yaml", registry);
  pipeline.observe([](const TimedEvent& event) {
    if (const auto* measured = std::get_if<Evaluated>(&event.event))
      std::printf("step %llu, %s: %s %.3f\n", static_cast<unsigned long long>(measured->step),
                  measured->split.c_str(), measured->metrics.front().first.c_str(),
                  measured->metrics.front().second);
  });
  // stop() may end it early, from any thread; it saves then, and `resume` among the options goes on.
  const RunResult result = pipeline.run();
  if (!result.ok) return std::printf("%s\n", result.reason.c_str()), 1;

  Predictor predictor = Predictor::load(result.checkpoint);
  const Spirals fresh{1000, 0.02, 99};
  RawRecord record;
  record.features.resize(2);
  int right = 0;
  for (std::uint64_t i = 0; i < fresh.size(); ++i) {
    fresh.read(i, record);
    if (predictor.predict_class(record.features)[0] == static_cast<std::int64_t>(record.label))
      ++right;
  }
  std::printf("%s: right about %d of 1000 new points\n", result.state_hash.c_str(), right);
  return right >= 950 ? 0 : 1;
} catch (const Error& error) {
  return std::printf("%s\n", error.what()), 2;
}
