#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace troupe::runtime {

/// How an actor came to its end.
enum class ExitKind : std::uint8_t {
  normal,    ///< it said so itself: its work is done
  shutdown,  ///< its supervisor asked it to
  failed,    ///< an exception left a handler or the constructor
  killed,    ///< ended hard: past a deadline, by an operator, by a fault that was injected
  lost,      ///< its process or node is gone
};

std::string_view to_string(ExitKind kind);

/// An actor's end, as those that watch it are told.
struct Exit {
  ExitKind kind = ExitKind::normal;
  std::string reason = {};  ///< one line; what an exception said, a signal's name ("SIGSEGV"), …

  /// Nobody wanted it: a transient child is started again.
  bool abnormal() const { return kind != ExitKind::normal && kind != ExitKind::shutdown; }
};

/// "killed: SIGSEGV", or the kind alone.
std::string to_string(const Exit& exit);

}  // namespace troupe::runtime
