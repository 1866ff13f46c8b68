#pragma once

#include <string>

namespace troupe::actors {

// Numbers as people read them; no locale changes them.

/// Four significant digits: "0.975", "1e-05", "nan".
std::string short_number(double value);
/// Three significant digits and a thousand's letter: "950", "12.3k", "4.56M".
std::string short_count(double value);
/// "12.3 s", "2:05", "1:02:05"; "-" if it is not finite or below 0.
std::string short_duration(double seconds);

}  // namespace troupe::actors
