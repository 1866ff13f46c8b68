#include "actors/job/train_spec.hpp"

#include <array>
#include <limits>

#include "runtime/base/error.hpp"

namespace troupe::actors {
namespace {

using namespace gpu;

constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
constexpr double huge = 1e30;

nn::OptimizerSpec read_optimizer(SpecReader& section) {
  nn::OptimizerSpec result{nn::Adam{}, {}};
  if (auto named = section.named("optimizer")) {
    const std::string& kind = named->name;
    SpecReader& with = named->with;
    const auto decay = [&with](double fallback) {
      return with.number("weight_decay", fallback, 0.0, huge);
    };
    const auto epsilon = [&with](double fallback) {
      return with.number("epsilon", fallback, 1e-30, huge);
    };
    if (kind == "sgd") {
      nn::Sgd sgd;
      sgd.momentum = with.number("momentum", 0.0, 0.0, 1.0);
      sgd.nesterov = with.boolean("nesterov", false);
      sgd.weight_decay = decay(0.0);
      result.algorithm = sgd;
    } else if (kind == "adagrad") {
      result.algorithm = nn::Adagrad{epsilon(1e-10), decay(0.0)};
    } else if (kind == "adam" || kind == "adamw") {
      const double beta1 = with.number("beta1", 0.9, 0.0, 1.0);
      const double beta2 = with.number("beta2", 0.999, 0.0, 1.0);
      if (kind == "adam") {
        result.algorithm = nn::Adam{beta1, beta2, epsilon(1e-8), decay(0.0)};
      } else {
        result.algorithm = nn::AdamW{beta1, beta2, epsilon(1e-8), decay(0.01)};
      }
    } else {
      section.problem("optimizer", "expected sgd, adagrad, adam or adamw, got \"" + kind + '"');
    }
    with.finish();
  }
  if (section.has("clip_norm")) result.clip_norm = section.number("clip_norm", {}, 1e-30, huge);
  try {
    nn::check(result);
  } catch (const Error& error) {
    section.problem("optimizer", error.what());
  }
  return result;
}

void read_course(SpecReader& section, TrainSpec& spec) {
  auto named = section.named("schedule");
  if (!named) return;
  auto& [kind, with] = *named;
  if (kind == "constant") {
    spec.course = CourseKind::constant;
  } else if (kind == "step") {
    spec.course = CourseKind::step;
    spec.step_every = static_cast<std::uint64_t>(with.integer("every", {}, 1, most));
    spec.step_factor = with.number("factor", 0.1, 0.0, 1.0);
  } else if (kind == "cosine") {
    spec.course = CourseKind::cosine;
    spec.final_rate = with.number("final", 0.0, 0.0, huge);
  } else {
    section.problem("schedule", "expected constant, step or cosine, got \"" + kind + '"');
  }
  with.finish();
}

std::uint64_t read_staleness(SpecReader& section) {
  auto named = section.named("aggregate");
  if (!named) return 0;
  auto& [kind, with] = *named;
  std::uint64_t staleness = 0;
  if (kind == "parameter_server") {
    staleness = static_cast<std::uint64_t>(with.integer("staleness", 4, 1, most_staleness));
  } else if (kind != "allreduce") {
    section.problem("aggregate", "expected allreduce or parameter_server, got \"" + kind + '"');
  }
  with.finish();
  return staleness;
}

void read_device(SpecReader& section, TrainSpec& spec) {
  constexpr std::array<std::string_view, 3> devices{"cpu", "cuda", "auto"};
  constexpr std::array<std::string_view, 2> precisions{"f32", "bf16"};
  spec.device = static_cast<DeviceKind>(section.choice("device", devices, 0));
  if (section.choice("precision", precisions, 0) == 1) spec.precision = DType::bf16;
  constexpr std::array<std::string_view, 2> micro_batches{"shards", "auto"};
  spec.more_shards = section.choice("micro_batches", micro_batches, 0) == 1;
  spec.tf32 = section.boolean("tf32", false);
  spec.deterministic = section.boolean("deterministic", true);
  if (spec.device != DeviceKind::cpu) return;
  if (spec.more_shards)
    section.problem("micro_batches", "expected device: cuda or auto with auto, got cpu");
  if (spec.precision != DType::f32)
    section.problem("precision", "expected f32 on device: cpu, which has no kernels for bf16");
  if (spec.tf32) section.problem("tf32", "expected device: cuda or auto with it, got cpu");
  if (!spec.deterministic)
    section.problem("deterministic", "expected device: cuda or auto with false, got cpu");
}

}  // namespace

TrainSpec read_train(SpecReader& section) {
  TrainSpec spec;
  if (section.has("steps")) {
    spec.steps = static_cast<std::uint64_t>(section.integer("steps", {}, 1, std::int64_t{1} << 40));
    spec.epochs = 0;
    if (section.has("epochs")) section.problem("epochs", "expected epochs or steps, got both");
    section.integer("epochs", 1, 0, most);
  } else {
    spec.epochs = section.integer("epochs", 1, 1, 1 << 22);
  }
  spec.batch = section.integer("batch", 128, 1, std::int64_t{1} << 24);
  spec.shards = static_cast<std::uint32_t>(section.integer("shards", 0, 0, 1024));
  if (spec.shards != 0 && spec.batch % spec.shards != 0)
    section.problem("shards", "expected a number that divides the batch of " +
                                  std::to_string(spec.batch) + ", got " +
                                  std::to_string(spec.shards));
  spec.optimizer = read_optimizer(section);
  spec.learning_rate = section.number("learning_rate", 1e-3, 1e-30, huge);
  read_course(section, spec);
  spec.warmup_steps = static_cast<std::uint64_t>(section.integer("warmup_steps", 0, 0, most));
  spec.threads_per_shard = static_cast<int>(section.integer("threads_per_shard", 1, 1, 1024));
  spec.staleness = read_staleness(section);
  spec.checkpoint_every =
      static_cast<std::uint64_t>(section.integer("checkpoint_every", 0, 0, most));
  spec.evaluate_every = static_cast<std::uint64_t>(section.integer("evaluate_every", 0, 0, most));
  read_device(section, spec);
  return spec;
}

std::vector<std::string> exempt_modes(const TrainSpec& spec) {
  std::vector<std::string> exempt;
  if (spec.staleness > 0)
    exempt.push_back("aggregate: parameter_server: gradients may be " +
                     std::to_string(spec.staleness) +
                     " versions old, so that the weights depend on the trainers' timing (JOB-9)");
  if (!spec.deterministic)
    exempt.emplace_back(
        "deterministic: false: a GPU may add in any order, so that the weights differ from run to "
        "run (JOB-9)");
  return exempt;
}

std::int64_t shard_rows(const TrainSpec& spec) {
  return spec.batch / (spec.shards == 0 ? default_shards(spec.batch) : spec.shards);
}

std::uint64_t total_steps(const TrainSpec& spec, std::uint64_t samples) {
  if (samples == 0) throw Error{ErrorCode::bad_input, "train: expected training records, got none"};
  if (spec.steps > 0) return spec.steps;
  const Positions positions{static_cast<std::int64_t>(samples), spec.batch, spec.epochs, 1};
  if (positions.steps() == 0)
    throw Error{ErrorCode::bad_input, "train: expected at least one batch of " +
                                          std::to_string(spec.batch) + " records, got " +
                                          std::to_string(samples) + " in " +
                                          std::to_string(spec.epochs) + " epochs"};
  return positions.steps();
}

PositionRange unused_positions(const TrainSpec& spec, std::uint64_t samples) {
  const std::uint64_t end = total_steps(spec, samples) * static_cast<std::uint64_t>(spec.batch);
  if (spec.steps > 0) return {end, end};
  return Positions{static_cast<std::int64_t>(samples), spec.batch, spec.epochs, 1}.unused();
}

nn::JobSpec resolve(const TrainSpec& spec, std::uint64_t seed, std::uint64_t samples) {
  nn::JobSpec job;
  job.seed = seed;
  job.batch = spec.batch;
  job.shards = spec.shards == 0 ? default_shards(spec.batch) : spec.shards;
  job.optimizer = spec.optimizer;
  job.threads_per_shard = spec.threads_per_shard;
  job.precision = spec.precision;
  job.schedule.rate = spec.learning_rate;
  job.schedule.warmup_steps = spec.warmup_steps;
  const std::uint64_t steps = total_steps(spec, samples);
  switch (spec.course) {
    case CourseKind::constant:
      job.schedule.course = nn::ConstantRate{};
      break;
    case CourseKind::step:
      job.schedule.course = nn::StepRate{spec.step_every, spec.step_factor};
      break;
    case CourseKind::cosine:
      job.schedule.course = nn::CosineRate{
          steps > spec.warmup_steps ? steps - spec.warmup_steps : 1, spec.final_rate};
      break;
  }
  nn::check(job.optimizer);
  nn::check(job.schedule);
  return job;
}

namespace {
/// The first step that ends at or behind the end of an epoch: ceil(eN / B).
bool is_epoch_end(const TrainSpec& spec, std::uint64_t samples, std::uint64_t version) {
  const auto batch = static_cast<std::uint64_t>(spec.batch);
  const std::uint64_t epoch = version * batch / samples;
  return epoch > 0 && (epoch * samples + batch - 1) / batch == version;
}
}  // namespace

bool is_evaluated(const TrainSpec& spec, std::uint64_t samples, std::uint64_t version) {
  if (version == 0) return false;
  if (version == total_steps(spec, samples)) return true;
  return spec.evaluate_every > 0 ? version % spec.evaluate_every == 0
                                 : is_epoch_end(spec, samples, version);
}

bool is_checkpoint(const TrainSpec& spec, std::uint64_t samples, std::uint64_t version) {
  if (is_evaluated(spec, samples, version)) return true;
  return version > 0 && spec.checkpoint_every > 0 && version % spec.checkpoint_every == 0;
}

}  // namespace troupe::actors
