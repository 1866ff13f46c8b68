#pragma once

#include <cstddef>
#include <mutex>
#include <utility>
#include <vector>

#include "runtime/actor/envelope.hpp"
#include "runtime/actor/mailbox.hpp"

namespace troupe::test {

/// Keeps what is pushed, and nobody handles it. Thread-safe.
class FakeMailbox final : public runtime::Mailbox {
 public:
  void push(runtime::Envelope&& envelope) override {
    const std::lock_guard lock{mutex_};
    envelopes_.push_back(std::move(envelope));
  }
  std::size_t depth() const override {
    const std::lock_guard lock{mutex_};
    return envelopes_.size();
  }
  void kill() override {}

  std::vector<runtime::Envelope> take() {
    const std::lock_guard lock{mutex_};
    return std::exchange(envelopes_, {});
  }

 private:
  mutable std::mutex mutex_;
  std::vector<runtime::Envelope> envelopes_;
};

}  // namespace troupe::test
