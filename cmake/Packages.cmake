# Debian's packages, and LibTorch from the PyPI wheel that scripts/setup unpacks into third_party/.
find_package(Threads REQUIRED)
find_package(absl REQUIRED)
find_package(Protobuf REQUIRED)
find_package(gRPC CONFIG REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(spdlog REQUIRED)
find_package(prometheus-cpp CONFIG REQUIRED)
find_package(CLI11 REQUIRED)
if(MASPO_TESTS)
  find_package(GTest CONFIG REQUIRED)
  include(GoogleTest)
endif()

# Exact and ball arithmetic of answers. FLINT 3 contains Arb; with FLINT 2 it is a library of its own.
find_library(MASPO_FLINT flint REQUIRED)
find_library(MASPO_ARB NAMES flint-arb arb)
find_library(MASPO_GMP gmp REQUIRED)
add_library(maspo_flint INTERFACE)
target_link_libraries(maspo_flint INTERFACE ${MASPO_FLINT})
if(MASPO_ARB)
  target_link_libraries(maspo_flint INTERFACE ${MASPO_ARB})
endif()
target_link_libraries(maspo_flint INTERFACE ${MASPO_GMP})

# HTTP for external scorers.
find_package(PkgConfig REQUIRED)
pkg_check_modules(MASPO_HTTPLIB REQUIRED IMPORTED_TARGET cpp-httplib)
add_library(maspo_httplib INTERFACE)
target_link_libraries(maspo_httplib INTERFACE PkgConfig::MASPO_HTTPLIB ssl crypto)

add_library(maspo_xxhash INTERFACE)
target_link_libraries(maspo_xxhash INTERFACE xxhash)

if(MASPO_TORCH)
  set(MASPO_WHEELS ${PROJECT_SOURCE_DIR}/third_party/wheels)
  if(NOT EXISTS ${MASPO_WHEELS}/torch/lib/libtorch_cpu.so)
    message(FATAL_ERROR "LibTorch is not in ${MASPO_WHEELS}: run scripts/setup first (or configure with -DMASPO_TORCH=OFF)")
  endif()
  # third_party/torch_include links to the wheel's headers without its google/ and fmt/, which would shadow the system's
  # protobuf and the fmt of spdlog. Every binary links the CPU library alone; CUDA is opened at run time.
  add_library(maspo_torch INTERFACE)
  target_include_directories(maspo_torch SYSTEM INTERFACE
    ${PROJECT_SOURCE_DIR}/third_party/torch_include
    ${PROJECT_SOURCE_DIR}/third_party/torch_include/torch/csrc/api/include)
  target_compile_definitions(maspo_torch INTERFACE USE_DISTRIBUTED USE_C10D_GLOO)
  target_link_libraries(maspo_torch INTERFACE
    ${MASPO_WHEELS}/torch/lib/libtorch_cpu.so ${MASPO_WHEELS}/torch/lib/libc10.so Threads::Threads)
  # For the link alone; where the libraries are at run time CMake knows, and changes when it installs.
  target_link_options(maspo_torch INTERFACE
    -Wl,-rpath-link,${MASPO_WHEELS}/torch/lib -Wl,-rpath-link,${MASPO_WHEELS}/nvidia/cu13/lib)
  # Whatever has tensors gets its memory here: those of a few MiB leave holes in glibc's heap, so that a rank held up to half
  # as much again as lives in it. Sanitizers have an allocator of their own.
  if(NOT MASPO_SANITIZER)
    find_package(mimalloc REQUIRED)
    target_link_libraries(maspo_torch INTERFACE mimalloc)
  endif()
endif()
