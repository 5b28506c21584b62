# syntax=docker/dockerfile:1
# The image of the vault: the interpreter, one virtual environment, nothing else of ours.
# `make image-check` walks these same steps on a machine without a container engine.
#
# The base is pinned by tag, because a digest could not be looked up where this file was written. Before you publish an image,
# replace the tag in both stages by the digest that `docker buildx imagetools inspect` prints for it.
ARG BASE=python:3.13-slim-bookworm

FROM ${BASE} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1
RUN python -m venv /app/venv
WORKDIR /src
# The lock first: this layer is built again only when a dependency changes.
COPY requirements.lock ./
RUN /app/venv/bin/pip install --require-hashes --no-deps --only-binary :all: -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY config ./config
COPY crypto ./crypto
COPY storage ./storage
COPY webrtc ./webrtc
COPY vault ./vault
RUN /app/venv/bin/pip install --no-deps . \
 && /app/venv/bin/pip uninstall --yes pip \
 && /app/venv/bin/python -m compileall -q /app/venv/lib

FROM ${BASE}
# 10001: a number no distribution gives to a person or a daemon.
RUN groupadd --gid 10001 callvault \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin callvault \
 && install --directory --owner 10001 --group 10001 --mode 0700 /data
COPY --from=build /app/venv /app/venv
ENV PATH=/app/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8080/tcp
# SIGTERM drains: no new calls, running ones may finish (server.drain_s), fragments are sealed.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 CMD ["callvault", "health"]
ENTRYPOINT ["callvault"]
CMD ["serve"]
