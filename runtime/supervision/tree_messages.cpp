#include "runtime/supervision/tree_messages.hpp"

#include <capnp/message.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <variant>

#include "runtime/base/error.hpp"
#include "serialization/frame_reader.hpp"
#include "serialization/make_frame.hpp"
#include "serialization/malformed_frame.hpp"
#include "serialization/schema/tree.capnp.h"

namespace troupe::runtime {

using serialization::Frame;
using serialization::make_frame;
using serialization::MalformedFrame;

namespace {

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

void write(const std::string& name, const ParameterValue& value, wire::Parameter::Builder to) {
  to.setName(name);
  auto out = to.getValue();
  std::visit(Overloaded{
                 [&](bool v) { out.setBoolean(v); },
                 [&](std::int64_t v) { out.setInteger(v); },
                 [&](double v) { out.setNumber(v); },
                 [&](const std::string& v) { out.setText(v); },
                 [&](Duration v) { out.setDurationNs(v.count()); },
                 [&](const std::vector<std::string>& v) {
                   auto list = out.initTexts(static_cast<unsigned>(v.size()));
                   for (unsigned i = 0; i < list.size(); ++i) list.set(i, v[i]);
                 },
                 [&](const std::vector<double>& v) {
                   auto list = out.initNumbers(static_cast<unsigned>(v.size()));
                   for (unsigned i = 0; i < list.size(); ++i) list.set(i, v[i]);
                 },
                 [&](const Structure& v) { out.setStructure(v.json); },
             },
             value);
}

ParameterValue read(wire::Parameter::Value::Reader from) {
  using Value = wire::Parameter::Value;
  switch (from.which()) {
    case Value::BOOLEAN:
      return from.getBoolean();
    case Value::INTEGER:
      return from.getInteger();
    case Value::NUMBER:
      return from.getNumber();
    case Value::TEXT:
      return std::string{from.getText().cStr()};
    case Value::DURATION_NS:
      return Duration{from.getDurationNs()};
    case Value::TEXTS: {
      std::vector<std::string> texts;
      for (const auto text : from.getTexts()) texts.emplace_back(text.cStr());
      return texts;
    }
    case Value::NUMBERS: {
      std::vector<double> numbers;
      for (const double number : from.getNumbers()) numbers.push_back(number);
      return numbers;
    }
    case Value::STRUCTURE: {
      Structure structure{from.getStructure().cStr()};
      if (canonical_json(structure.json) != structure.json)
        throw MalformedFrame{"child spec: a structure is not canonical JSON"};
      return structure;
    }
  }
  throw MalformedFrame{"child spec: a parameter's value is of no known kind"};
}

template <class Enum>
Enum enumerator(unsigned value, Enum last, const char* what) {
  if (value > static_cast<unsigned>(last))
    throw MalformedFrame{std::string{"child spec: "} + what + " has the unknown number " +
                         std::to_string(value)};
  return static_cast<Enum>(value);
}

void write(const ChildSpec& spec, wire::ChildSpec::Builder to);
ChildSpec read(wire::ChildSpec::Reader from);

void write(const SupervisorSpec& spec, wire::SupervisorSpec::Builder to) {
  to.setStrategy(static_cast<std::uint8_t>(spec.strategy));
  to.setIntensity(spec.intensity);
  to.setPeriodNs(spec.period.count());
  to.setBackoffFirstNs(spec.backoff.first.count());
  to.setBackoffLimitNs(spec.backoff.limit.count());
  to.setBackoffFactor(spec.backoff.factor);
  to.setBackoffJitter(spec.backoff.jitter);
  auto children = to.initChildren(static_cast<unsigned>(spec.children.size()));
  for (unsigned i = 0; i < children.size(); ++i) write(spec.children[i], children[i]);
  if (spec.replica) write(*spec.replica, to.initReplica());
}

SupervisorSpec read(wire::SupervisorSpec::Reader from) {
  SupervisorSpec spec;
  spec.strategy = enumerator(from.getStrategy(), Strategy::rest_for_one, "strategy");
  spec.intensity = from.getIntensity();
  spec.period = Duration{from.getPeriodNs()};
  spec.backoff = {Duration{from.getBackoffFirstNs()}, Duration{from.getBackoffLimitNs()},
                  from.getBackoffFactor(), from.getBackoffJitter()};
  for (const auto child : from.getChildren()) spec.children.push_back(read(child));
  if (from.hasReplica()) spec.replica = std::make_shared<const ChildSpec>(read(from.getReplica()));
  return spec;
}

void write(const ChildSpec& spec, wire::ChildSpec::Builder to) {
  to.setName(spec.name);
  to.setType(spec.type);
  auto parameters = to.initParameters(static_cast<unsigned>(spec.parameters.values().size()));
  unsigned at = 0;
  for (const auto& [name, value] : spec.parameters.values()) write(name, value, parameters[at++]);
  to.setRestart(static_cast<std::uint8_t>(spec.restart));
  to.setIsolation(static_cast<std::uint8_t>(spec.isolation));
  to.setStartWithinNs(spec.start_within.count());
  to.setStopWithinNs(spec.stop_within.count());
  if (spec.supervisor) write(*spec.supervisor, to.initSupervisor());
}

ChildSpec read(wire::ChildSpec::Reader from) {
  ChildSpec spec;
  spec.name = from.getName().cStr();
  spec.type = from.getType().cStr();
  std::map<std::string, ParameterValue> values;
  for (const auto parameter : from.getParameters())
    values.emplace(parameter.getName().cStr(), read(parameter.getValue()));
  spec.parameters = Parameters{std::move(values)};
  spec.restart = enumerator(from.getRestart(), Restart::temporary, "restart");
  spec.isolation = enumerator(from.getIsolation(), Isolation::process, "isolation");
  spec.start_within = Duration{from.getStartWithinNs()};
  spec.stop_within = Duration{from.getStopWithinNs()};
  if (from.hasSupervisor())
    spec.supervisor = std::make_shared<const SupervisorSpec>(read(from.getSupervisor()));
  return spec;
}

template <class T, class Take>
void take(const Frame& frame, Take take_out) {
  serialization::read_head<T>(frame, [&](typename T::Reader from) { take_out(from); });
}

}  // namespace

MessageType InjectFault::type() {
  return MessageType::of<wire::InjectFault>();
}
MessageType StartChild::type() {
  return MessageType::of<wire::StartChild>();
}
MessageType StopChild::type() {
  return MessageType::of<wire::StopChild>();
}
MessageType ScaleChildren::type() {
  return MessageType::of<wire::ScaleChildren>();
}
MessageType Spawn::type() {
  return MessageType::of<wire::Spawn>();
}
MessageType Stop::type() {
  return MessageType::of<wire::Stop>();
}
MessageType NameChanged::type() {
  return MessageType::of<wire::NameChanged>();
}
MessageType Subscribe::type() {
  return MessageType::of<wire::Subscribe>();
}

Frame to_frame(const InjectFault& message) {
  return make_frame<wire::InjectFault>([&](auto to) {
    to.setKind(static_cast<std::uint8_t>(message.order.kind));
    to.setPath(message.order.path);
    to.setFrom(message.order.from);
    to.setText(message.order.text);
    to.setDurationNs(message.order.duration.count());
    to.setProbability(message.order.probability);
    to.setCount(message.order.count);
  });
}
Frame to_frame(const StartChild& message) {
  return make_frame<wire::StartChild>([&](auto to) { write(message.spec, to.initSpec()); });
}
Frame to_frame(const StopChild& message) {
  return make_frame<wire::StopChild>([&](auto to) { to.setName(message.name); });
}
Frame to_frame(const ScaleChildren& message) {
  return make_frame<wire::ScaleChildren>([&](auto to) { to.setCount(message.count); });
}
Frame to_frame(const Spawn& message) {
  return make_frame<wire::Spawn>([&](auto to) {
    to.setPath(message.path);
    to.setIncarnation(message.incarnation);
    write(message.spec, to.initSpec());
    auto plugins = to.initPlugins(static_cast<unsigned>(message.plugins.size()));
    for (unsigned i = 0; i < plugins.size(); ++i) plugins.set(i, message.plugins[i]);
    to.setLogLevel(static_cast<std::uint8_t>(message.log_level));
  });
}
Frame to_frame(const Stop& message) {
  return make_frame<wire::Stop>([&](auto to) {
    to.setPath(message.path);
    to.setIncarnation(message.incarnation);
  });
}
Frame to_frame(const NameChanged& message) {
  return make_frame<wire::NameChanged>([&](auto to) {
    to.setPath(message.path);
    to.setIncarnation(message.incarnation);
    to.setChange(static_cast<wire::NameChanged::Change>(message.what));
    to.setExitKind(static_cast<std::uint8_t>(message.exit.kind));
    to.setReason(message.exit.reason);
  });
}
Frame to_frame(const Subscribe& message) {
  return make_frame<wire::Subscribe>([&](auto to) { to.setPath(message.path); });
}
Frame done_frame() {
  return make_frame<wire::Done>([](auto) {});
}

void read(const Frame& frame, InjectFault& message) {
  take<wire::InjectFault>(frame, [&](auto from) {
    message.order.kind = enumerator(from.getKind(), FaultOrder::Kind::clear, "fault");
    message.order.path = from.getPath().cStr();
    message.order.from = from.getFrom().cStr();
    message.order.text = from.getText().cStr();
    message.order.duration = Duration{from.getDurationNs()};
    message.order.probability = from.getProbability();
    message.order.count = from.getCount();
  });
}
void read(const Frame& frame, StartChild& message) {
  take<wire::StartChild>(frame, [&](auto from) { message.spec = read(from.getSpec()); });
}
void read(const Frame& frame, StopChild& message) {
  take<wire::StopChild>(frame, [&](auto from) { message.name = from.getName().cStr(); });
}
void read(const Frame& frame, ScaleChildren& message) {
  take<wire::ScaleChildren>(frame, [&](auto from) { message.count = from.getCount(); });
}
void read(const Frame& frame, Spawn& message) {
  take<wire::Spawn>(frame, [&](auto from) {
    message.path = from.getPath().cStr();
    message.incarnation = from.getIncarnation();
    message.spec = read(from.getSpec());
    for (const auto plugin : from.getPlugins()) message.plugins.emplace_back(plugin.cStr());
    message.log_level = enumerator(from.getLogLevel(), LogLevel::off, "log level");
  });
}
void read(const Frame& frame, Stop& message) {
  take<wire::Stop>(frame, [&](auto from) {
    message.path = from.getPath().cStr();
    message.incarnation = from.getIncarnation();
  });
}
void read(const Frame& frame, NameChanged& message) {
  take<wire::NameChanged>(frame, [&](auto from) {
    message.path = from.getPath().cStr();
    message.incarnation = from.getIncarnation();
    message.what =
        enumerator(static_cast<unsigned>(from.getChange()), NameChanged::What::down, "change");
    message.exit = {enumerator(from.getExitKind(), ExitKind::lost, "exit kind"),
                    from.getReason().cStr()};
  });
}
void read(const Frame& frame, Subscribe& message) {
  take<wire::Subscribe>(frame, [&](auto from) { message.path = from.getPath().cStr(); });
}

}  // namespace troupe::runtime
