"""Which scripts this machine has fonts for: names from everywhere are drawn with fonts that come by the system."""

import shutil
import subprocess
from functools import cache

# Script -> what fontconfig is asked for, and the Debian package that brings it.
SCRIPTS = {
    "Arabic": (":lang=ar", "fonts-noto-core"),
    "Hebrew": (":lang=he", "fonts-noto-core"),
    "Thai": (":lang=th", "fonts-noto-core"),
    "Devanagari": (":lang=hi", "fonts-noto-core"),
    "Chinese": (":lang=zh-cn", "fonts-noto-cjk"),
    "Japanese": (":lang=ja", "fonts-noto-cjk"),
    "Korean": (":lang=ko", "fonts-noto-cjk"),
    "emoji": (":charset=1f399", "fonts-noto-color-emoji"),
}
PATIENCE_SECONDS = 10


@cache
def missing_scripts() -> dict[str, str]:
    """Return {script: package} of those that no font here can draw; everything when fontconfig is not here to say."""
    program = shutil.which("fc-list")
    return {script: package for script, (asked, package) in SCRIPTS.items() if not (program and _has(program, asked))}


def _has(program: str, asked: str) -> bool:
    try:
        command = [program, asked, "family"]
        found = subprocess.run(command, capture_output=True, timeout=PATIENCE_SECONDS, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return False
    return bool(found.stdout.strip())
