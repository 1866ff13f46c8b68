#include "apps/troupe/command_help.hpp"

#include <array>
#include <utility>

namespace troupe::apps {
namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 17> texts{{
    {"types", R"(usage: troupe types [--plugin FILE]… [--markdown]

Lists the actor types and sections that configs know, with their parameters.
  --plugin FILE  also those of a shared object
  --markdown     as docs/config.md has them
)"},
    {"check", R"(usage: troupe check FILE [--set A.B=V]…

Reads a config and prints every problem, one a line: FILE:LINE:COLUMN: what was expected, what came.
Exit code: 0 none, 1 problems, 2 bad usage.
)"},
    {"explain", R"(usage: troupe explain FILE [--set A.B=V]…

Prints the tree of actors that a config means, with all defaults: a config itself.
Exit code: 0 done, 1 the config has problems, 2 bad usage.
)"},
    {"run", R"(usage: troupe run FILE [OPTION]…

Runs a config: its job until it ends, or what it serves until SIGINT, SIGTERM or SIGHUP. In mid-training these save first.
  --set A.B=V                       changes one value of the config
  --resume                          goes on with the newest run of that name that has begun; it must be of the same job
  --new-machine                     with --resume: also where the job's bits are others from there on; it is noted
  --runs FOLDER                     where run folders are made (runs)
  --prepared FOLDER                 where prepared data is kept (prepared)
  --exit-when-trained               ends with the job, though it serves
  --json                            events as JSON, one a line, and nothing else on stdout
  --threads N                       of the scheduler
  --log-level L, --log-format F     L: debug, info, warning, error, off; F: text, json
  --trace FILE                      writes what each thread did, for Perfetto
  --control PATH|none               the control socket
Exit code: 0 done, 1 failed or the gate was not passed, 2 bad usage or input, 3 interrupted: --resume goes on.
)"},
    {"serve", R"(usage: troupe serve CHECKPOINT|RUN_FOLDER [OPTION]…

Serves a saved model over HTTP (the Open Inference Protocol, version 2), until SIGINT, SIGTERM or `troupe stop`. Of a run's
folder the version that its job gave is served; if its gate was not passed, that is said. For TLS, limits, batching and
feedback write a config with a section deploy, and run that.
  --listen ADDRESS:PORT  where it listens (127.0.0.1:8000); port 0: any free one; other machines may reach it with a token
  --token T              a bearer token that each request must bring
  --replicas N           that compute (1)
  --model NAME           the model's name in URLs (model)
  --name NODE            the node's name, for ps, promote and the like (the model's)
  --runs FOLDER          where NODE-serving/ remembers what is served (runs)
  --json, --threads N, --log-level L, --log-format F, --trace FILE, --control PATH|none: as of troupe run
Exit code: 0 done, 1 failed (the address is taken, for instance), 2 bad usage or input.
)"},
    {"promote", R"(usage: troupe promote NODE CHECKPOINT|RUN_FOLDER [--force]

Has a node that serves take a version, of a run's folder the one that its job gave; what was served is served until all
replicas have loaded it, and `troupe rollback` goes back to it. A version whose gate was not passed, and a checkpoint, of
which no gate was decided, is refused.
  --force  deploys it all the same
Exit code: 0 it is served, 2 bad usage or input, no such node, or it is not served, with the reason.
)"},
    {"rollback", R"(usage: troupe rollback NODE

Has a node that serves go back to the version that was served before this one; again: forth. Refused while another version
is being deployed.
Exit code: 0 it is served, 2 bad usage, no such node, or there is no version before.
)"},
    {"audit", R"(usage: troupe audit RUN_FOLDER

Computes anew which training records each step had to consume, and compares that with what the run's ledger says it
did. Prints that each position was consumed exactly once, and which were left over, or where it was otherwise: step,
shard, positions, and which record was skipped, consumed twice or swapped; and from which step on a job went on with
another machine's bits (--new-machine). Verifies the version that the run names: that its checkpoint is whole, and of that
step, state, job, seed and data. Needs the run's prepared data.
Exit code: 0 as it should be, 1 differences or problems, 2 bad usage or input.
)"},
    {"predict", R"(usage: troupe predict CHECKPOINT|RUN_FOLDER FILE.csv|- [--header] [--json]

Predicts from rows of raw features (plain or gzip; - is standard input), without labels. Of a run's folder the version
that its job gave is taken, else the newest. Prints row, class and the probability of each class, or a value.
  --header  the first row names the columns
  --json    one object a line
Exit code: 0 done, 2 bad usage or input; rows before a faulty one may have been printed.
)"},
    {"export", R"(usage: troupe export CHECKPOINT|RUN_FOLDER FOLDER

Makes a folder with the model for other programs: model.safetensors, graph.json, input.json.
Exit code: 0 done, 2 bad usage or input (the folder exists, for instance).
)"},
    {"data", R"(usage: troupe data [mnist|optdigits]

Says where public data sets come from, their licences, where they are looked for ($TROUPE_DATA, else ~/.cache/troupe),
and verifies the files by SHA-256. Downloads nothing.
Exit code: 0 all files are there and right, 1 some are missing or wrong, 2 bad usage.
)"},
    {"ps", R"(usage: troupe ps [NODE]

Shows what runs: tree, state, mailbox, restarts, last error, uptime.
Exit code: 0 done, 2 bad usage, or no such node runs.
)"},
    {"logs", R"(usage: troupe logs [NODE] [--follow]

Prints a node's log, as far as it remembers.
Exit code: 0 done, 2 bad usage, or no such node runs.
)"},
    {"metrics", R"(usage: troupe metrics [NODE]

Prints a node's metrics in Prometheus' text format.
Exit code: 0 done, 2 bad usage, or no such node runs.
)"},
    {"scale", R"(usage: troupe scale NODE GROUP COUNT

So many replicas of a group from here on.
Exit code: 0 done, 2 bad usage, no such node, or no group of that path.
)"},
    {"stop", R"(usage: troupe stop [NODE]

Ends a node in order; a job in mid-training saves first.
Exit code: 0 done, 2 bad usage, or no such node runs.
)"},
    {"fault",
     R"(usage: troupe fault NODE KIND PATH [--for DURATION] [--from PATH] [--count N] [--probability P] [--text TEXT]

Does to an actor what tests do. KIND: kill, throw, stall, drop, delay, duplicate, clear, or a signal's name.
Exit code: 0 done, 2 bad usage, no such node, or nobody of that path.
)"},
}};

}  // namespace

std::string_view command_help(std::string_view command) {
  for (const auto& [name, text] : texts)
    if (name == command) return text;
  return {};
}

}  // namespace troupe::apps
