#!/usr/bin/env bash
# Make the virtual environment and install the pinned requirements, unless the same ones are installed already.
#   PYTHON=/path/to/python3.11   with that one. Else with the system's, if it can make environments, before another on
#   the PATH: distributions build theirs with optimizations; one built without took an eighth more processor time.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=${1:-.venv}
stamp=$venv/.installed

digest=$(cat requirements.txt requirements-dev.txt | { sha256sum 2>/dev/null || shasum -a 256; } | cut -d' ' -f1)
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$digest" ]; then
    touch "$stamp"
    exit 0
fi

if [ ! -x "$venv/bin/python" ]; then
    python=
    for one in ${PYTHON:-/usr/bin/python3.11 python3.11 python3}; do
        if "$one" -c 'import ensurepip, venv, sys; sys.exit(sys.version_info[:2] < (3, 11))' 2>/dev/null; then
            python=$one
            break
        fi
    done
    if [ -z "$python" ]; then
        echo "Python 3.11 or newer is needed, with its venv module: install it, or name it with PYTHON=/path/to/python3.11." >&2
        exit 1
    fi
    echo "making the virtual environment $venv with $("$python" -c 'import sys; print(sys.executable, sys.version.split()[0])')"
    "$python" -m venv "$venv"
fi

echo "installing the pinned requirements (once; about a minute)"
"$venv/bin/python" -m pip install --quiet --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
"$venv/bin/python" -m pip check --disable-pip-version-check
# Ours too, once, instead of in each of the processes that start together.
"$venv/bin/python" -m compileall -q bookings deals etl matchmaking metrics tracker
printf '%s' "$digest" >"$stamp"
