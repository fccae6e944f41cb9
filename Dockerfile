# The product alone: no PostgreSQL, no Valkey, no compiler, no root.
FROM python:3.13-slim AS packages
COPY requirements/base.txt /tmp/base.txt
RUN python -m venv /venv \
 && /venv/bin/pip install --quiet --no-cache-dir --disable-pip-version-check --require-hashes --no-deps -r /tmp/base.txt

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
 && SECRET_KEY=build REDIS_URL=redis://nowhere DATABASE_URL=postgresql://app_web@nowhere/loyalty \
    DATABASE_OWNER_URL=postgresql://app_owner@nowhere/loyalty \
    DATABASE_SYSTEM_URL=postgresql://app_system@nowhere/loyalty \
    python manage.py collectstatic --noinput --verbosity 0
USER loyalty
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["python", "-m", "loyalty.operations.probe", "web"]
CMD ["granian", "--interface", "wsgi", "--host", "0.0.0.0", "--port", "8000", "--workers", "2", "--blocking-threads", "4", "--no-ws", "--log-level", "warning", "--respawn-failed-workers", "loyalty.wsgi:application"]
