#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace troupe::runtime {
class Context;
}

namespace troupe::actors {

struct ServableInfo;

/// One row that was predicted.
struct PredictionRecord {
  const ServableInfo* info = nullptr;  ///< of the version; lives as long as the call that takes it
  std::string id;
  std::string version;
  std::vector<std::byte> inputs;  ///< a row as in servable.hpp
  std::vector<float> outputs;
};

/// What somebody says of a prediction: a label, a rating, or both.
struct Feedback {
  std::string id;
  std::optional<std::string> label;
  std::optional<double> rating;
};

enum class FeedbackResult : std::uint8_t {
  ok,  ///< it is stored, perhaps since before
  unknown,
  repeated,  ///< another one is
  invalid,
  later  ///< it cannot be stored now: the client is asked to come again
};

/// Takes what was predicted and what is said of it. Called in the deployer's turns only.
class FeedbackSink {
 public:
  using Done = std::function<void(FeedbackResult, const std::string& why)>;

  virtual ~FeedbackSink() = default;
  /// Before the predictions are answered.
  virtual void record(std::vector<PredictionRecord> predictions) = 0;
  /// `done` is called once, in one of the deployer's turns; if it is let go, the client is asked to come again.
  virtual void feedback(Feedback feedback, Done done) = 0;
};

/// Makes the sink that speaks to the actor at `path`.
using MakeFeedbackSink =
    std::function<std::unique_ptr<FeedbackSink>(runtime::Context&, const std::string& path)>;

}  // namespace troupe::actors
