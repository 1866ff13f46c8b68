# What is said about serving by the roles of a job. New fields get new numbers; none is reused.
@0xc17e5a90d3b24603;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("troupe::wire");
