# SPDX-License-Identifier: BSL-1.0
# tenon::cuda, for sources that nvcc compiles: in Tenon's own build if TENON_CUDA is set, in a project that says
# find_package(tenon COMPONENTS cuda). The CUDA toolkit must have been found.

add_library(tenon_cuda INTERFACE)
add_library(tenon::cuda ALIAS tenon_cuda)
target_link_libraries(tenon_cuda INTERFACE tenon::tenon CUDA::cudart CUDA::cublas CUDA::cublasLt)
# 186, 128: comparisons and loops that some extents make trivial; 1675: GCC's pragmas.
target_compile_options(tenon_cuda INTERFACE
  "$<$<COMPILE_LANGUAGE:CUDA>:-std=c++20;--expt-relaxed-constexpr;-diag-suppress=128,186,1675;-Xcompiler=-fopenmp>")

# tenon_compile_as_cuda(TARGET SOURCE…) adds C++ sources to a target, to be read by nvcc.
function(tenon_compile_as_cuda target)
  foreach(source IN LISTS ARGN)
    cmake_path(ABSOLUTE_PATH source)
    cmake_path(GET source STEM name)
    file(CONFIGURE OUTPUT "cuda/${target}/${name}.cu" CONTENT "#include \"${source}\"\n")
    target_sources(${target} PRIVATE "${CMAKE_CURRENT_BINARY_DIR}/cuda/${target}/${name}.cu")
  endforeach()
endfunction()
