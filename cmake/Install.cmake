# cmake --install build --prefix DIR: a tree that runs anywhere on the same distribution without its packages and without
# this repository. Configurations and the quick start keep their places relative to each other.
#
#   bin/                    programs
#   lib/maspo/              every shared library they need but those of the C and C++ runtime
#   lib/libmaspo_cuda.so    if it was built and scripts/setup --gpu brought its libraries
#   share/maspo/            deploy/configs, examples/quickstart
#   share/...               completions of bash, zsh and fish where their packages look for them
set(programs maspo-reward-server maspo-health)
if(MASPO_TORCH)
  list(APPEND programs maspo maspo-learner maspo-rollout-worker)
endif()
# DT_RPATH instead of DT_RUNPATH: it also holds for the libraries that the libraries need.
foreach(program IN LISTS programs)
  set_target_properties(${program} PROPERTIES INSTALL_RPATH "$ORIGIN/../lib/maspo")
  target_link_options(${program} PRIVATE -Wl,--disable-new-dtags)
endforeach()
install(TARGETS ${programs} RUNTIME_DEPENDENCY_SET libraries RUNTIME DESTINATION bin)
if(MASPO_CUDA AND EXISTS ${MASPO_WHEELS}/nvidia/cudnn)
  set_target_properties(maspo_cuda PROPERTIES INSTALL_RPATH "$ORIGIN/maspo")
  target_link_options(maspo_cuda PRIVATE -Wl,--disable-new-dtags)
  install(TARGETS maspo_cuda RUNTIME_DEPENDENCY_SET libraries LIBRARY DESTINATION lib)
endif()

file(GLOB wheel_libraries ${PROJECT_SOURCE_DIR}/third_party/wheels/nvidia/*/lib)
install(RUNTIME_DEPENDENCY_SET libraries
  # The driver's own libraries come with the driver.
  PRE_EXCLUDE_REGEXES "^ld-linux" "^lib(c|m|dl|rt|pthread|util|resolv|gcc_s|stdc\\+\\+)\\.so" "^lib(cuda|nvidia-ml)\\.so"
  DIRECTORIES ${PROJECT_SOURCE_DIR}/third_party/wheels/torch/lib ${wheel_libraries}
  LIBRARY DESTINATION lib/maspo)

install(DIRECTORY deploy/configs DESTINATION share/maspo/deploy)
install(DIRECTORY examples/quickstart DESTINATION share/maspo/examples PATTERN "*.py" EXCLUDE PATTERN "*.sh" EXCLUDE)
install(FILES LICENSE README.md DESTINATION share/maspo)
install(FILES LICENSE DESTINATION share/doc/maspo RENAME copyright)

if(MASPO_TORCH)
  set(completions ${CMAKE_BINARY_DIR}/completions)  # See cli/CMakeLists.txt.
  install(FILES ${completions}/maspo DESTINATION share/bash-completion/completions)
  install(FILES ${completions}/_maspo DESTINATION share/zsh/vendor-completions)
  install(FILES ${completions}/maspo.fish DESTINATION share/fish/vendor_completions.d)
endif()
