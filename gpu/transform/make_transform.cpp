#include "gpu/transform/make_transform.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <variant>

#include "gpu/transform/fields.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/nearest.hpp"

namespace troupe::gpu {

namespace {

/// Fills the fields of one transform and notes what is wrong.
class FieldReader {
 public:
  explicit FieldReader(const TransformAttributes& attributes) : attributes_{attributes} {}

  template <typename Field>
  void operator()(std::string_view name, Field& field, Need need) {
    known_.push_back(name);
    const auto found = attributes_.find(name);
    if (found != attributes_.end()) {
      assign(name, field, found->second);
    } else if (need == Need::required) {
      problem(name, "a value", "none");
    }
  }

  std::string problems() {
    for (const auto& [name, values] : attributes_) {
      if (std::ranges::find(known_, name) != known_.end()) continue;
      problem(name, "a known parameter", "this one" + suggestion(name, known_));
    }
    return std::exchange(problems_, {});
  }

 private:
  void assign(std::string_view, std::vector<double>& field, const std::vector<double>& values) {
    field = values;
  }
  void assign(std::string_view name, double& field, const std::vector<double>& values) {
    if (single(name, values)) field = values[0];
  }
  void assign(std::string_view name, std::int64_t& field, const std::vector<double>& values) {
    constexpr double most = std::int64_t{1} << 53;
    if (!single(name, values)) return;
    if (std::abs(values[0]) <= most && values[0] == std::floor(values[0])) {
      field = static_cast<std::int64_t>(values[0]);
    } else {
      problem(name, "a whole number", std::to_string(values[0]));
    }
  }
  void assign(std::string_view name, bool& field, const std::vector<double>& values) {
    if (!single(name, values)) return;
    if (values[0] == 0 || values[0] == 1) {
      field = values[0] == 1;
    } else {
      problem(name, "0 or 1", std::to_string(values[0]));
    }
  }

  bool single(std::string_view name, const std::vector<double>& values) {
    if (values.size() == 1) return true;
    problem(name, "one number", std::to_string(values.size()));
    return false;
  }

  void problem(std::string_view name, const std::string& expected, const std::string& got) {
    if (!problems_.empty()) problems_ += "; ";
    problems_.append(name).append(": expected ").append(expected).append(", got ").append(got);
  }

  const TransformAttributes& attributes_;
  std::vector<std::string_view> known_;
  std::string problems_;
};

template <typename T>
Transform read(const TransformAttributes& attributes) {
  T transform;
  FieldReader reader{attributes};
  for_each_field(transform, reader);
  const std::string problems = reader.problems();
  if (problems.empty()) return transform;
  throw Error{ErrorCode::bad_input, std::string{kind_of<T>} + ": " + problems};
}

template <std::size_t... I>
Transform read_kind(std::string_view kind, const TransformAttributes& attributes,
                    std::index_sequence<I...>) {
  using Reader = Transform (*)(const TransformAttributes&);
  constexpr std::array kinds = {kind_of<std::variant_alternative_t<I, Transform>>...};
  constexpr std::array<Reader, kinds.size()> readers = {
      read<std::variant_alternative_t<I, Transform>>...};
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    if (kinds[i] == kind) return readers[i](attributes);
  }
  throw Error{ErrorCode::bad_input, "transform: expected a known kind, got '" + std::string{kind} + "'" +
                                        suggestion(kind, kinds)};
}

}  // namespace

Transform make_transform(std::string_view kind, const TransformAttributes& attributes) {
  return read_kind(kind, attributes, std::make_index_sequence<std::variant_size_v<Transform>>{});
}

}  // namespace troupe::gpu
