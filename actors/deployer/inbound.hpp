#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace troupe::runtime {
class Context;
}

namespace troupe::actors {

/// Hands a closure to an actor, to be run as one of its turns; false: it is gone. Called from any thread.
using PostTurn = std::function<bool(std::function<void()>)>;

/// For the actor that the context belongs to; asked for in its constructor or later.
PostTurn turns_of(runtime::Context& context);

/// What threads have for an actor: many things in one turn. Its bound is that of what is pushed.
template <class T>
class Inbound : public std::enable_shared_from_this<Inbound<T>> {
 public:
  /// `take` is called in the actor's turns.
  Inbound(PostTurn post, std::function<void(T)> take)
      : post_{std::move(post)}, take_{std::move(take)} {}

  /// From any thread. If the actor is gone, `item` is let go.
  void push(T item) {
    {
      const std::lock_guard lock{mutex_};
      items_.push_back(std::move(item));
      if (items_.size() > 1) return;  // a turn is under way
    }
    if (!post_([self = this->shared_from_this()] { self->turn(); })) let_go();
  }

 private:
  void turn() {
    for (T& item : all()) take_(std::move(item));
  }
  void let_go() { all(); }
  std::vector<T> all() {
    const std::lock_guard lock{mutex_};
    return std::exchange(items_, {});
  }

  const PostTurn post_;
  const std::function<void(T)> take_;
  std::mutex mutex_;
  std::vector<T> items_;
};

}  // namespace troupe::actors
