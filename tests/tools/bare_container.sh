#!/usr/bin/env bash
# Runs commands from a clean export of HEAD in a bare Debian 12 container, one after the other, and tells how long each took.
#
#   tests/tools/bare_container.sh [--user] [COMMAND...]     scripts/setup, scripts/build and scripts/quickstart if none is given
#
# --user runs them as an ordinary user with sudo instead of root. Needs docker and the image debian:bookworm-slim.
set -euo pipefail
cd "$(dirname "$0")/../.."
image=debian:bookworm-slim
user=root
if [ "${1:-}" = --user ]; then user=maspo; shift; fi
[ $# -gt 0 ] || set -- scripts/setup scripts/build scripts/quickstart

container=$(docker run --detach --network host "$image" sleep infinity)
trap 'docker rm --force "$container" >/dev/null' EXIT
if [ "$user" != root ]; then
  docker exec "$container" sh -c "apt-get -qq update && apt-get -qq install --yes --no-install-recommends sudo >/dev/null 2>&1 &&
    useradd --create-home $user && echo '$user ALL=(ALL) NOPASSWD:ALL' > /etc/sudoers.d/$user"
fi
home=$(docker exec --user "$user" "$container" sh -c 'cd && pwd')
git archive HEAD | docker exec --interactive --user "$user" "$container" sh -c "mkdir $home/maspo && tar -x -C $home/maspo"

status=0
times=()
for command in "$@"; do
  start=$SECONDS
  # Words of the command are separated here on purpose: "scripts/build maspo".
  docker exec --user "$user" --workdir "$home/maspo" "$container" $command || status=$?
  times+=("$(printf '%6d s  %s' $((SECONDS - start)) "$command")")
  [ "$status" = 0 ] || break
done
printf '%s\n' "${times[@]}"
[ "$status" = 0 ] || echo "bare_container: ${times[-1]##* } failed with exit code $status" >&2
exit "$status"
