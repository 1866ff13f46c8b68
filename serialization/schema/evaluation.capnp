# What is said about evaluation by the roles of a job. New fields get new numbers; none is reused.
@0xc17e5a90d3b24602;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("troupe::wire");
