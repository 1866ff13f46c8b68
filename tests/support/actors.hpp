#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "runtime/actor/answer.hpp"
#include "runtime/actor/reply.hpp"
#include "runtime/registry.hpp"
#include "runtime/supervision/child_spec.hpp"

namespace troupe::test {

/// "counter" {start: integer = 0}: hears Add, answers Add and Total; Poke does what it says:
///
///     throw     throws "poked"               end      ends normally
///     keep      keeps the reply              sum      asks `whom` for its Total and answers with it
///     wait      answers in 100 ms            malformed reads the frame as another type
///     memory    writes 42 into the first byte of the shared memory `whom`
///     hang      blocks its thread until release_hanging() is called
///
/// "late": is ready 50 ms after it was made. "refuses": its constructor throws. "stubborn": does not end when asked.
/// "endless": tells itself something in each of its messages. "echo" answers Poke with the same frame. "works": does its Poke on an executor. And the actors of
/// channel_actors.hpp, liar.hpp and mirror.hpp.
runtime::Registry test_registry();

/// Lets go all threads that "hang" holds, now and from here on.
void release_hanging();

/// For an ask on behalf of another one: what is answered, or why nothing is, goes on to whoever asked.
std::function<void(const runtime::Answer&)> pass_on(runtime::Reply reply);

/// What a Poke says. @throws MalformedFrame
struct PokeOrder {
  explicit PokeOrder(const runtime::Frame& frame);
  std::string what, whom;
};

runtime::Frame add_frame(std::int64_t amount);
runtime::Frame total_frame(std::int64_t value = 0, std::uint64_t incarnation = 0);
runtime::Frame poke_frame(const std::string& what, const std::string& whom = "");
/// Of a Total. @throws what the answer says if it is none.
std::int64_t total_of(const runtime::Answer& answer);
std::uint64_t incarnation_of(const runtime::Answer& answer);

runtime::ChildSpec child(std::string name, std::string type = "counter",
                         runtime::Restart restart = runtime::Restart::permanent);

}  // namespace troupe::test
