#include <cstdio>

#include "actors/coordinator/audit.hpp"
#include "apps/troupe/arguments.hpp"
#include "apps/troupe/commands.hpp"
#include "runtime/base/file.hpp"

namespace troupe::apps {

int audit(const Words& words) {
  const Arguments arguments{words, {}, {}};
  arguments.expect(1, 1, "one run's folder");
  const actors::AuditReport report = actors::audit_run(posix_files(), arguments.rest().front());
  std::fputs(report.text().c_str(), stdout);
  return report.ok() ? 0 : 1;
}

}  // namespace troupe::apps
