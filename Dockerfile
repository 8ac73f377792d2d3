# The gateway with the connectors for RabbitMQ and Kafka. It runs as the user 65532 and writes no files:
#
#     docker build --tag sse-gateway .
#     docker run --read-only --publish 8080:8080 --volume ./gateway.toml:/etc/sse-gateway/gateway.toml:ro sse-gateway
#
# In that file [server] needs host = "0.0.0.0", because the default is reachable from within the container only.

# To pin the base image: --build-arg BASE=python:3.13-slim@sha256:...
ARG BASE=python:3.13-slim

FROM ${BASE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ONLY_BINARY=:all: \
    PIP_ROOT_USER_ACTION=ignore
WORKDIR /src

# The build tools, pip and hatchling, are not part of the final image.
COPY requirements/build.txt requirements/runtime.txt requirements/
RUN python -m venv /opt/build \
    && /opt/build/bin/pip install --require-hashes --requirement requirements/build.txt
RUN python -m venv --without-pip /opt/sse-gateway \
    && /opt/build/bin/pip --python /opt/sse-gateway/bin/python install --require-hashes --requirement requirements/runtime.txt

COPY pyproject.toml README.md LICENSE ./
COPY sse_gateway sse_gateway
COPY connectors connectors
RUN /opt/build/bin/python -m hatchling build --target wheel --directory /opt/wheel \
    && /opt/build/bin/pip --python /opt/sse-gateway/bin/python install --no-index --no-deps /opt/wheel/*.whl

FROM ${BASE}
LABEL org.opencontainers.image.title="sse-gateway" \
      org.opencontainers.image.description="Reads queues and webhooks and serves them to browsers as Server-Sent Events" \
      org.opencontainers.image.licenses="MIT"
RUN groupadd --system --gid 65532 gateway \
    && useradd --system --uid 65532 --gid gateway --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin gateway
COPY --from=build /opt/sse-gateway /opt/sse-gateway
ENV PATH=/opt/sse-gateway/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1
# The commands look for gateway.toml in this directory.
WORKDIR /etc/sse-gateway
USER 65532:65532
EXPOSE 8080 9090
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=15s --start-interval=1s --retries=3 CMD ["sse-gateway", "alive"]
ENTRYPOINT ["sse-gateway"]
CMD ["serve"]
