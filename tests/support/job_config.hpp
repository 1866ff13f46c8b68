#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "actors/coordinator/prepared_job.hpp"
#include "runtime/config/config.hpp"

namespace troupe::test {

/// What the job of a config is made of: the parameters of /job's first child. @param base  the config's folder
inline actors::JobSections sections_of(const runtime::NodeConfig& config, const std::string& base) {
  const runtime::Parameters with =
      config.root.children.front().supervisor->children.front().parameters;
  actors::JobSections sections = actors::sections_of(with);
  sections.base = base;
  return sections;
}

/// Of a supervisor and all below it, groups too: faults on purpose come faster than those that operators bear.
inline void set_intensity(runtime::SupervisorSpec& spec, std::uint32_t intensity) {
  spec.intensity = intensity;
  for (runtime::ChildSpec& child : spec.children) {
    if (!child.supervisor) continue;
    auto below = std::make_shared<runtime::SupervisorSpec>(*child.supervisor);
    set_intensity(*below, intensity);
    child.supervisor = std::move(below);
  }
}

}  // namespace troupe::test
