# Sourced by db_migrate.sh and db_rollback.sh: a log of each run under docs/run-logs, in four parts.
# Nothing secret goes in: the database is named by host and name only.

cd "$(dirname "${BASH_SOURCE[0]}")/.."
python=${PYTHON:-.venv/bin/python}
[ -x "$python" ] || python=python3
stamp=$(date -u +%Y%m%dT%H%M%SZ)
log=${RUN_LOGS:-docs/run-logs}/${stamp}_$kind.md
mkdir -p "$(dirname "$log")" "${backups:=${BACKUPS:-backups}}/points"

say() { printf "%s\n" "$@" | tee -a "$log"; }
part() { say "" "## $1" ""; }
# Run a command, its output into the log as a block; a failure ends the run and says so in the log.
step() {
    say "\`$*\`" "" '```'
    local code=0
    "$@" 2>&1 | tee -a "$log" || code=$?
    say '```' ""
    return "$code"
}
psql() { "$python" -m tracker.stack psql -X -q -At "$@"; }

finish() {
    local code=$?
    if [ "$code" -eq 0 ]; then say "Ended well at $(date -u +%H:%M:%SZ)."; else
        say "" "**Failed** (code $code) at $(date -u +%H:%M:%SZ). What is above is what was done; see BACKOUT.md."
    fi
    echo "log: $log"
    exit "$code"
}
trap finish EXIT

printf '# %s, %s\n' "$title" "$stamp" >"$log"
part "Checked"
step psql -c "SELECT 'server ' || current_setting('server_version') || ', database ' || current_database()"
step psql -c "SELECT 'tenants ' || status || ': ' || count(*) FROM tenants GROUP BY status ORDER BY status"
