# SPDX-License-Identifier: BSL-1.0
# tenon_add_translator(NAME RECIPE HEADER [DEVICE cpu|cuda] [PORTABLE])
#
# Adds the executable NAME: a translator that trains and runs the model described by HEADER, a recipe like those in
# tenon/recipes/. DEVICE cuda compiles it by nvcc, for NVIDIA GPUs: the project must have enabled the language CUDA.
# HEADER is a file of the calling directory or one on the include path. The translator is compiled for this machine's
# processor unless PORTABLE is given. Needs the Debian package libcli11-dev besides those of tenon::train; a recipe of
# sub-words needs libsentencepiece-dev, too, and `serve` libcpp-httplib-dev.
#
# tenon_add_static_translator(NAME RECIPE HEADER MODEL HEADER [PORTABLE])
#
# Adds the executable NAME: a translator with one model compiled in, which `export` of a translator of that recipe has written.
# It reads no file and takes nothing from the heap.

# Where the translator's sources are: a package says so, and a project that Tenon is a part of need not know.
function(tenon_translator_sources result)
  if(TENON_TRANSLATOR_SOURCES)
    set(${result} "${TENON_TRANSLATOR_SOURCES}" PARENT_SCOPE)
  else()
    set(${result} "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/../examples/translate" PARENT_SCOPE)
  endif()
endfunction()

# The header's absolute path if it is a file of the calling directory, else as it is: one on the include path.
function(tenon_header_name result header)
  cmake_path(ABSOLUTE_PATH header OUTPUT_VARIABLE here)
  if(EXISTS "${here}")
    set(header "${here}")
  endif()
  set(${result} "${header}" PARENT_SCOPE)
endfunction()

function(tenon_add_translator name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "PORTABLE" "RECIPE;DEVICE" "")
  if(arg_UNPARSED_ARGUMENTS OR NOT arg_RECIPE)
    message(FATAL_ERROR "tenon_add_translator(${name} …): expected RECIPE HEADER [DEVICE cpu] [PORTABLE]")
  endif()
  if(NOT arg_DEVICE)
    set(arg_DEVICE cpu)
  endif()
  if(NOT arg_DEVICE MATCHES "^(cpu|cuda)$")
    message(FATAL_ERROR "tenon_add_translator(${name} …): there is no device ${arg_DEVICE}: choose DEVICE cpu or cuda")
  endif()
  if(arg_DEVICE STREQUAL "cuda" AND NOT TARGET tenon::cuda)
    message(FATAL_ERROR "tenon_add_translator(${name} …): DEVICE cuda needs tenon::cuda: set TENON_CUDA=ON where Tenon is built with your project, else say find_package(tenon COMPONENTS cuda)")
  endif()
  if(NOT TARGET tenon::train)
    message(FATAL_ERROR "tenon_add_translator(${name} …): install the Debian packages libutf8proc-dev and nlohmann-json3-dev")
  endif()
  find_path(TENON_CLI11_INCLUDE_DIR CLI/CLI.hpp)
  mark_as_advanced(TENON_CLI11_INCLUDE_DIR)
  if(NOT TENON_CLI11_INCLUDE_DIR)
    message(FATAL_ERROR "tenon_add_translator(${name} …): the header CLI/CLI.hpp was not found: install the Debian package libcli11-dev")
  endif()

  tenon_translator_sources(sources)
  tenon_header_name(recipe "${arg_RECIPE}")
  add_executable(${name} "${sources}/command_line.cpp")
  # Read once when the program starts: for speed it would be twice as large and take twice as long to compile.
  set_source_files_properties("${sources}/command_line.cpp" PROPERTIES
    COMPILE_OPTIONS "$<$<AND:$<CXX_COMPILER_ID:GNU,Clang>,$<CONFIG:Release>>:-Os>")
  if(arg_DEVICE STREQUAL "cpu")
    target_sources(${name} PRIVATE "${sources}/main.cpp")
  else()
    file(CONFIGURE OUTPUT ${name}.cu CONTENT "#include \"${sources}/main.cpp\"\n")  # the same source, for nvcc
    target_sources(${name} PRIVATE "${CMAKE_CURRENT_BINARY_DIR}/${name}.cu")
    target_compile_definitions(${name} PRIVATE TENON_TRANSLATOR_DEVICE=cuda_device)
    target_include_directories(${name} PRIVATE "${sources}")
    target_link_libraries(${name} PRIVATE tenon::cuda)
  endif()
  target_compile_definitions(${name} PRIVATE "TENON_RECIPE_HEADER=\"${recipe}\"")
  target_include_directories(${name} SYSTEM PRIVATE "${TENON_CLI11_INCLUDE_DIR}")
  # Loading a library takes milliseconds: a recipe of words needs no SentencePiece, and hardly any needs BLAS.
  target_link_options(${name} PRIVATE "LINKER:--as-needed")
  # Programs are tables of addresses: of their relocations little more than a bit each is left.
  include(CheckLinkerFlag)
  check_linker_flag(CXX "LINKER:-z,pack-relative-relocs" TENON_PACKS_RELOCATIONS)
  if(TENON_PACKS_RELOCATIONS)
    target_link_options(${name} PRIVATE "LINKER:-z,pack-relative-relocs")
  endif()
  target_link_libraries(${name} PRIVATE tenon::train)
  if(TARGET tenon::subwords)
    target_link_libraries(${name} PRIVATE tenon::subwords)
  endif()
  if(NOT arg_PORTABLE AND (NOT DEFINED TENON_NATIVE OR TENON_NATIVE))
    target_link_libraries(${name} PRIVATE tenon::native)
  endif()
  tenon_add_server()
  if(TARGET tenon_translate_server)
    add_dependencies(${name} tenon_translate_server)
    target_compile_definitions(${name} PRIVATE "TENON_SERVER_MODULE=\"$<TARGET_FILE:tenon_translate_server>\"")
    target_link_libraries(${name} PRIVATE ${CMAKE_DL_LIBS})
  endif()
endfunction()

# The module that `serve` of all translators loads, where the Debian package libcpp-httplib-dev is.
function(tenon_add_server)
  find_path(TENON_HTTPLIB_INCLUDE_DIR httplib.h)
  find_library(TENON_HTTPLIB_LIBRARY cpp-httplib)
  mark_as_advanced(TENON_HTTPLIB_INCLUDE_DIR TENON_HTTPLIB_LIBRARY)
  if(TARGET tenon_translate_server OR NOT TENON_HTTPLIB_INCLUDE_DIR OR NOT TENON_HTTPLIB_LIBRARY)
    return()
  endif()
  tenon_translator_sources(sources)
  add_library(tenon_translate_server MODULE "${sources}/server.cpp")
  set_target_properties(tenon_translate_server PROPERTIES PREFIX "" CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
  target_include_directories(tenon_translate_server SYSTEM PRIVATE "${TENON_HTTPLIB_INCLUDE_DIR}")
  target_link_libraries(tenon_translate_server PRIVATE tenon::train "${TENON_HTTPLIB_LIBRARY}")
endfunction()

function(tenon_add_static_translator name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "PORTABLE" "RECIPE;MODEL" "")
  if(arg_UNPARSED_ARGUMENTS OR NOT arg_RECIPE OR NOT arg_MODEL)
    message(FATAL_ERROR "tenon_add_static_translator(${name} …): expected RECIPE HEADER MODEL HEADER [PORTABLE]")
  endif()
  if(NOT TARGET tenon::train)
    message(FATAL_ERROR "tenon_add_static_translator(${name} …): install the Debian packages libutf8proc-dev and nlohmann-json3-dev")
  endif()
  tenon_translator_sources(sources)
  tenon_header_name(recipe "${arg_RECIPE}")
  tenon_header_name(model "${arg_MODEL}")
  add_executable(${name} "${sources}/static_main.cpp")
  target_compile_definitions(${name} PRIVATE "TENON_RECIPE_HEADER=\"${recipe}\"" "TENON_MODEL_HEADER=\"${model}\"")
  target_link_options(${name} PRIVATE "LINKER:--as-needed")  # of what the headers could call, it calls little
  target_link_libraries(${name} PRIVATE tenon::train)
  if(NOT arg_PORTABLE AND (NOT DEFINED TENON_NATIVE OR TENON_NATIVE))
    target_link_libraries(${name} PRIVATE tenon::native)
  endif()
endfunction()
