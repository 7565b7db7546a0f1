#!/usr/bin/env bash
# The Debian package as a user has it: installed in a bare Debian 12 container without network, a short quick start with it,
# completion, and nothing left behind when it is removed.
#
#   tests/deploy/deb_test.sh [PACKAGE]     dist/maspo_*.deb, the newest, if none is given; needs docker
set -euo pipefail
cd "$(dirname "$0")/../.."
package=${1:-$(ls -t dist/maspo_*.deb 2>/dev/null | head -n 1)}
[ -f "$package" ] || { echo "deb_test: there is no package; make one with make deb" >&2; exit 2; }
image=debian:bookworm-slim
tests/deploy/stand_in_images.sh "$image"

docker run --rm --interactive --network none --volume "$(realpath "$package")":/maspo.deb:ro "$image" bash -euo pipefail <<'INSIDE'
said() { echo "deb_test: $*"; }
# The runtime libraries are all that it may need, and every Debian has them.
dpkg --install /maspo.deb >/dev/null
dpkg --status maspo | grep -E '^(Version|Depends|Installed-Size):'
[ -z "$(dpkg-query --show --showformat='${Conffiles}' maspo)" ]
for program in maspo maspo-learner maspo-rollout-worker maspo-reward-server maspo-health; do "$program" --version >/dev/null; done
said "installed: $(maspo --version)"

maspo train /usr/share/maspo/deploy/configs/quickstart.yaml --run-dir /tmp/run --set run.steps=20 --set evaluation.samples=4 \
  --set 'evaluation.k=[1, 4]' --expect-improvement 2>/dev/null
maspo ledger /tmp/run | tail -n 1
maspo report /tmp/run >/dev/null

source /usr/share/bash-completion/completions/maspo
COMP_WORDS=(maspo tra) COMP_CWORD=1
_maspo
[ "${COMPREPLY[*]}" = "train trace" ]
said "completes: ${COMPREPLY[*]}"

dpkg --purge maspo >/dev/null 2>&1
[ -z "$(find / -xdev -not -path '/proc/*' -not -path '/tmp/*' -name '*maspo*' -not -name maspo.deb -not -path '/var/log/*' 2>/dev/null)" ]
said "removed without a trace"
INSIDE
