#!/usr/bin/env bash
# Migrate public and every tenant: check, back up, show the plan, apply, verify. Leaves a log in docs/run-logs.
#   scripts/db_migrate.sh            all of it
#   scripts/db_migrate.sh --dry-run  check and show the plan; nothing is changed
# A tenant that fails stops no other; it is named, the exit code is 1, and a second run goes on from there.
set -euo pipefail
dry_run=; [ "${1:-}" = --dry-run ] && dry_run=yes
kind=migrate title="Migration${dry_run:+ (dry run)}"
cd "$(dirname "$0")"
# The first migration of an empty database has no tenants to count yet.
first=; (cd .. && "${PYTHON:-.venv/bin/python}" -m tracker.stack psql -X -q -At -c "SELECT 1 FROM tenants LIMIT 1") >/dev/null 2>&1 || first=yes
source ./run_log.sh

part "Planned"
if [ -n "$first" ]; then
    say "An empty database: all migrations of public; no tenants yet."
else
    step "$python" manage.py plan_migrations --point "$stamp" --folder "$backups/points"
fi
[ -n "$dry_run" ] && exit 0

part "Done"
[ -n "$first" ] || step "$python" manage.py backup "$backups/$stamp"
step "$python" manage.py migrate_tenants

part "Verified"
step psql -f scripts/verify_run.sql
[ -n "$first" ] || say "Way back: \`scripts/db_rollback.sh $stamp\`, with this code; or restore $backups/$stamp."
