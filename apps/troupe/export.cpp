#include <cstdio>

#include "actors/model/export_model.hpp"
#include "apps/troupe/arguments.hpp"
#include "apps/troupe/commands.hpp"
#include "apps/troupe/find_checkpoint.hpp"
#include "runtime/base/file.hpp"

namespace troupe::apps {

int export_model(const Words& words) {
  const Arguments arguments{words, {}, {}};
  arguments.expect(2, 2, "a checkpoint or a run's folder, and the folder to make");
  const std::string checkpoint = find_checkpoint(arguments.rest()[0]);
  const std::string& folder = arguments.rest()[1];
  actors::export_model(posix_files(), checkpoint, folder);
  std::printf("%s -> %s: model.safetensors, graph.json, input.json\n", checkpoint.c_str(),
              folder.c_str());
  return 0;
}

}  // namespace troupe::apps
