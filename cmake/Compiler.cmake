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

# The compilers of CI; another version may warn of more, which is no reason to refuse a user's build.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13 OR
   CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 15)
  set(werror ON)
else()
  set(werror OFF)
endif()
option(MASPO_WERROR "Warnings of our code are errors" ${werror})

# -pthread for all: a precompiled header serves only compilations that agree with it in this.
add_compile_options(-pthread -Wall -Wextra -Wno-unused-parameter -fno-strict-aliasing -fstack-protector-strong)
if(MASPO_WERROR)
  add_compile_options(-Werror)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  add_compile_options(-Wthread-safety "SHELL:-Xclang -fno-pch-timestamp")  # The latter lets ccache know the precompiled header.
else()
  # GCC 12 warns of std::string's own code (its bug 105651), and of what a designated initialiser leaves at its default.
  add_compile_options(-fpch-preprocess -Wno-restrict -Wno-stringop-overflow -Wno-missing-field-initializers)
endif()
if(MASPO_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
if(MASPO_SANITIZER)
  add_compile_options(-fsanitize=${MASPO_SANITIZER} -fno-omit-frame-pointer)
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
