#include "runtime/control/control_answer.hpp"

#include <string>
#include <utility>

#include "runtime/control/outbox.hpp"
#include "runtime/control/protocol.hpp"

namespace troupe::runtime {

struct ControlAnswer::Ticket {
  Ticket(std::shared_ptr<Outbox> outbox_in, std::uint64_t request_in)
      : outbox{std::move(outbox_in)}, request{request_in} {}
  Ticket(const Ticket&) = delete;
  Ticket& operator=(const Ticket&) = delete;
  ~Ticket() { outbox->finish(request, error_line("the node dropped the request")); }

  const std::shared_ptr<Outbox> outbox;
  const std::uint64_t request;
};

ControlAnswer::ControlAnswer(std::shared_ptr<Outbox> outbox, std::uint64_t request)
    : ticket_{std::make_shared<Ticket>(std::move(outbox), request)} {}

void ControlAnswer::ok(std::string_view json) {
  ticket_->outbox->finish(ticket_->request, ok_line(json));
}

void ControlAnswer::error(std::string_view text) {
  ticket_->outbox->finish(ticket_->request, error_line(text));
}

void ControlAnswer::stream() {
  ticket_->outbox->make_stream(ticket_->request);
}

void ControlAnswer::line(std::string_view json) {
  ticket_->outbox->add(ticket_->request, stream_line(json));
}

void ControlAnswer::end() {
  ticket_->outbox->finish(ticket_->request, end_line());
}

bool ControlAnswer::alive() const {
  return ticket_->outbox->is_open(ticket_->request);
}

}  // namespace troupe::runtime
