#include "actors/coordinator/save_order.hpp"

#include <capnp/message.h>

#include "actors/coordinator/training.hpp"
#include "actors/coordinator/version_list.hpp"
#include "runtime/base/error.hpp"
#include "serialization/make_frame.hpp"
#include "serialization/schema/training.capnp.h"
#include "serialization/sha256.hpp"

namespace troupe::actors {

std::optional<std::vector<std::uint64_t>> still_needed(
    FileSystem& files, const TrainingOptions& options,
    std::optional<std::vector<std::uint64_t>> needed) {
  if (!needed) return needed;
  try {
    for (const std::uint64_t step :
         listed_steps(files, options.serving_folder, options.checkpoints))
      needed->push_back(step);
  } catch (const Error&) {  // the list is the deployer's, and told of there
    needed.reset();
  }
  return needed;
}

serialization::Frame save_order(const TrainingOptions& options, std::uint64_t version,
                                const serialization::TrainingRecord& record,
                                const std::optional<std::vector<std::uint64_t>>& needed) {
  return serialization::make_frame<wire::SaveVersion>([&](auto head) {
    head.setJob(options.job->text());
    head.setMemory(options.memory);
    head.setVersion(version);
    head.setFolder(options.checkpoints);
    head.setConfig(record.config);
    head.setDataFingerprint(serialization::to_hex(record.data_fingerprint));
    head.setLedgerBytes(record.ledger_bytes);
    auto metrics = head.initMetrics(static_cast<unsigned>(record.metrics.size()));
    for (unsigned i = 0; i < record.metrics.size(); ++i) {
      metrics[i].setName(record.metrics[i].name);
      metrics[i].setStep(record.metrics[i].step);
      metrics[i].setValue(record.metrics[i].value);
    }
    auto machine = head.initMachine(static_cast<unsigned>(record.machine.size()));
    for (unsigned i = 0; i < record.machine.size(); ++i) {
      machine[i].setKey(record.machine[i].key);
      machine[i].setValue(record.machine[i].value);
    }
    if (!needed) return;
    head.setRemoveOld(true);
    auto steps = head.initNeeded(static_cast<unsigned>(needed->size()));
    for (unsigned i = 0; i < needed->size(); ++i) steps.set(i, (*needed)[i]);
  });
}

}  // namespace troupe::actors
