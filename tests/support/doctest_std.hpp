#pragma once
// doctest, able to print what std::ostream can.
#include <doctest/doctest.h>

#include <ostream>
#include <sstream>
