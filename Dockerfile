# One image for web, worker, beat and migrations; the command chooses. Build: docker build -t podcast-sponsorship-tracker .
FROM python:3.11-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH
COPY requirements.txt .
# Exact versions whose digests are checked; the development set and the embedded servers stay out.
RUN pip install --require-hashes --no-deps -r requirements.txt && pip check

FROM python:3.11-slim-bookworm
# Pango and fonts for PDFs; PostgreSQL's own programs for backups.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates curl \
    && install -d /usr/share/postgresql-common/pgdg \
    && curl -fsSo /usr/share/postgresql-common/pgdg/apt.postgresql.org.asc https://www.postgresql.org/media/keys/ACCC4CF8.asc \
    && echo "deb [signed-by=/usr/share/postgresql-common/pgdg/apt.postgresql.org.asc] https://apt.postgresql.org/pub/repos/apt bookworm-pgdg main" \
        > /etc/apt/sources.list.d/pgdg.list \
    && apt-get update \
    && apt-get install --yes --no-install-recommends libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 \
        fontconfig fonts-dejavu-core fonts-noto-core fonts-noto-cjk fonts-noto-color-emoji \
        postgresql-client-18 \
    && apt-get purge --yes curl && apt-get autoremove --yes && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --create-home --shell /usr/sbin/nologin tracker
COPY --from=build /opt/venv /opt/venv
WORKDIR /app
COPY --chown=root:root . .
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 MEDIA_ROOT=/data/media
# Static files are part of the image: hashed and compressed once. The key here signs nothing.
RUN SECRET_KEY=only-to-collect-static-files-nothing-is-signed-with-it DATABASE_URL=postgres://none/none REDIS_URL=redis://none \
        python manage.py collectstatic --noinput --verbosity 0 \
    && install -d -o tracker -g tracker /data /data/media /data/counters
USER tracker
VOLUME /data
EXPOSE 8000
ENTRYPOINT ["/app/deploy/entrypoint.sh"]
CMD ["web"]
