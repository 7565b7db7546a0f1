# Sourced by the scripts of this folder: strict mode, the repository's root as the working directory, messages, packages.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
self=scripts/$(basename "$0")

# Seconds since the first script of a chain began.
export MASPO_STARTED=${MASPO_STARTED:-$EPOCHSECONDS}
say() { printf '[%4d s] %s\n' $((EPOCHSECONDS - MASPO_STARTED)) "$*" >&2; }
fail() { printf '%s: %s\n' "$self" "$*" >&2; exit 1; }

# Runs a command quietly: a sign of life every 15 seconds; if it fails, its last lines and the sentence in $1.
quietly() {
  local message=$1 log ticker status=0; shift
  mkdir -p third_party/logs
  log=third_party/logs/$(basename "$self")-$(basename "$1").log
  # Waits by reading from a pipe into which nobody writes, so that no sleep outlives it. $$ is gone after Ctrl-C.
  (while ! read -r -t 15 -u 8 && kill -0 $$; do say "  ... $(tail -n 1 "$log" | cut -c 1-100)"; done) 8<> <(:) &
  ticker=$!
  "$@" >"$log" 2>&1 </dev/null || status=$?
  kill "$ticker" && wait "$ticker" 2>/dev/null || true
  [ "$status" = 0 ] || { tail -n 20 "$log" >&2; fail "$message (whole output: $log)"; }
}

# At most two: a translation unit with LibTorch takes 2 GB.
num_jobs() { local cores; cores=$(nproc); echo $((cores < 2 ? cores : 2)); }

# packages GROUP...: the packages of these groups of scripts/packages.txt.
packages() {
  awk -v groups=" $* " '/^\[/ { group = substr($1, 2, length($1) - 2); next }
    $1 !~ /^(#|$)/ && index(groups, " " group " ") { print $1 }' scripts/packages.txt
}

# install_packages GROUP...: those that are missing, as root or through sudo.
install_packages() {
  local missing as_root=()
  command -v dpkg-query apt-get >/dev/null ||
    fail "this machine has no apt: install the counterparts of $(packages "$@" | tr '\n' ' ')by hand, or use Debian 12"
  # A package that dpkg has never heard of is missing too; dpkg-query names it on stderr and fails.
  missing=$(comm -23 <(packages "$@" | sort) \
    <(packages "$@" | xargs dpkg-query -W -f='${Status} ${Package}\n' 2>/dev/null | sed -n 's/^install ok installed //p' | sort))
  [ -n "$missing" ] || return 0
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || fail "no sudo here; have root run: apt-get install --no-install-recommends $(echo $missing)"
    as_root=(sudo)
  fi
  say "installing Debian packages: $(echo $missing)"
  quietly "Debian's package lists cannot be fetched: is the network up?" "${as_root[@]}" apt-get update
  quietly "apt could not install the packages" "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install --yes --no-install-recommends $missing
}

# pip, in an environment of its own; the system's Python stays as it is.
python=${MASPO_PYTHON:-/usr/bin/python3}
pip_env=third_party/pip
make_pip() {
  [ -x "$pip_env/bin/pip" ] || quietly "pip's environment cannot be made: is python3-venv installed?" "$python" -m venv "$pip_env"
}

# Which wheels: those for Python 3.11 (Debian 12's) on x86-64, whichever Python runs pip.
for_wheels=(--only-binary=:all: --python-version 3.11
  --platform manylinux2014_x86_64 $(seq -f '--platform manylinux_2_%g_x86_64' 5 36))
