#include "actors/loader/loader.hpp"

#include <capnp/message.h>

#include <chrono>
#include <exception>
#include <memory>
#include <string>
#include <utility>

#include "actors/job/membership.hpp"
#include "actors/loader/loader_work.hpp"
#include "runtime/actor/actor.hpp"
#include "runtime/actor/context.hpp"
#include "runtime/actor/executor.hpp"
#include "runtime/base/error.hpp"
#include "serialization/make_frame.hpp"
#include "serialization/schema/data.capnp.h"

namespace troupe::actors {

using namespace runtime;

namespace {

class Loader final : public Actor {
 public:
  Loader(Context& context, const Parameters& with, const DataFormats& formats)
      : work_{std::make_shared<LoaderWork>(posix_files(), Corruption::parse(with.text("corrupt")),
                                           formats)},
        queue_{static_cast<std::size_t>(with.integer("queue"))},
        membership_{context, with.text("coordinator"), "loader"} {
    ExecutorOptions options;
    options.name = "loader";
    options.max_queued = queue_;
    options.deadline = with.duration("deadline");
    executor_ = &context.executor(options);
  }

  void handles(Handlers& on) override {
    answer<wire::MeasureColumns>(on, &LoaderWork::measure_columns);
    answer<wire::PreparePart>(on, &LoaderWork::prepare_part);
    answer<wire::MeasurePart>(on, &LoaderWork::measure_part);
    answer<wire::OpenData>(on, &LoaderWork::open_data);
    answer<wire::LoadShard>(on, &LoaderWork::load_shard);
  }

 private:
  template <class T>
  void answer(Handlers& on, Frame (LoaderWork::*how)(const Frame&)) {
    on.ask<T>([this, how](const Frame& question, Reply reply) {
      if (executor_->queued() >= queue_) {
        reply.refuse("loader: expected at most " + std::to_string(queue_) +
                     " questions to wait, got more");
        return;
      }
      const auto asker = std::make_shared<Reply>(std::move(reply));
      executor_->run(
          [work = work_, how, question] { return ((*work).*how)(question); },
          [asker](const Frame& frame) { asker->answer(frame); },
          [asker](const std::exception_ptr& thrown) { asker->refuse(reason_of(thrown)); });
    });
  }

  std::shared_ptr<LoaderWork> work_;  // of the executor's thread, which may outlive this
  std::size_t queue_;
  Executor* executor_ = nullptr;
  Membership membership_;
};

ParameterSchema parameter(std::string name, ParameterType type, std::string help,
                          ParameterValue value) {
  ParameterSchema schema{std::move(name), type, std::move(help)};
  schema.default_value = std::move(value);
  return schema;
}

}  // namespace

void add_loader_types(Registry& registry, DataFormats formats) {
  ActorType type;
  type.name = "loader";
  type.help = "Prepares parts of data, and makes the inputs of shards from prepared data.";
  type.origin = "built-in";
  ParameterSchema deadline =
      parameter("deadline", ParameterType::duration,
                "How long one piece of work may take before the loader is given up.",
                Duration{std::chrono::minutes{10}});
  deadline.minimum = 0.001;
  ParameterSchema queue =
      parameter("queue", ParameterType::integer,
                "How many questions may wait; one more is refused.", std::int64_t{4096});
  queue.minimum = 1;
  queue.maximum = 65'536;
  type.parameters = {
      ParameterSchema{"coordinator", ParameterType::path, "The job's coordinator."},
      std::move(deadline), std::move(queue),
      parameter("corrupt", ParameterType::text,
                "For tests: a fault at a position, as in skip:1234, double:1234 or swap:1234; "
                "empty: none.",
                std::string{})};
  type.make = [formats = std::move(formats)](Context& context,
                                             const Parameters& with) -> std::unique_ptr<Actor> {
    return std::make_unique<Loader>(context, with, formats);
  };
  registry.add(std::move(type));
}

}  // namespace troupe::actors
