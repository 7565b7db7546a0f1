# maspo_library(NAME SOURCES... [DEPS targets...] [TORCH])      a static library of one folder
# maspo_binary(NAME SOURCES... [DEPS targets...] [TORCH])       a program in build/bin
# maspo_test(NAME SOURCES... [DEPS targets...] [TORCH] [LABEL unit|service|parity|e2e|gpu])
#
# TORCH adds LibTorch and its precompiled header (compiled once, shared by every such target). Most of what such a source costs
# is still LibTorch's, so several of a library or program are compiled as one, and a change of one compiles its neighbours.
if(NOT CMAKE_UNITY_BUILD)  # Lint and the sanitizers, where everything is compiled like that, take eight.
  set(CMAKE_UNITY_BUILD_BATCH_SIZE 4)
endif()
function(_maspo_configure name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "TORCH" "LABEL" "SOURCES;DEPS")
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR}/gen)
  target_link_libraries(${name} PUBLIC ${arg_DEPS})
  if(arg_TORCH)
    target_link_libraries(${name} PUBLIC maspo_torch)
    target_precompile_headers(${name} REUSE_FROM maspo_torch_pch)
    set_target_properties(${name} PROPERTIES UNITY_BUILD ON)
  endif()
  get_target_property(type ${name} TYPE)
  if(TARGET maspo_tsan_abseil AND type STREQUAL "EXECUTABLE")
    target_link_libraries(${name} PRIVATE maspo_tsan_abseil)
  endif()
endfunction()

function(maspo_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "TORCH" "" "SOURCES;DEPS")
  add_library(${name} STATIC ${arg_UNPARSED_ARGUMENTS} ${arg_SOURCES})
  _maspo_configure(${name} ${ARGN})
endfunction()

function(maspo_binary name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "TORCH" "" "SOURCES;DEPS")
  add_executable(${name} ${arg_UNPARSED_ARGUMENTS} ${arg_SOURCES})
  _maspo_configure(${name} ${ARGN})
endfunction()

function(maspo_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "TORCH" "LABEL" "SOURCES;DEPS")
  if(NOT arg_LABEL)
    set(arg_LABEL unit)
  endif()
  add_executable(${name} ${arg_UNPARSED_ARGUMENTS} ${arg_SOURCES})
  _maspo_configure(${name} ${ARGN})
  target_link_libraries(${name} PUBLIC GTest::gtest_main GTest::gmock)
  if(NOT arg_TORCH)
    target_compile_options(${name} PRIVATE -O0)  # Test code is compiled far more often than run; what it tests is not.
  endif()
  set_target_properties(${name} PROPERTIES UNITY_BUILD OFF)  # Tests have helpers of the same names.
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS ${arg_LABEL} TIMEOUT 300
    ENVIRONMENT "MASPO_SOURCE_DIR=${PROJECT_SOURCE_DIR};MASPO_BIN_DIR=${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
  if(arg_LABEL STREQUAL "gpu")  # See tests/support/gpu.h.
    set_tests_properties(${name} PROPERTIES SKIP_REGULAR_EXPRESSION "this machine has no NVIDIA driver")
  endif()
endfunction()

if(MASPO_TORCH)
  file(WRITE ${PROJECT_BINARY_DIR}/gen/torch_pch.cc "")
  add_library(maspo_torch_pch OBJECT ${PROJECT_BINARY_DIR}/gen/torch_pch.cc)
  target_link_libraries(maspo_torch_pch PUBLIC maspo_torch)
  target_precompile_headers(maspo_torch_pch PRIVATE <torch/torch.h>)
endif()
