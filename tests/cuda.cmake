# SPDX-License-Identifier: BSL-1.0
# The tests of a build for NVIDIA GPUs: gpu.* run there, and are skipped where there is none. What needs no GPU is tested by the
# other builds.
string(REGEX REPLACE "-O[0-9]" "-O0" CMAKE_CUDA_FLAGS_RELEASE "${CMAKE_CUDA_FLAGS_RELEASE}")  # of the host's code: less to build
add_library(tests_main OBJECT main.cpp)
target_compile_definitions(tests_main PUBLIC DOCTEST_CONFIG_SUPER_FAST_ASSERTS)
target_link_libraries(tests_main PUBLIC doctest::doctest PRIVATE tenon::tenon)
foreach(name IN ITEMS cuda cuda_models gradient gradient_operations)
  add_executable(${name}_gpu_test)
  tenon_compile_as_cuda(${name}_gpu_test ${name}_test.cpp)
  target_include_directories(${name}_gpu_test PRIVATE "${CMAKE_CURRENT_SOURCE_DIR}")
  target_link_libraries(${name}_gpu_test PRIVATE tests_main tenon_own tenon::cuda)
  add_test(NAME gpu.${name} COMMAND ${name}_gpu_test)
  set_tests_properties(gpu.${name} PROPERTIES LABELS gpu TIMEOUT 600 SKIP_REGULAR_EXPRESSION "no NVIDIA GPU was found")
endforeach()
# The translator says in one line that there is none.
add_test(NAME cli.no_gpu COMMAND tenon-translate train --epochs 1)
set_tests_properties(cli.no_gpu PROPERTIES LABELS cli PASS_REGULAR_EXPRESSION "^tenon-translate: no NVIDIA GPU was found: [^\n]*\n?$"
                     SKIP_REGULAR_EXPRESSION "recipe d2l-1.0")
