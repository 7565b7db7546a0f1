#!/usr/bin/env bash
# Within the image that compiles: makes OUT with one folder for each layer of the runtime images, with paths as from their root.
#
#   make_tree.sh PREBUILT DEVICE COMMIT OUT
#
#   OUT/common           maspo-health, the libraries that every role needs, and where compose.yaml mounts configurations
#   OUT/torch            LibTorch and what only its roles need
#   OUT/learner, OUT/rollout-worker, OUT/reward-server      their programs
#   OUT/state            the folder of runs
#   OUT/data             the quick start's files, and the folder that they are copied to
#
# The same sources, base image and packages give the same layers: file times are set to SOURCE_DATE_EPOCH, 0 if unset.
set -euo pipefail
prebuilt=$1 device=$2 commit=$3 out=$4
cd "$(dirname "$0")/../.."

if [ -n "$prebuilt" ]; then
  prefix=$(realpath "$prebuilt")
else
  prefix=/prefix
  cmake --preset release -DMASPO_TESTS=OFF -DMASPO_COMMIT="$commit" -DMASPO_CUDA="$([ "$device" = cuda ] && echo ON || echo OFF)"
  programs=(maspo maspo-learner maspo-rollout-worker maspo-reward-server maspo-health)
  [ "$device" != cuda ] || programs+=(maspo_cuda)
  cmake --build build --parallel "$(($(nproc) < 4 ? $(nproc) : 4))" --target "${programs[@]}"  # Each may take 2 GB.
  cmake --install build --strip --prefix "$prefix" >/dev/null
fi

# place FOLDER FILE...: copies files of the prefix to /opt/maspo of OUT/FOLDER.
place() {
  local folder=$out/$1/opt/maspo file; shift
  for file in "$@"; do
    mkdir -p "$folder/$(dirname "$file")"
    cp -a "$prefix/$file" "$folder/$file"
  done
}

# Libraries, as lib/maspo/NAME, that a program of the prefix loads.
libraries() {
  ldd "$prefix/bin/$1" | awk -v lib="$prefix/lib/maspo/" '{ for (i = 1; i <= NF; ++i) { at = index($i, "/bin/../lib/maspo/")
    if (at) print "lib/maspo/" substr($i, at + 18); else if (index($i, lib) == 1) print "lib/maspo/" substr($i, length(lib) + 1) } }'
}

# A link and the file it leads to.
with_targets() {
  local file
  while read -r file; do
    echo "$file"
    [ ! -L "$prefix/$file" ] || echo "lib/maspo/$(readlink "$prefix/$file")"
  done | sort -u
}

mapfile -t common < <({ libraries maspo-health; libraries maspo-reward-server; } | with_targets)
mapfile -t others < <(cd "$prefix" && find lib -type f -o -type l | sort | grep -vxFf <(printf '%s\n' "${common[@]}"))
place common bin/maspo-health "${common[@]}"
place torch "${others[@]}"
place reward-server bin/maspo-reward-server
place rollout-worker bin/maspo-rollout-worker
place learner bin/maspo-learner bin/maspo
mkdir -p "$out/common/opt/maspo/share/maspo/deploy/configs" "$out/common/opt/maspo/share/maspo/examples" \
  "$out/state/runs" "$out/data/data" "$out/data/quickstart"
cp -a "$prefix/share/maspo/." "$out/data/quickstart/"
chown -R 0:0 "$out"
find "$out" -exec touch --no-dereference --date="@${SOURCE_DATE_EPOCH:-0}" {} +
