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

  /// From any thread. If the actor is gone, or ends before its turn comes, `item` is let go.
  void push(T item) {
    {
      const std::lock_guard lock{mutex_};
      items_.push_back(std::move(item));
      if (items_.size() > 1) return;  // a turn is under way
    }
    post_([turn = std::make_shared<Turn>(this->shared_from_this())] { turn->take(); });
  }

 private:
  /// A turn that was asked for. What is taken along by an item may lead back to the Inbound, which then would keep itself
  /// alive; so a turn that never comes lets the items go.
  class Turn {
   public:
    explicit Turn(std::shared_ptr<Inbound> inbound) : inbound_{std::move(inbound)} {}
    ~Turn() {
      if (inbound_) inbound_->all();
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    void take() {
      const std::shared_ptr<Inbound> inbound = std::exchange(inbound_, nullptr);
      for (T& item : inbound->all()) inbound->take_(std::move(item));
    }

   private:
    std::shared_ptr<Inbound> inbound_;
  };

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
