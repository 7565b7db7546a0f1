# cpack -G DEB: the tree of cmake --install below /usr as one Debian package. It depends on what dpkg-shlibdeps finds the
# programs to need beyond their own libraries in lib/maspo: the C and C++ runtimes. There are no files in /etc.
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
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS
  ${PROJECT_SOURCE_DIR}/third_party/wheels/torch/lib ${PROJECT_SOURCE_DIR}/third_party/wheels/nvidia/cu13/lib)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
include(CPack)
