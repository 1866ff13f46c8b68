#include "runtime/control/outbox.hpp"

#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include "runtime/control/protocol.hpp"

namespace troupe::runtime {

Bell::Bell() : event_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)} {
  if (!event_) throw_errno("control server: its event", errno);
}

void Bell::ring() const {
  const std::uint64_t one = 1;
  // It fails only if the count is full, and then it rings already.
  [[maybe_unused]] const auto written =
      uninterrupted([&] { return ::write(event_.get(), &one, sizeof(one)); });
}

void Bell::silence() const {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto got =
      uninterrupted([&] { return ::read(event_.get(), &count, sizeof(count)); });
}

Outbox::Outbox(std::shared_ptr<const Bell> bell, std::size_t limit_bytes)
    : bell_{std::move(bell)}, limit_bytes_{limit_bytes} {}

std::uint64_t Outbox::open() {
  const std::lock_guard lock{mutex_};
  open_ = true;
  stream_ = false;
  return ++last_request_;
}

bool Outbox::is_open(std::uint64_t request) const {
  const std::lock_guard lock{mutex_};
  return open_ && request == last_request_;
}

void Outbox::make_stream(std::uint64_t request) {
  const std::lock_guard lock{mutex_};
  if (open_ && request == last_request_) stream_ = true;
}

void Outbox::add(std::uint64_t request, const std::string& line) {
  {
    const std::lock_guard lock{mutex_};
    if (!open_ || request != last_request_) return;
    stream_ = true;
    append(line);
  }
  bell_->ring();
}

void Outbox::finish(std::uint64_t request, const std::string& line) {
  {
    const std::lock_guard lock{mutex_};
    if (!open_ || request != last_request_) return;
    open_ = false;
    append(line);
  }
  bell_->ring();
}

void Outbox::finish_open(const std::string& line) {
  const std::lock_guard lock{mutex_};
  if (!open_) return;
  open_ = false;
  append(line);
}

void Outbox::say(const std::string& line) {
  const std::lock_guard lock{mutex_};
  append(line);
}

void Outbox::close() {
  const std::lock_guard lock{mutex_};
  open_ = false;
  bytes_ = {};
  sent_ = 0;
}

Outbox::View Outbox::view() const {
  const std::lock_guard lock{mutex_};
  return {open_, stream_, sent_ < bytes_.size(), overflowed_};
}

Outbox::Sent Outbox::send(const FileDescriptor& socket) {
  const std::lock_guard lock{mutex_};
  const std::size_t size = bytes_.size() - sent_;
  if (size == 0) return {0, false, false};
  const auto result = uninterrupted([&] {
    return ::send(socket.get(), bytes_.data() + sent_, size, MSG_NOSIGNAL | MSG_DONTWAIT);
  });
  if (result < 0) return {0, true, errno != EAGAIN && errno != EWOULDBLOCK};
  const auto bytes = static_cast<std::size_t>(result);
  sent_ += bytes;
  if (sent_ == bytes_.size()) {
    bytes_ = {};
    sent_ = 0;
  }
  return {bytes, bytes < size, false};
}

/// An answer that could never be kept is told as such; a reader that lets less pile up is to blame itself.
void Outbox::append(const std::string& line) {
  if (overflowed_) return;
  if (line.size() > limit_bytes_) {
    const std::string error =
        error_line("the answer has a line of " + std::to_string(line.size()) + " bytes, at most " +
                   std::to_string(limit_bytes_) + " can be sent");
    open_ = false;
    if (error.size() <= limit_bytes_) return append(error);
  }
  // What is sent is taken off only once it is the larger part, so that each byte moves once or less.
  if (sent_ > bytes_.size() / 2) bytes_.erase(0, std::exchange(sent_, 0));
  if (bytes_.size() - sent_ + line.size() > limit_bytes_) {
    overflowed_ = true;
    open_ = false;
    bytes_ = {};
    sent_ = 0;
    return;
  }
  bytes_ += line;
}

}  // namespace troupe::runtime
