#include "runtime/control/process_table.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "runtime/base/error.hpp"
#include "runtime/control/printable.hpp"

namespace troupe::runtime {
namespace {

using nlohmann::json;

/// A row's fields, each checked, with an error that names row and field.
class RowReader {
 public:
  RowReader(const json& row, std::size_t index) : row_{row}, index_{index} {
    if (!row.is_object()) fail("", "an object", row);
  }

  std::string text(const char* key) const {
    const json& value = field(key);
    if (!value.is_string()) fail(key, "a string", value);
    return value.get<std::string>();
  }

  template <class Integer>
  Integer integer(const char* key) const {
    const json& value = field(key);
    // Counts that are read as signed ones would wrap; beyond 2^63 - 1 there is none here.
    const bool fits = value.is_number_integer() && value >= 0 &&
                      value.get<std::uint64_t>() <= std::uint64_t{INT64_MAX};
    if (!fits) fail(key, "an integer from 0 to 2^63 - 1", value);
    return static_cast<Integer>(value.get<std::uint64_t>());
  }

 private:
  const json& field(const char* key) const {
    const auto found = row_.find(key);
    if (found == row_.end()) fail(key, "a value", nullptr);
    return *found;
  }

  [[noreturn]] void fail(const std::string& key, const std::string& expected,
                         const json& got) const {
    throw Error{ErrorCode::corrupted, "process table: rows[" + std::to_string(index_) + "]" +
                                          (key.empty() ? "" : "." + key) + ": expected " +
                                          expected + ", got " + got.type_name()};
  }

  const json& row_;
  std::size_t index_;
};

std::string digits(std::int64_t value, const char* unit, int width) {
  char text[32];
  std::snprintf(text, sizeof(text), "%0*lld%s", width, static_cast<long long>(value), unit);
  return text;
}

/// Two units at most: "350ms", "41s", "2m05s", "3h07m", "12d04h".
std::string brief(Duration uptime) {
  const std::int64_t milliseconds = std::max<std::int64_t>(
      0, std::chrono::duration_cast<std::chrono::milliseconds>(uptime).count());
  const std::int64_t s = milliseconds / 1000, m = s / 60, h = m / 60, d = h / 24;
  if (s == 0) return digits(milliseconds, "ms", 1);
  if (m == 0) return digits(s, "s", 1);
  if (h == 0) return digits(m, "m", 1) + digits(s % 60, "s", 2);
  if (d == 0) return digits(h, "h", 1) + digits(m % 60, "m", 2);
  return digits(d, "d", 1) + digits(h % 24, "h", 2);
}

/// "" for the root, which has no parent.
std::string parent_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos || path == "/") return "";
  return slash == 0 ? "/" : path.substr(0, slash);
}

struct Placed {
  std::size_t row;
  std::size_t depth;
};

/// The rows as the tree's preorder. Of rows with one path, an actor and what is left of its last
/// incarnation say, the last has the children.
std::vector<Placed> in_tree_order(const std::vector<ProcessRow>& rows) {
  std::map<std::string, std::size_t> row_of;
  for (std::size_t i = 0; i < rows.size(); ++i) row_of[rows[i].path] = i;
  std::vector<std::vector<std::size_t>> children(rows.size());
  std::vector<Placed> open;  // a stack: paths come from a wire, and may be deep
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto parent = row_of.find(parent_of(rows[i].path));
    if (parent != row_of.end() && rows[i].path != parent->first)
      children[parent->second].push_back(i);
    else
      open.push_back({i, 0});
  }
  std::ranges::reverse(open);
  std::vector<Placed> order;
  while (!open.empty()) {
    const Placed next = open.back();
    open.pop_back();
    order.push_back(next);
    const auto& below = children[next.row];
    for (auto child = below.rbegin(); child != below.rend(); ++child)
      open.push_back({*child, next.depth + 1});
  }
  return order;
}

constexpr std::size_t column_count = 10;
using Cells = std::array<std::string, column_count>;
constexpr std::array<bool, column_count> right_aligned = {false, false, false, false, true,
                                                          true,  true,  true,  true,  false};

Cells cells_of(const ProcessRow& row, std::size_t depth) {
  constexpr std::size_t deepest = 32;  // deeper rows show no further in
  const std::string name = depth == 0 ? row.path : row.path.substr(row.path.rfind('/') + 1);
  return {std::string(2 * std::min(depth, deepest), ' ') + printable(name),
          printable(row.type),
          printable(row.state),
          printable(row.node),
          row.pid == 0 ? "-" : std::to_string(row.pid),
          std::to_string(row.incarnation),
          std::to_string(row.mailbox_depth),
          std::to_string(row.restarts),
          brief(row.uptime),
          printable(row.last_error)};
}

std::string join(const Cells& cells, const std::array<std::size_t, column_count>& widths) {
  std::string line;
  for (std::size_t i = 0; i < column_count; ++i) {
    const std::string padding(widths[i] - std::min(widths[i], columns(cells[i])), ' ');
    line += (i == 0 ? "" : "  ") + (right_aligned[i] ? padding + cells[i] : cells[i] + padding);
  }
  return line.substr(0, line.find_last_not_of(' ') + 1);
}

}  // namespace

std::string to_json(const ProcessTable& table) {
  json rows = json::array();
  for (const ProcessRow& row : table.rows)
    rows.push_back({{"path", row.path},
                    {"type", row.type},
                    {"state", row.state},
                    {"node", row.node},
                    {"pid", row.pid},
                    {"incarnation", row.incarnation},
                    {"mailbox_depth", row.mailbox_depth},
                    {"restarts", row.restarts},
                    {"last_error", row.last_error},
                    {"uptime_ns", row.uptime.count()}});
  return json{{"rows", std::move(rows)}}.dump(-1, ' ', false, json::error_handler_t::replace);
}

ProcessTable process_table_from_json(std::string_view text) {
  const json parsed = json::parse(text.begin(), text.end(), nullptr, false);  // no exceptions
  if (!parsed.is_object() || !parsed.contains("rows") || !parsed["rows"].is_array())
    throw Error{ErrorCode::corrupted,
                "process table: expected a JSON object with an array \"rows\", got something else"};
  ProcessTable table;
  for (const json& item : parsed["rows"]) {
    const RowReader row{item, table.rows.size()};
    table.rows.push_back({.path = row.text("path"),
                          .type = row.text("type"),
                          .state = row.text("state"),
                          .node = row.text("node"),
                          .pid = row.integer<std::int64_t>("pid"),
                          .incarnation = row.integer<std::uint64_t>("incarnation"),
                          .mailbox_depth = row.integer<std::uint64_t>("mailbox_depth"),
                          .restarts = row.integer<std::uint64_t>("restarts"),
                          .last_error = row.text("last_error"),
                          .uptime = Duration{row.integer<std::int64_t>("uptime_ns")}});
  }
  return table;
}

std::string render(const ProcessTable& table, std::size_t width) {
  std::vector<Cells> lines = {{"PATH", "TYPE", "STATE", "NODE", "PID", "INC", "MAILBOX", "RESTARTS",
                               "UPTIME", "LAST ERROR"}};
  for (const Placed& placed : in_tree_order(table.rows))
    lines.push_back(cells_of(table.rows[placed.row], placed.depth));
  std::array<std::size_t, column_count> widths{};
  for (const Cells& cells : lines)
    for (std::size_t i = 0; i < column_count; ++i)
      widths[i] = std::max(widths[i], columns(cells[i]));
  widths.back() = 0;
  std::string text;
  for (const Cells& cells : lines) {
    const std::string line = join(cells, widths);
    text += (width == 0 ? line : cut(line, width)) + "\n";
  }
  return text;
}

}  // namespace troupe::runtime
