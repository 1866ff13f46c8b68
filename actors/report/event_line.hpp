#pragma once

#include <string>

#include "actors/report/job_event.hpp"

namespace troupe::actors {

/// What happened, as one line that people read, such as "test after step 370: accuracy 0.975, loss 0.3". Whatever texts
/// the event carries, a terminal only shows them and never obeys.
std::string event_line(const JobEvent& event);

/// "records", "steps", "rows", …: what a stage counts.
std::string_view unit_of(Stage stage);

}  // namespace troupe::actors
