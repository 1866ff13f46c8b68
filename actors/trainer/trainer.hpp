#pragma once

namespace troupe::runtime {
class Registry;
}

namespace troupe::actors {

/// Adds the type "trainer".
///
/// A trainer computes the shards that its lease names, of the newest version, and sends their partial sums to the
/// aggregator; batches it asks of the loaders ahead of need. It keeps nothing that anybody else needs: all that it has
/// sent it can compute again, and so can every other trainer.
void add_trainer_type(runtime::Registry& registry);

}  // namespace troupe::actors
