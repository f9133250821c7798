# One image for every role: `watchkeeper collect`, `work`, `dashboard`, `db upgrade` ... (docker-compose.yml runs them all).

FROM python:3.11-slim-bookworm AS builder
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_USE_PEP517=1
RUN python -m venv /opt/watchkeeper
WORKDIR /src
# The packages come before the source, so that a change of the source builds in seconds.
COPY requirements-build.lock requirements.lock ./
RUN /opt/watchkeeper/bin/pip install --no-deps --no-build-isolation --require-hashes -r requirements-build.lock \
 && /opt/watchkeeper/bin/pip install --no-deps --no-build-isolation --require-hashes -r requirements.lock
COPY LICENSE README.md pyproject.toml ./
COPY app app
COPY collectors collectors
COPY migrations migrations
RUN /opt/watchkeeper/bin/pip install --no-deps --no-build-isolation . \
 && /opt/watchkeeper/bin/pip check

FROM python:3.11-slim-bookworm
LABEL org.opencontainers.image.title="Watchkeeper" \
      org.opencontainers.image.licenses="Apache-2.0"
# The wheels of psycopg, pyarrow and scikit-learn carry their own libraries: nothing is installed from Debian.
COPY --from=builder /opt/watchkeeper /opt/watchkeeper
RUN install --directory --owner=10001 --group=10001 /data
# HOME: libraries that keep a file of their own find a place to write, also when the root file system is read-only.
ENV PATH=/opt/watchkeeper/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    DO_NOT_TRACK=1 \
    WATCHKEEPER_DATA_DIR=/data \
    HEALTHCHECK_URL=http://127.0.0.1:8600/healthz
# A number, so that an orchestrator can see that it is not root.
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8600 8601
# The collector's address unless HEALTHCHECK_URL names another role's; any answer but a 2xx raises.
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=4 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(os.environ['HEALTHCHECK_URL'], timeout=4)"]
ENTRYPOINT ["watchkeeper"]
CMD ["--help"]
