# Everything from Debian packages; scripts/packages.txt names them.

# Who takes the tree by add_subdirectory links rooms from a folder of his own.
set(CMAKE_FIND_PACKAGE_TARGETS_GLOBAL ON)

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(ZMQ REQUIRED IMPORTED_TARGET GLOBAL libzmq)
pkg_check_modules(SQLITE3 REQUIRED IMPORTED_TARGET GLOBAL sqlite3)
pkg_check_modules(SODIUM REQUIRED IMPORTED_TARGET GLOBAL libsodium)
find_package(spdlog REQUIRED)
find_package(tomlplusplus REQUIRED)
find_path(PHASEGUARD_CLI11_INCLUDE CLI/CLI.hpp REQUIRED)
find_path(PHASEGUARD_JSON_INCLUDE nlohmann/json.hpp REQUIRED)
find_path(PHASEGUARD_CPPZMQ_INCLUDE zmq.hpp REQUIRED)
find_path(PHASEGUARD_BOOST_INCLUDE boost/math/distributions/students_t.hpp REQUIRED)
find_path(PHASEGUARD_EXPECTED_INCLUDE tl/expected.hpp REQUIRED)

# find_package(msgpack) finds the C library when both dev packages are installed, so the header is located by path.
find_path(PHASEGUARD_MSGPACK_INCLUDE msgpack.hpp REQUIRED)
add_library(phaseguard_msgpack INTERFACE IMPORTED GLOBAL)
target_include_directories(phaseguard_msgpack SYSTEM INTERFACE ${PHASEGUARD_MSGPACK_INCLUDE})
target_compile_definitions(phaseguard_msgpack INTERFACE MSGPACK_NO_BOOST)

if(PHASEGUARD_TORCH)
  find_package(Torch REQUIRED)
  add_library(phaseguard_torch INTERFACE IMPORTED GLOBAL)  # PhaseGuardConfig.cmake makes it anew
  target_link_libraries(phaseguard_torch INTERFACE ${TORCH_LIBRARIES})
  target_include_directories(phaseguard_torch SYSTEM INTERFACE ${TORCH_INCLUDE_DIRS})
endif()

if(PHASEGUARD_GUI)
  pkg_check_modules(IMGUI REQUIRED IMPORTED_TARGET GLOBAL imgui)
  pkg_check_modules(GLFW REQUIRED IMPORTED_TARGET GLOBAL glfw3)
  pkg_check_modules(EGL REQUIRED IMPORTED_TARGET GLOBAL egl)
  pkg_check_modules(GL REQUIRED IMPORTED_TARGET GLOBAL gl)
endif()
