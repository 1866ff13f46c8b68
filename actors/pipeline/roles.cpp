#include "actors/pipeline/roles.hpp"

#include <algorithm>
#include <thread>

#include "actors/aggregator/aggregator.hpp"
#include "actors/checkpointer/checkpointer.hpp"
#include "actors/coordinator/coordinator.hpp"
#include "actors/coordinator/publisher.hpp"
#include "actors/deployer/deployer.hpp"
#include "actors/deployer/deployer_options.hpp"
#include "actors/evaluator/evaluator.hpp"
#include "actors/feedback/feedback.hpp"
#include "actors/feedback/retrain_rules.hpp"
#include "actors/job/gpu_options.hpp"
#include "actors/loader/loader.hpp"
#include "actors/pipeline/feedback_link.hpp"
#include "actors/pipeline/model_servable.hpp"
#include "actors/pipeline/prepared_rows.hpp"
#include "actors/pipeline/section_checks.hpp"
#include "actors/pipeline/short_form.hpp"
#include "actors/trainer/trainer.hpp"
#include "runtime/registry.hpp"

namespace troupe::actors {

void add_roles(runtime::Registry& registry, const DataFormats& formats) {
  SectionReaders readers = section_readers(formats);
  readers["feedback"] = [](SpecReader& section) { read_feedback(section); };
  // Of a section whose keys are the deployer's parameters: what is none of them.
  readers["deploy"] = read_deploy_spec;
  add_coordinator_type(registry, readers, {}, formats);
  add_loader_types(registry, formats);
  add_aggregator_type(registry);
  add_checkpointer_type(registry);
  add_trainer_type(registry);
  add_evaluator_types(registry, open_prepared_rows);
  add_deployer_types(registry, load_model_servable, make_feedback_link);
  add_publisher_type(registry);
  add_feedback_types(registry);
  registry.add_short_form(pipeline_short_form(
      std::max(1U, std::thread::hardware_concurrency()),
      [formats](const runtime::Sections& sections) { return check_sections(sections, formats); },
      visible_gpus()));
}

}  // namespace troupe::actors
