#include "actors/coordinator/publisher.hpp"

#include <chrono>
#include <memory>
#include <utility>

#include "actors/coordinator/serving.hpp"
#include "actors/report/job_news.hpp"
#include "runtime/actor/actor.hpp"
#include "runtime/registry.hpp"

namespace troupe::actors {
namespace {

using namespace runtime;

class Publisher final : public Actor {
 public:
  Publisher(Context& context, const Parameters& with)
      : context_{context},
        serving_{context, with.text("deployer"), with.text("serving_folder"),
                 [this](JobEvent event) { tell(std::move(event)); }} {
    if (!with.text("observer").empty()) observer_ = context.ref(with.text("observer"));
    if (with.text("checkpoint").empty()) {
      serving_.tell_served();
    } else {
      serving_.serve(with.text("checkpoint"), with.text("order"));
    }
  }

  void handles(Handlers& on) override { serving_.handles(on); }

 private:
  void tell(JobEvent event) { tell_news(context_, observer_, std::move(event)); }

  Context& context_;
  Ref observer_;
  Serving serving_;
};

ParameterSchema text_parameter(std::string name, std::string help, std::string otherwise) {
  ParameterSchema schema{
      .name = std::move(name), .type = ParameterType::text, .help = std::move(help)};
  schema.default_value = ParameterValue{std::move(otherwise)};
  return schema;
}

}  // namespace

void add_publisher_type(Registry& registry) {
  ActorType type;
  type.name = "publisher";
  type.help = "Has a saved version served where there is no job, and others when told to.";
  type.origin = "built-in";
  type.parameters = {
      {"deployer", ParameterType::path, "The deployer that serves it."},
      text_parameter("checkpoint",
                     "A checkpoint, or the folder of a run; empty: what was served before.", ""),
      text_parameter("serving_folder", "Where versions are listed; it must be there.", "."),
      text_parameter("order",
                     "Names the wish for that checkpoint: one that was carried out is not again.",
                     "start"),
      text_parameter("observer", "An actor that is told of events; empty: nobody.", "")};
  type.make = [](Context& context, const Parameters& with) -> std::unique_ptr<Actor> {
    return std::make_unique<Publisher>(context, with);
  };
  registry.add(std::move(type));
}

}  // namespace troupe::actors
