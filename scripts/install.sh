#!/usr/bin/env bash
# Make the virtual environment and install the pinned requirements, unless the same ones are installed already.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=${1:-.venv}
python=${PYTHON:-python3.11}
stamp=$venv/.installed

digest=$(cat requirements.txt requirements-dev.txt | { sha256sum 2>/dev/null || shasum -a 256; } | cut -d' ' -f1)
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$digest" ]; then
    touch "$stamp"
    exit 0
fi

if [ ! -x "$venv/bin/python" ]; then
    command -v "$python" >/dev/null || python=python3
    if ! "$python" -c 'import sys; sys.exit(sys.version_info[:2] < (3, 11))' 2>/dev/null; then
        echo "Python 3.11 or newer is needed: install it, or name it with PYTHON=/path/to/python3.11." >&2
        exit 1
    fi
    echo "making the virtual environment $venv"
    "$python" -m venv "$venv"
fi

echo "installing the pinned requirements (once; about a minute)"
"$venv/bin/python" -m pip install --quiet --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
"$venv/bin/python" -m pip check --disable-pip-version-check
printf '%s' "$digest" >"$stamp"
