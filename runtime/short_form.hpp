#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "runtime/parameters.hpp"

namespace troupe::runtime {

class Registry;

/// The sections that a config has, each as canonical JSON (structure.hpp), by key.
using Sections = std::map<std::string, std::string>;

/// What sections stand for.
struct Expanded {
  /// A list of entries as under `actors`, as JSON.
  std::string actors = "[]";
  /// Where parts of it come from: a JSON pointer into `actors` to one into the sections ("/train/batch"). What is within
  /// such a part comes from the same place in the section. So problems are told where they were written.
  std::map<std::string, std::string> places = {};
  /// What is wrong with the sections themselves; the pointers name the section first.
  std::vector<ValueProblem> problems = {};
};

/// A way to write many entries as a few sections at the top of a config.
struct ShortForm {
  struct Key {
    std::string name;  ///< lower-case letters, digits, '_'
    std::string help;  ///< one sentence
  };

  std::string help;  ///< one sentence
  std::vector<Key> keys;
  /// Called if a config has any of the keys, with those that it has, which may be any JSON. The same for the same
  /// sections; what is in the registry decides which parameters go where.
  std::function<Expanded(const Sections&, const Registry&)> expand;
  std::string origin = "application";  ///< as of an actor type
};

}  // namespace troupe::runtime
