#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/clock.hpp"

namespace troupe::runtime {

/// What is known of one actor.
struct ProcessRow {
  std::string path;  ///< in the tree: "/", "/train", "/train/loader"
  std::string type;  ///< of the registry, or "supervisor"
  std::string state;
  std::string node;
  std::int64_t pid = 0;  ///< of the operating system's process that it runs in; 0: not known
  std::uint64_t incarnation = 0;
  std::uint64_t mailbox_depth = 0;  ///< messages that wait
  std::uint64_t restarts = 0;
  std::string last_error = {};  ///< empty: none
  Duration uptime = {};         ///< of this incarnation

  bool operator==(const ProcessRow&) const = default;
};

/// The actors of a node or a cluster, as `troupe ps` shows them.
struct ProcessTable {
  std::vector<ProcessRow> rows;  ///< siblings in the order of their child specs

  bool operator==(const ProcessTable&) const = default;
};

/// {"rows": [{"path": …, "type": …, "state": …, "node": …, "pid": …, "incarnation": …, "mailbox_depth": …,
/// "restarts": …, "last_error": …, "uptime_ns": …}, …]}; what is not UTF-8 in a text is replaced.
std::string to_json(const ProcessTable& table);

/// Keys that it does not know are of a newer version, and passed over.
/// @throws Error corrupted naming the row and the field.
ProcessTable process_table_from_json(std::string_view json);

/// The table as text, a line a row below a line of titles, in aligned columns: children below their parent and
/// indented, siblings in the order given; a row without its parent's stands alone, with its whole path. The last
/// error comes last, and lines are cut to `width` columns with "…"; 0: none is. What a terminal would obey is escaped.
std::string render(const ProcessTable& table, std::size_t width);

}  // namespace troupe::runtime
