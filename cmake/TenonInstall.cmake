# SPDX-License-Identifier: BSL-1.0
# `cmake --install`: headers, the translator's source and recipes, and the package that find_package(tenon) reads.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/tenon")
install(TARGETS ${TENON_EXPORTED} EXPORT tenon)
install(EXPORT tenon NAMESPACE tenon:: FILE tenonTargets.cmake DESTINATION "${package_dir}")
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(DIRECTORY "${PROJECT_SOURCE_DIR}/examples/translate/" DESTINATION "${CMAKE_INSTALL_DATADIR}/tenon/translate")
install(FILES "${PROJECT_SOURCE_DIR}/examples/data/eng-fra.tsv" DESTINATION "${CMAKE_INSTALL_DATADIR}/tenon/data")
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DATADIR}/tenon")

set(translator_dir "${CMAKE_INSTALL_DATADIR}/tenon/translate")
configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/tenonConfig.cmake.in" "${PROJECT_BINARY_DIR}/tenonConfig.cmake"
                              INSTALL_DESTINATION "${package_dir}" PATH_VARS translator_dir)
# Until 1.0 a minor version may change what users write.
write_basic_package_version_file("${PROJECT_BINARY_DIR}/tenonConfigVersion.cmake" COMPATIBILITY SameMinorVersion
                                 ARCH_INDEPENDENT)
install(FILES "${PROJECT_BINARY_DIR}/tenonConfig.cmake" "${PROJECT_BINARY_DIR}/tenonConfigVersion.cmake"
              "${PROJECT_SOURCE_DIR}/cmake/TenonDependencies.cmake" "${PROJECT_SOURCE_DIR}/cmake/TenonTranslator.cmake"
              "${PROJECT_SOURCE_DIR}/cmake/TenonCuda.cmake"
        DESTINATION "${package_dir}")
