# One small image a role. Every stage stands on BASE_IMAGE; pin it by digest for a release:
#
#   docker build --target learner --build-arg BASE_IMAGE=debian@sha256:... -t maspo-learner .
#
# Targets: learner, rollout-worker, reward-server, quickstart-data (what the quick start reads, for a volume).
#
# DEVICE=cuda adds the CUDA backend and the libraries it needs; the driver comes from the host.
# PREBUILT names a folder of this context that `make install PREFIX=...` filled on the same Debian release; then nothing is
# compiled here. Empty: everything is compiled here, with nothing taken from the host.
#
#   tools -> binaries: installed tree, split by who needs what -> runtime -> reward-server
#                                                                   '-> runtime-torch -> learner, rollout-worker
ARG BASE_IMAGE=debian:bookworm-slim

# ---- What compiles. Changes of the sources do not repeat the downloads.
FROM ${BASE_IMAGE} AS tools
ARG DEVICE=cpu
ARG PREBUILT=
WORKDIR /src
COPY scripts scripts
RUN if [ -n "$PREBUILT" ]; then exit 0; fi; \
    apt-get update -qq && scripts/setup $([ "$DEVICE" = cuda ] && echo --gpu) && rm -rf /var/lib/apt/lists/*

FROM tools AS binaries
ARG DEVICE=cpu
ARG PREBUILT=
ARG COMMIT=unknown
COPY . .
RUN deploy/docker/make_tree.sh "$PREBUILT" "$DEVICE" "$COMMIT" /tree

# ---- What runs. Nothing is executed here and every file's time is fixed, so that two builds give the same layers.
FROM ${BASE_IMAGE} AS runtime
COPY --from=binaries /tree/common /
# The only places that are written to: /runs, a volume, and /tmp.
COPY --from=binaries --chown=10001:10001 /tree/state /
ENV PATH=/opt/maspo/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
USER 10001:10001
WORKDIR /tmp
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["maspo-health", "127.0.0.1:50051"]

FROM runtime AS reward-server
COPY --from=binaries /tree/reward-server /
EXPOSE 50051 9464
ENTRYPOINT ["maspo-reward-server"]
CMD ["--help"]

FROM runtime AS runtime-torch
COPY --from=binaries /tree/torch /

FROM runtime-torch AS rollout-worker
COPY --from=binaries /tree/rollout-worker /
EXPOSE 9464
# A worker serves no RPC: it is well while its metrics are.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["maspo-health", "http://127.0.0.1:9464/metrics"]
ENTRYPOINT ["maspo-rollout-worker"]
CMD ["--help"]

# With the maspo command, for what people ask of a run: status, ledger, report.
FROM runtime-torch AS learner
COPY --from=binaries /tree/learner /
EXPOSE 50051 9464
ENTRYPOINT ["maspo-learner"]
CMD ["--help"]

# ---- Model and problems of the quick start. docker run IMAGE copies them into the volume mounted at /data.
FROM ${BASE_IMAGE} AS quickstart-data
COPY --from=binaries --chown=10001:10001 /tree/data /
USER 10001:10001
CMD ["cp", "-r", "/quickstart/.", "/data/"]
