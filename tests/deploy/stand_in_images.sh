#!/usr/bin/env bash
# Makes images under the names of public ones where no container registry can be reached; those that are there stay.
#
#   stand_in_images.sh BASE_IMAGE [PROMETHEUS_IMAGE]    a Debian by debootstrap; Prometheus from Debian's package
#
# The host's extra certificate authorities go into the Debian, so that apt, pip and cargo work in a build as they do here.
set -euo pipefail
base=$1 prometheus=${2:-}
here() { docker image inspect "$1" >/dev/null 2>&1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if ! here "$base" && ! docker pull --quiet "$base" 2>/dev/null; then
  command -v debootstrap >/dev/null || apt-get install --yes --quiet debootstrap >/dev/null
  debootstrap --variant=minbase bookworm "$work/root" >"$work/log" 2>&1 || { tail -n 5 "$work/log" >&2; exit 1; }
  mkdir -p "$work/root/usr/local/share/ca-certificates"
  cp /usr/local/share/ca-certificates/*.crt "$work/root/usr/local/share/ca-certificates/" 2>/dev/null || true
  bundle=/etc/ssl/certs/ca-certificates.crt
  tar -C "$work/root" -c . | docker import --change "ENV PIP_CERT=$bundle SSL_CERT_FILE=$bundle CARGO_HTTP_CAINFO=$bundle" \
    --change 'CMD ["bash"]' - "$base" >/dev/null
fi
if [ -n "$prometheus" ] && ! here "$prometheus" && ! docker pull --quiet "$prometheus" 2>/dev/null; then
  docker build --quiet --tag "$prometheus" - >/dev/null <<DOCKERFILE
FROM $base
RUN apt-get update -qq && apt-get install -qq --yes --no-install-recommends prometheus >/dev/null \\
 && rm -rf /var/lib/apt/lists/* && mkdir /prometheus && chown 65534:65534 /prometheus
USER 65534
ENTRYPOINT ["/usr/bin/prometheus"]
DOCKERFILE
fi
