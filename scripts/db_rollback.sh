#!/usr/bin/env bash
# Undo the migrations since a point that db_migrate.sh took: check, show, back up, undo, verify.
#   scripts/db_rollback.sh POINT            POINT is the stamp of a migration's log, such as 20260301T020000Z
#   scripts/db_rollback.sh POINT --dry-run  only show what would be undone
# Run it with the code that brought the migrations, then start the older code. Rows that the older schema knows stay.
set -euo pipefail
if [ $# -lt 1 ]; then
    echo "Which point? One of:" >&2
    ls "${BACKUPS:-$(dirname "$0")/../backups}/points" 2>/dev/null | sed 's/\.json$//' >&2
    exit 2
fi
point=$1
dry_run=; [ "${2:-}" = --dry-run ] && dry_run=yes
kind=rollback title="Rollback to $point${dry_run:+ (dry run)}"
cd "$(dirname "$0")"
source ./run_log.sh

part "Planned"
step "$python" manage.py rollback_tenants "$backups/points/$point.json" --dry-run
[ -n "$dry_run" ] && exit 0

part "Done"
step "$python" manage.py backup "$backups/$stamp"
step "$python" manage.py rollback_tenants "$backups/points/$point.json"

part "Verified"
step "$python" manage.py plan_migrations
say "What is pending now is what was undone; the older code knows the schema as it is."
