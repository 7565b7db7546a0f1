# maspo_cargo_library(NAME SOURCES files...)      links the static library of the crate in this folder as NAME
#
# Cargo comes from the PATH (rustup, Debian's cargo-web), or from Ubuntu's versioned packages. Cargo.lock pins every
# crate. What cargo builds is the same in every build folder, so that they share it (CMakePresets.json).
set(MASPO_RUST_VERSION 1.80)
set(MASPO_CARGO_DIR ${CMAKE_BINARY_DIR}/cargo CACHE PATH "Where cargo builds")

# A compiler that is too old is passed over, so an old cargo package does not hide a newer one.
function(_maspo_check_cargo result candidate)
  execute_process(COMMAND ${candidate} --version OUTPUT_VARIABLE version ERROR_QUIET)
  if(NOT version MATCHES "cargo ([0-9.]+)" OR CMAKE_MATCH_1 VERSION_LESS MASPO_RUST_VERSION)
    set(${result} FALSE PARENT_SCOPE)
  endif()
endfunction()
find_program(MASPO_CARGO NAMES cargo cargo-1.89 cargo-1.85 cargo-1.84 cargo-1.83 cargo-1.82 cargo-1.81 cargo-1.80
  PATHS $ENV{HOME}/.cargo/bin VALIDATOR _maspo_check_cargo)
if(NOT MASPO_CARGO)
  message(FATAL_ERROR "No cargo of at least version ${MASPO_RUST_VERSION}: run scripts/setup (Debian 12: apt install cargo-web)")
endif()
# The compiler beside it, of the same version: rustc for cargo, rustc-1.80 for cargo-1.80.
string(REGEX REPLACE "cargo([^/]*)$" "rustc\\1" MASPO_RUSTC ${MASPO_CARGO})

function(maspo_cargo_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES")
  set(library ${MASPO_CARGO_DIR}/release/lib${name}.a)
  add_custom_command(OUTPUT ${library}
    COMMAND ${CMAKE_COMMAND} -E env CARGO_TARGET_DIR=${MASPO_CARGO_DIR} RUSTC=${MASPO_RUSTC}
      ${MASPO_CARGO} build --release --locked --jobs 2 --manifest-path ${CMAKE_CURRENT_SOURCE_DIR}/Cargo.toml
    DEPENDS ${arg_SOURCES} Cargo.toml Cargo.lock
    WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR} COMMENT "cargo build ${name}" VERBATIM)
  add_custom_target(${name}_build DEPENDS ${library})
  add_library(${name} STATIC IMPORTED GLOBAL)
  set_target_properties(${name} PROPERTIES IMPORTED_LOCATION ${library})
  target_link_libraries(${name} INTERFACE ${CMAKE_DL_LIBS} m Threads::Threads)
  add_dependencies(${name} ${name}_build)
endfunction()
