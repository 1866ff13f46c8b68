#pragma once

#include "serialization/xxh3.hpp"

namespace troupe::gpu {
class Device;
}

namespace troupe::actors {

class TrainingJob;

/// What a machine makes of a job in small (JOB-6): rows that are drawn from the job's seed go through its transforms, the
/// plan for the shape of its shards, the tree's addition, its schedule and its optimizer, in one step at its start and
/// one in its middle, on a device of its kind. Machines that give one hash may share the job; another hash means other bits.
///
/// A pure function of the job, the device's kernels and the mathematics. Costs four shards, two updates and the making
/// of a plan. For one thread.
/// @throws Error as Plan and TransformChain do.
serialization::Xxh3Digest probe(const TrainingJob& job, gpu::Device& device);

/// The same by this process's CPU, whose kernels stay the same while it lives: computed at the first call for a job, and
/// remembered for the last 16 jobs. Thread-safe; who comes while another computes it waits for that.
serialization::Xxh3Digest probe_here(const TrainingJob& job);

}  // namespace troupe::actors
