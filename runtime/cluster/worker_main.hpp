#pragma once

#include <optional>

namespace troupe::runtime {

class Registry;

/// To be called first in main, after the registry was filled and before any thread was started:
///
///     if (const auto worker = runtime::worker_main(argc, argv, registry)) return *worker;
///
/// If this process was started as a worker, becomes it, and returns the exit code at its end. Otherwise returns nothing
/// at once, and the registry knows that actors may have processes of their own (`isolation: process`).
std::optional<int> worker_main(int argc, const char* const* argv, Registry& registry);

}  // namespace troupe::runtime
