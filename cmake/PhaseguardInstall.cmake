# `cmake --install build/release [--component C] [--prefix P]`, C one of daemon, cli, dashboard, probe, lab, hook, dev, python,
# assets. What a component needs of another: all programs `assets`, `python` and `dev` also `hook`.
include(CMakePackageConfigHelpers)

set(PHASEGUARD_PYTHON_DIR lib/python3/dist-packages CACHE STRING "Where the Python package goes, below the prefix")
set(phaseguard_data ${CMAKE_INSTALL_DATADIR}/phaseguard)
set(phaseguard_cmake ${CMAKE_INSTALL_LIBDIR}/cmake/PhaseGuard)

# phaseguard_install_program(<component> <target>...): those that are built.
function(phaseguard_install_program component)
  foreach(program ${ARGN})
    if(TARGET ${program})
      install(TARGETS ${program} RUNTIME COMPONENT ${component})
    endif()
  endforeach()
endfunction()

phaseguard_install_program(daemon phaseguardd)
phaseguard_install_program(cli phaseguard phaseguard-conformance)
phaseguard_install_program(dashboard phaseguard-dashboard)
phaseguard_install_program(probe phaseguard-probe)
phaseguard_install_program(lab phaseguard-lab)

foreach(folder canaries criteria lab personas policies traits)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/assets/${folder} DESTINATION ${phaseguard_data} COMPONENT assets)
endforeach()
install(DIRECTORY ${PROJECT_SOURCE_DIR}/assets/systemd DESTINATION ${phaseguard_data} COMPONENT daemon)
if(TARGET phaseguard-dashboard)
  install(FILES ${PROJECT_SOURCE_DIR}/assets/phaseguard-dashboard.desktop
    DESTINATION ${CMAKE_INSTALL_DATADIR}/applications COMPONENT dashboard)
  install(FILES ${PROJECT_SOURCE_DIR}/assets/phaseguard.svg
    DESTINATION ${CMAKE_INSTALL_DATADIR}/icons/hicolor/scalable/apps COMPONENT dashboard)
  install(FILES ${PROJECT_SOURCE_DIR}/assets/phaseguard-run.xml
    DESTINATION ${CMAKE_INSTALL_DATADIR}/mime/packages COMPONENT dashboard)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/assets/fonts DESTINATION ${phaseguard_data} COMPONENT dashboard)
endif()

# The library for any language, and what a C program needs to be compiled with it.
install(TARGETS phaseguard_c EXPORT PhaseGuardC
  LIBRARY COMPONENT hook NAMELINK_COMPONENT dev)
install(FILES ${PROJECT_SOURCE_DIR}/trainer-hook/c/phaseguard.h TYPE INCLUDE COMPONENT dev)
install(EXPORT PhaseGuardC NAMESPACE PhaseGuard:: DESTINATION ${phaseguard_cmake} COMPONENT dev)

# The rooms of a C++ trainer.
set(phaseguard_exported base stats tensors wire run policy keys link samples reporter js canary_set reference_cache probe_math defense_rules)
set(phaseguard_headers monitor/base monitor/stats monitor/tensors monitor/wire monitor/run monitor/policy monitor/keys monitor/link
  canaries probe trainer-hook/samples trainer-hook/reporter trainer-hook/defenses)
if(PHASEGUARD_TORCH)
  list(APPEND phaseguard_exported canaries canary_monitor probe defenses hook)
  list(APPEND phaseguard_headers trainer-hook/hook)
endif()
list(TRANSFORM phaseguard_exported PREPEND phaseguard_ OUTPUT_VARIABLE phaseguard_exported_targets)
install(TARGETS ${phaseguard_exported_targets} EXPORT PhaseGuardHook ARCHIVE COMPONENT dev)
install(EXPORT PhaseGuardHook NAMESPACE PhaseGuard:: DESTINATION ${phaseguard_cmake} COMPONENT dev)
foreach(folder ${phaseguard_headers})
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/${folder}/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/phaseguard/${folder}
    COMPONENT dev FILES_MATCHING PATTERN "*.h" PATTERN lint EXCLUDE)
endforeach()

configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/PhaseGuardConfig.cmake.in ${PROJECT_BINARY_DIR}/PhaseGuardConfig.cmake
  INSTALL_DESTINATION ${phaseguard_cmake} NO_SET_AND_CHECK_MACRO)
# 0.x: any minor version may change an interface.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/PhaseGuardConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/PhaseGuardConfig.cmake ${PROJECT_BINARY_DIR}/PhaseGuardConfigVersion.cmake
  DESTINATION ${phaseguard_cmake} COMPONENT dev)

# pkg-config finds its own prefix from where the file lies.
file(RELATIVE_PATH phaseguard_pc_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(${PROJECT_SOURCE_DIR}/cmake/phaseguard.pc.in ${PROJECT_BINARY_DIR}/phaseguard.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/phaseguard.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT dev)

# The package looks for the library beside itself.
install(DIRECTORY ${PROJECT_SOURCE_DIR}/trainer-hook/python/phaseguard DESTINATION ${PHASEGUARD_PYTHON_DIR} COMPONENT python
  FILES_MATCHING PATTERN "*.py" PATTERN "py.typed")
foreach(folder canaries personas traits)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/assets/${folder} DESTINATION ${PHASEGUARD_PYTHON_DIR}/phaseguard/data COMPONENT python)
endforeach()
file(RELATIVE_PATH phaseguard_library /${PHASEGUARD_PYTHON_DIR}/phaseguard /${CMAKE_INSTALL_LIBDIR}/libphaseguard.so.0)
file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/python)
file(CREATE_LINK ${phaseguard_library} ${PROJECT_BINARY_DIR}/python/libphaseguard.so.0 SYMBOLIC)
install(FILES ${PROJECT_BINARY_DIR}/python/libphaseguard.so.0 DESTINATION ${PHASEGUARD_PYTHON_DIR}/phaseguard COMPONENT python)
