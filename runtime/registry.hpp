#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/parameters.hpp"
#include "runtime/short_form.hpp"

namespace troupe::runtime {

class Actor;
class Context;

/// Makes an actor, in the process where it will live. What it throws is the reason why the actor did not
/// start. The context outlives the actor.
using ActorFactory = std::function<std::unique_ptr<Actor>(Context&, const Parameters&)>;

/// One kind of actor: how it is made, and what may be configured.
struct ActorType {
  std::string name;  ///< as configs write it: lower-case letters, digits, '_'
  std::string help;  ///< one sentence
  std::vector<ParameterSchema> parameters;
  ActorFactory make;
  std::string origin = "application";  ///< "built-in", "application", or the plugin's file
};

/// The actor types and short forms that configs may name. Built in `main` and handed down, never a global. Not
/// synchronised: filled before a node starts, then only read.
class Registry {
 public:
  /// @throws Error bad_input if the name is taken or malformed, or a parameter's default does not fit its
  /// own schema.
  void add(ActorType type);

  /// For a class with a constructor (Context&, const Parameters&).
  template <class T>
  void add(std::string name, std::string help, std::vector<ParameterSchema> parameters = {}) {
    add(ActorType{std::move(name), std::move(help), std::move(parameters),
                  [](Context& context, const Parameters& given) -> std::unique_ptr<Actor> {
                    return std::make_unique<T>(context, given);
                  }});
  }

  /// @throws Error bad_input if a key is taken, by a short form or as a key that every config has, or malformed.
  void add_short_form(ShortForm form);
  /// In the order in which they were added.
  const std::vector<ShortForm>& short_forms() const { return short_forms_; }

  /// Whether this program can become a worker process: its main calls worker_main() (worker_main.hpp).
  bool isolates() const { return isolates_; }
  void allow_isolation() { isolates_ = true; }

  const ActorType* find(std::string_view name) const;
  /// All of them, by name.
  const std::map<std::string, ActorType, std::less<>>& types() const { return types_; }

 private:
  std::map<std::string, ActorType, std::less<>> types_;
  std::vector<ShortForm> short_forms_;
  bool isolates_ = false;
};

}  // namespace troupe::runtime
