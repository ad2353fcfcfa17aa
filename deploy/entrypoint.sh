#!/usr/bin/env bash
# One word starts one part: web, worker, keeper, beat, migrate; anything else is run as it is.
# A setting NAME may come from a file: NAME_FILE=/run/secrets/name.
set -euo pipefail
cd "$(dirname "$0")/.."

for name in SECRET_KEY DATABASE_URL REDIS_URL CACHE_URL EMAIL_URL METRICS_TOKEN SENTRY_DSN DATABASE_APP_PASSWORD; do
    file=${name}_FILE
    if [ -n "${!file:-}" ]; then
        export "$name=$(cat "${!file}")"
        unset "$file"
    fi
done

case "${1:-web}" in
web)
    if [ -n "${PROMETHEUS_MULTIPROC_DIR:-}" ]; then
        mkdir -p "$PROMETHEUS_MULTIPROC_DIR"
        rm -f "$PROMETHEUS_MULTIPROC_DIR"/*.db
    fi
    exec python -m gunicorn tracker.wsgi --bind "${HOST:-0.0.0.0}:${PORT:-8000}" --worker-class tracker.lib.web_worker.Worker \
        --workers "${WEB_WORKERS:-2}" --threads "${WEB_THREADS:-4}" --graceful-timeout 25 --keep-alive 15 \
        --max-requests 5000 --max-requests-jitter 500 --worker-tmp-dir /dev/shm --no-control-socket
    ;;
worker)
    # Where both share a machine, background work gives way to pages.
    exec nice -n "${WORKER_NICENESS:-5}" python -m celery --app tracker --quiet worker --concurrency "${WORKER_PROCESSES:-2}" --loglevel "${LOG_LEVEL:-INFO}"
    ;;
keeper)
    # Makes, exports and erases tenants, with the owner's DATABASE_URL.
    exec python -m celery --app tracker --quiet worker --queues "${OWNER_QUEUE:-celery}" --concurrency 1 \
        --hostname "keeper@%h" --loglevel "${LOG_LEVEL:-INFO}"
    ;;
beat)
    exec python -m celery --app tracker --quiet beat --loglevel "${LOG_LEVEL:-INFO}" --pidfile "" \
        --scheduler django_celery_beat.schedulers:DatabaseScheduler
    ;;
migrate)
    # The platform's own tenant is made once; later runs change nothing.
    python manage.py migrate_tenants
    if [ -n "${DATABASE_APP_ROLE:-}" ]; then
        python manage.py grant_app_role
    fi
    exec python manage.py prepare_platform ${PLATFORM_ADMIN_EMAIL:+--admin-email "$PLATFORM_ADMIN_EMAIL"}
    ;;
*)
    exec "$@"
    ;;
esac
