#pragma once

#include <string>
#include <vector>

namespace troupe::runtime {
class Registry;
}

namespace troupe::apps {

using Words = std::vector<std::string>;

// Each is given what stands behind its name, and returns the exit code: 0, or 1 if the answer is "no". What it
// throws is bad usage or bad input: one line, and 2.

int types(const Words& words, runtime::Registry& registry);
int check(const Words& words, runtime::Registry& registry);
int explain(const Words& words, runtime::Registry& registry);
int run(const Words& words, runtime::Registry& registry);
int serve(const Words& words, runtime::Registry& registry);

// These look at what runs left behind, and at data.

int audit(const Words& words);
int predict(const Words& words);
int export_model(const Words& words);
int data(const Words& words);

// These talk to a node that runs.

int ps(const Words& words);
int logs(const Words& words);
int metrics(const Words& words);
int scale(const Words& words);
int stop(const Words& words);
int fault(const Words& words);
int promote(const Words& words);
int rollback(const Words& words);

}  // namespace troupe::apps
