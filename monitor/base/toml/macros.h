// To be included just before <toml++/toml.h>, after its TOML_ settings. The parser asserts that a
// key begins with a character of keys and then reports text such as "[=]" where it does not: the
// assertion would end a build with assertions, and clang may take it for granted in one without.
// Without it every build answers such text with an error.
#pragma once

#if __has_include(<toml++/impl/preprocessor.hpp>)
#include <toml++/impl/preprocessor.hpp>  // toml++ 3.4, of Debian 13
#else
#include <toml++/impl/preprocessor.h>
#endif

#undef TOML_ASSERT_ASSUME
#define TOML_ASSERT_ASSUME(expr) static_assert(true)
