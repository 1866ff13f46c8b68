#pragma once

#include <memory>
#include <string>

#include "actors/deployer/feedback_sink.hpp"

namespace troupe::actors {

/// A sink that speaks to the actor of type `feedback` at `path` (serialization/schema/feedback.capnp).
///
/// Predictions go there in batches, one on its way at a time, while they are answered. What is said of one that is still
/// on its way waits for it, so that whoever has an answer may speak of it at once. Both queues are bounded: if the
/// feedback actor is away or full for long, the oldest predictions are given up, which the log tells, and further
/// feedback is let go. A label is the class's name, or else its number; label and rating together are invalid.
/// Predictions of models with other inputs than one of UINT8 or FP32 are not kept.
std::unique_ptr<FeedbackSink> make_feedback_link(runtime::Context& context,
                                                 const std::string& path);

}  // namespace troupe::actors
