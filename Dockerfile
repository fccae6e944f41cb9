# The product alone: no PostgreSQL, no Valkey, no compiler, no root.
FROM python:3.13-slim AS packages
# `--build-arg EXTRAS=1` adds mail providers, Sentry and OpenTelemetry (requirements/extras.in); nothing calls out by itself.
ARG EXTRAS=
COPY requirements/base.txt requirements/extras.txt /tmp/
RUN python -m venv /venv \
 && /venv/bin/pip install --quiet --no-cache-dir --disable-pip-version-check --require-hashes --no-deps \
    -r "/tmp/$([ -n "$EXTRAS" ] && echo extras || echo base).txt"

FROM python:3.13-slim
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /data loyalty \
 && install -d -o loyalty -g loyalty /data
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    DJANGO_SETTINGS_MODULE=loyalty.settings \
    LOYALTY_EMBEDDED=0 \
    DATA_DIR=/data \
    STATIC_ROOT=/app/staticfiles \
    PROMETHEUS_MULTIPROC_DIR=/tmp/metrics
COPY --from=packages /venv /venv
WORKDIR /app
COPY manage.py ./
COPY loyalty loyalty
COPY analytics analytics
COPY engagement engagement
COPY rewards rewards
COPY members members
COPY merchants merchants
COPY templates templates
COPY static static
COPY locale locale
COPY docs/pos-quickstart.md docs/pos-quickstart.md
# A checkout made under a strict umask is read by its owner alone, and here that is root.
# The names are only there so that the settings can be read; nothing is connected to while building.
RUN chmod -R go+rX . \
 && python -m compileall -q . \
 && SECRET_KEY=build EMAIL_HOST=nowhere REDIS_URL=redis://nowhere DATABASE_URL=postgresql://app_web@nowhere/loyalty \
    DATABASE_OWNER_URL=postgresql://app_owner@nowhere/loyalty \
    DATABASE_SYSTEM_URL=postgresql://app_system@nowhere/loyalty \
    python manage.py collectstatic --noinput --verbosity 0
LABEL org.opencontainers.image.title="Loyalty"
LABEL org.opencontainers.image.licenses="MIT"
LABEL org.opencontainers.image.version="0.2.0.dev0"
USER loyalty
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["python", "-m", "loyalty.operations.probe", "web"]
# GRANIAN_WORKERS, WEB_API_THREADS, WEB_PAGE_THREADS and WEB_BATCH_THREADS say how many: docs/operations.md.
ENV GRANIAN_WORKERS=2
CMD ["python", "-m", "loyalty.server", "--interface", "rsgi", "--host", "0.0.0.0", "--port", "8000", "--http", "1", "--backlog", "4096", "--backpressure", "4000", "--no-ws", "--log-level", "warning", "--respawn-failed-workers", "--workers-kill-timeout", "20", "loyalty.server.rsgi:application"]
