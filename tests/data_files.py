"""Payloads of others, read once (tests/data/README.md says whose)."""

from tracker.stack.state import PROJECT

PAYLOADS = [
    line
    for line in (PROJECT / "tests/data/csv_injection_payloads.txt").read_text(errors="replace").splitlines()
    if line.strip()
]
