#!/usr/bin/env bash
# Libraries that no Python wheel carries: Pango for PDFs, fonts, Chromium for the browser tests, Poppler to read PDFs.
# The product runs without them; PDFs then answer 503, and the tests that need them are skipped with a reason.
# Installs them when that needs no question (root on Debian or its kin), else prints the line to run.
set -uo pipefail

packages=(libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-dejavu-core fonts-noto-core fonts-noto-cjk
    fonts-noto-color-emoji chromium poppler-utils)

command -v dpkg-query >/dev/null || {
    [ "$(uname)" = Darwin ] && ! ls /opt/homebrew/lib/libpango-1.0* /usr/local/lib/libpango-1.0* >/dev/null 2>&1 &&
        echo "PDFs need Pango: brew install pango poppler; browser tests need Chromium: brew install --cask chromium"
    exit 0
}

missing=()
for package in "${packages[@]}"; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

line="apt-get install --yes --no-install-recommends ${missing[*]}"
if [ "${PST_SKIP_APT:-}" = 1 ] || [ "$(id -u)" != 0 ]; then
    echo "For PDFs and browser tests run: sudo $line"
    exit 0
fi

echo "installing system packages: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
{ apt-get update --quiet --quiet && $line --quiet --quiet; } </dev/null >/dev/null 2>&1 ||
    echo "They could not be installed; later, by hand: $line"
exit 0
