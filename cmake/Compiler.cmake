# Warnings, sanitizers and the compiler cache.
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

find_program(MASPO_CCACHE ccache)
if(MASPO_CCACHE)
  # Precompiled headers are only cached with this sloppiness; the next two let clones and build folders share objects. The
  # last remembers the hash of the precompiled header, 700 MB, instead of computing it for each object.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1 CCACHE_INODECACHE=1 ${MASPO_CCACHE})
endif()

# -pthread for all: a precompiled header serves only compilations that agree with it in this.
add_compile_options(-pthread -Wall -Wextra -Wno-unused-parameter -fno-strict-aliasing -fstack-protector-strong)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  add_compile_options(-Wthread-safety)
else()
  add_compile_options(-fpch-preprocess)
endif()
if(MASPO_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
if(MASPO_SANITIZER)
  add_compile_options(-fsanitize=${MASPO_SANITIZER} -fno-omit-frame-pointer -g)
  add_link_options(-fsanitize=${MASPO_SANITIZER})
endif()
if(MASPO_SANITIZER STREQUAL "thread")
  # Every program gets this object and sends its calls of Abseil's locks through it.
  add_library(maspo_tsan_abseil OBJECT ${PROJECT_SOURCE_DIR}/cmake/tsan_abseil.cc)
  file(STRINGS ${PROJECT_SOURCE_DIR}/cmake/tsan_abseil.cc wraps REGEX "^WRAP")
  foreach(line IN LISTS wraps)
    string(REGEX REPLACE "^WRAP.([^,]*),.*" "-Wl,--wrap=\\1" option "${line}")
    add_link_options(${option})
  endforeach()
endif()
