#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/config/config.hpp"
#include "runtime/config/node.hpp"

namespace troupe::runtime::config {

/// Gathers what is wrong, in whatever order it is found.
class Problems {
 public:
  void add(const Mark& mark, std::string what) { found_.emplace_back(mark, std::move(what)); }
  bool empty() const { return found_.empty(); }

  /// "; did you mean 'store'?", or nothing if no candidate is near, or too many were asked for.
  std::string nearest(std::string_view name, const std::vector<std::string_view>& candidates);

  /// By position, each once, at most 100.
  std::vector<Problem> sorted(const std::string& file,
                              const std::vector<Override>& overrides) const;

 private:
  std::vector<std::pair<Mark, std::string>> found_;
  std::size_t hints_left_ = 200;
};

/// As a config would write it, cut where it is long.
std::string shown(std::string_view text);
/// The same of any node: "a list", "nothing".
std::string shown(const Node& node);

bool is_utf8(std::string_view text);

}  // namespace troupe::runtime::config
