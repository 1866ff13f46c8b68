#pragma once

namespace troupe::runtime {

/// CAF names a process by hardware addresses, the root disk and the process number, which are the same in two
/// containers of one image. Ours is random instead, by a replacement of CAF's function.
/// @throws Error bug if CAF did not call it: a program that links CAF before Troupe.
void check_node_identity();

}  // namespace troupe::runtime
