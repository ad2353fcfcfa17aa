#!/usr/bin/env python
"""The command line of the tracker: `python manage.py help` lists what it can do."""

import os
import sys
from pathlib import Path


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tracker.settings")
    import redis
    from django.core.management import execute_from_command_line
    from django.db import OperationalError

    from tracker.stack.state import not_running

    try:
        execute_from_command_line(sys.argv)
    except (OperationalError, redis.ConnectionError):
        # The embedded servers are only started by `make run`; say so instead of showing a trace.
        if sentence := not_running(Path(__file__).resolve().parent):
            sys.exit(sentence)
        raise


if __name__ == "__main__":
    main()
