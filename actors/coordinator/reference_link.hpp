#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "runtime/actor/context.hpp"
#include "runtime/actor/ref.hpp"

namespace troupe::actors {

/// A member of an actor that has versions served: it tells the feedback actor which one is served now, with what its
/// training data looked like (wire::NewReference), again until it is heard. What the feedback actor knows already it is
/// not told again, since its windows would start anew. Without the training data there is no reference, and drift is not
/// looked at.
class ReferenceLink {
 public:
  /// @param feedback  the path of the feedback actor
  /// @param groups    of features, whose drift is looked at each for itself
  /// @param serving_folder  where versions are listed (version_list.hpp)
  ReferenceLink(runtime::Context& context, const std::string& feedback, std::size_t groups,
                std::string serving_folder);

  /// The newest one counts.
  void served(const std::string& version);

 private:
  void look(std::uint64_t round);
  void build(std::uint64_t round);
  void send(std::uint64_t round, const std::string& reference);
  void again(std::uint64_t round, const std::string& why);

  runtime::Context& context_;
  const runtime::Ref feedback_;
  const std::size_t groups_;
  const std::string serving_folder_;
  std::string version_;
  Duration wait_ = {};       // before it tries again
  std::uint64_t round_ = 0;  // of versions, so that late answers are told apart
};

}  // namespace troupe::actors
