#pragma once

#include <cstdint>
#include <string>

namespace troupe::actors {

/// 128 random bits of the system as 32 lower-case hexadecimal digits: nobody guesses it, and it comes once, whatever
/// is restarted. Any thread may call it.
std::string new_prediction_id();

/// The id of one row of a prediction: its own if it has one row, else with ".ROW" behind it.
std::string row_prediction_id(const std::string& id, std::int64_t row, std::int64_t count);

}  // namespace troupe::actors
