# SPDX-License-Identifier: BSL-1.0
# tenon::tenon   the library: shapes, expressions, programs, layers
# tenon::text    + tokenisation and vocabularies (utf8proc)
# tenon::subwords  tenon::text + SentencePiece
# tenon::io      + model files (nlohmann_json)
# tenon::train   tenon::text + tenon::io
# tenon::cuda   what sources that nvcc compiles need besides (TenonCuda.cmake)
# tenon::native  code for the processor of the machine that compiles; never forced on users of the library

add_library(tenon INTERFACE)
add_library(tenon::tenon ALIAS tenon)
target_compile_features(tenon INTERFACE cxx_std_20)
set(system "")
if(NOT PROJECT_IS_TOP_LEVEL)
  set(system SYSTEM)  # another project's warning flags are not for these headers: -Wshadow, say, sees its globals in our templates
endif()
target_include_directories(tenon ${system} INTERFACE "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>"
                                           "$<INSTALL_INTERFACE:include>")
target_link_libraries(tenon INTERFACE Threads::Threads OpenMP::OpenMP_CXX tenon::openblas tenon::hana)
# A recorded program is one long constant expression, longer than compilers allow unasked. It leaves g++ much garbage;
# collecting it less often than by default saves a tenth of the time for a tenth of memory.
set(TENON_GCC_CONSTEXPR -fconstexpr-ops-limit=1000000000 -fconstexpr-loop-limit=10000000 -fconstexpr-depth=2048
                        --param=ggc-min-expand=200)
set(TENON_CLANG_CONSTEXPR -fconstexpr-steps=100000000 -fconstexpr-depth=2048)
target_compile_options(tenon INTERFACE "$<$<COMPILE_LANG_AND_ID:CXX,GNU>:${TENON_GCC_CONSTEXPR}>"
                                       "$<$<COMPILE_LANG_AND_ID:CXX,Clang>:${TENON_CLANG_CONSTEXPR}>")
set(TENON_EXPORTED tenon)

if(TENON_CUDA)
  include(cmake/TenonCuda.cmake)
endif()

macro(_tenon_component name)
  add_library(tenon_${name} INTERFACE)
  add_library(tenon::${name} ALIAS tenon_${name})
  set_target_properties(tenon_${name} PROPERTIES EXPORT_NAME ${name})
  target_link_libraries(tenon_${name} INTERFACE ${ARGN})
  list(APPEND TENON_EXPORTED tenon_${name})
endmacro()

if(TENON_HAS_TEXT)
  _tenon_component(text tenon tenon::utf8proc)
endif()
if(TENON_HAS_SUBWORDS)
  _tenon_component(subwords tenon_text tenon::sentencepiece tenon::sentencepiece_train)
endif()
if(TENON_HAS_IO)
  _tenon_component(io tenon tenon::json)
endif()
if(TENON_HAS_TEXT AND TENON_HAS_IO)
  _tenon_component(train tenon_text tenon_io)
endif()
_tenon_component(native)
target_compile_options(tenon_native INTERFACE "$<$<COMPILE_LANGUAGE:CXX>:-march=native>"
                                              # clang 19 warns of what it detects itself, on processors with AVX10
                                              "$<$<COMPILE_LANG_AND_ID:CXX,Clang>:-Wno-invalid-feature-combination>")

# What Tenon's own tests, examples and benchmarks are held to; not exported.
add_library(tenon_own INTERFACE)
target_compile_options(tenon_own INTERFACE "$<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra;-Wconversion;-Wshadow;-Werror>"
                                           "$<$<COMPILE_LANGUAGE:CUDA>:-Werror=all-warnings;-Xptxas=-v>")  # read by scripts/kernel_report.py
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # g++ 12 sees overlapping copies in `"literal" + std::string` where there are none (GCC bug 105651).
  target_compile_options(tenon_own INTERFACE "$<$<COMPILE_LANGUAGE:CXX>:-Wno-restrict>")
endif()
if(TENON_NATIVE)
  target_link_libraries(tenon_own INTERFACE tenon_native)
endif()
