// Invariants of our own code: on in release, never reachable from input.
#pragma once

#include <cstdio>
#include <cstdlib>

#define PHASEGUARD_CHECK(condition)                                                            \
  do {                                                                                         \
    if (!(condition)) {                                                                        \
      std::fprintf(stderr, "phaseguard: broken invariant: %s (%s:%d)\n", #condition, __FILE__, \
                   __LINE__);                                                                  \
      std::abort();                                                                            \
    }                                                                                          \
  } while (false)
