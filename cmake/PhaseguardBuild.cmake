# Compiler settings and the helpers that declare a room, a program and a test.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
if(NOT DEFINED CMAKE_COMPILE_WARNING_AS_ERROR)
  # Off: cmake -DCMAKE_COMPILE_WARNING_AS_ERROR=OFF, or --compile-no-warning-as-error. In another project it is that project's matter.
  set(CMAKE_COMPILE_WARNING_AS_ERROR ${PROJECT_IS_TOP_LEVEL})
endif()
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "" FORCE)
endif()

set(PHASEGUARD_SANITIZE "" CACHE STRING "Sanitizers, as -fsanitize= takes them (empty: none)")

find_program(PHASEGUARD_CCACHE ccache)
if(PHASEGUARD_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${PHASEGUARD_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${PHASEGUARD_CCACHE})
endif()

add_library(phaseguard_options INTERFACE)
target_include_directories(phaseguard_options INTERFACE ${PROJECT_SOURCE_DIR})
# Contraction would fuse a*b+c on one compiler and not on another; decisions must be the same bits everywhere.
target_compile_options(phaseguard_options INTERFACE -Wall -Wextra -ffp-contract=off -fstack-protector-strong
  # GCC 12 sees overlapping copies in std::string's own operator+ once it is inlined (GCC bug 105651; mended in 13).
  $<$<AND:$<CXX_COMPILER_ID:GNU>,$<VERSION_LESS:$<CXX_COMPILER_VERSION>,13>>:-Wno-restrict>)
target_compile_definitions(phaseguard_options INTERFACE
  PHASEGUARD_VERSION="${PROJECT_VERSION}"
  $<$<CONFIG:RelWithDebInfo,Debug>:_GLIBCXX_ASSERTIONS>)
if(PHASEGUARD_SANITIZE)
  target_compile_options(phaseguard_options INTERFACE -fsanitize=${PHASEGUARD_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(phaseguard_options INTERFACE -fsanitize=${PHASEGUARD_SANITIZE})
endif()

# phaseguard_room(<name> SOURCES a.cpp... [LINK libs...]): static library phaseguard_<name>.
function(phaseguard_room name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK;PRIVATE_LINK" ${ARGN})
  add_library(phaseguard_${name} STATIC ${ARG_SOURCES})
  target_link_libraries(phaseguard_${name} PUBLIC phaseguard_options ${ARG_LINK} PRIVATE ${ARG_PRIVATE_LINK})
endfunction()

# phaseguard_program(<file name> SOURCES a.cpp... LINK libs...): executable in bin/.
function(phaseguard_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LINK})
endfunction()

# phaseguard_test(<name> SOURCES a.cpp... LINK libs... [LABELS l...] [TIMEOUT s]): one Catch2 executable, one ctest.
# One executable per layer links only what that layer may, so that the link line is a layering test.
function(phaseguard_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;LINK;LABELS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 240)
  endif()
  add_executable(test_${name} ${ARG_SOURCES})
  target_link_libraries(test_${name} PRIVATE ${ARG_LINK} phaseguard_test_main)
  set_target_properties(test_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME ${name} COMMAND test_${name})
  set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}")
endfunction()
