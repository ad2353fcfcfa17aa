#!/usr/bin/env bash
# Libraries that no Python wheel carries: Pango for PDFs, fonts, Chromium for the browser tests, Poppler to read PDFs.
# The product runs without them; PDFs then answer 503, and the tests that need them are skipped with a reason.
# Installs them when that needs no question (root on Debian or its kin), else prints the line to run.
set -uo pipefail
cd "$(dirname "$0")/.."

packages=(libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-dejavu-core fonts-noto-core fonts-noto-cjk
    fonts-noto-color-emoji chromium poppler-utils)
# Chromium without windows, with which browser tests take a third less of the processor. Not every system has it: asked
# for once for each environment.
shell=chromium-headless-shell
asked=.venv/.asked-for-$shell

command -v dpkg-query >/dev/null || {
    [ "$(uname)" = Darwin ] && ! ls /opt/homebrew/lib/libpango-1.0* /usr/local/lib/libpango-1.0* >/dev/null 2>&1 &&
        echo "PDFs need Pango: brew install pango poppler; browser tests need Chromium: brew install --cask chromium"
    exit 0
}

is_there() { [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }
may_install() { [ "${PST_SKIP_APT:-}" != 1 ] && [ "$(id -u)" = 0 ]; }
apt() { DEBIAN_FRONTEND=noninteractive apt-get --quiet --quiet "$@" </dev/null >/dev/null 2>&1; }

missing=()
for package in "${packages[@]}"; do is_there "$package" || missing+=("$package"); done
if [ ${#missing[@]} -gt 0 ]; then
    line="install --yes --no-install-recommends ${missing[*]}"
    if ! may_install; then
        echo "For PDFs and browser tests run: sudo apt-get $line"
        exit 0
    fi
    echo "installing system packages: ${missing[*]}"
    # shellcheck disable=SC2086 # words of a line
    { apt update && apt $line; } || echo "They could not be installed; later, by hand: apt-get $line"
fi

if may_install && [ ! -e "$asked" ] && ! is_there $shell && apt-cache show $shell >/dev/null 2>&1; then
    mkdir -p "${asked%/*}" && touch "$asked"
    echo "installing $shell for the browser tests"
    apt -o Acquire::Retries=0 -o Acquire::http::Timeout=20 install --yes --no-install-recommends $shell ||
        echo "It could not be installed; Chromium itself will do."
fi
exit 0
