#pragma once

#include <string_view>

namespace troupe::runtime {
class Registry;
}

namespace troupe::actors {

/// The actor that learns from what happens after deployment: it keeps predictions and what is said of them
/// (feedback_store.hpp), watches accuracy and drift (feedback_monitor.hpp), and says when to train again. What it hears
/// stands in serialization/schema/feedback.capnp.
///
/// - FEED-1: it answers when what it was told is on the disk. What waits meanwhile is one transaction, so one wait.
/// - FEED-2: what waits is bounded in number and bytes; more is refused at once, and nothing of it is kept.
/// - FEED-3: a trigger is on the disk before anybody hears of it, and is asked of the coordinator until it answers, after a
///   restart too.
///
/// A full disk refuses, and the actor goes on; a damaged store ends it.
inline constexpr std::string_view feedback_type = "feedback";

/// Registers the type `feedback`. @throws Error bad_input if the name is taken.
void add_feedback_types(runtime::Registry& registry);

}  // namespace troupe::actors
