# cpack -G DEB: the tree of cmake --install below /usr as one Debian package. It brings its libraries in lib/maspo but the C
# and C++ runtimes, on which it depends in the versions that it was built with. There are no files in /etc.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME maspo)
set(CPACK_PACKAGE_VENDOR maspo)
set(CPACK_PACKAGE_CONTACT "maspo <maspo@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "reinforcement learning of reasoning language models")
set(CPACK_PACKAGE_DESCRIPTION "Learner, rollout workers and reward servers that train language models on problems whose
answers can be checked, and the command maspo, which starts them on one machine.
All libraries that they need are in the package. The quick start is in
/usr/share/maspo: maspo train /usr/share/maspo/deploy/configs/quickstart.yaml --run-dir DIR")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(runtimes "")
foreach(runtime libc6 libstdc++6 libgcc-s1)
  execute_process(COMMAND dpkg-query --show --showformat=\${Version} ${runtime} OUTPUT_VARIABLE version ERROR_QUIET)
  string(REGEX REPLACE "-.*" "" version "${version}")
  list(APPEND runtimes "${runtime} (>= ${version})")
endforeach()
list(JOIN runtimes ", " CPACK_DEBIAN_PACKAGE_DEPENDS)
set(CPACK_DEBIAN_COMPRESSION_TYPE zstd)
set(CPACK_THREADS 0)  # As many as there are cores.
include(CPack)
