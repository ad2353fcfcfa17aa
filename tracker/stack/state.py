"""Where the embedded servers of this checkout are, for every process that needs them."""

import json
import os
from pathlib import Path


def state_folder(project: Path) -> Path:
    """Return the folder that holds data, logs and addresses of the embedded servers (TRACKER_STATE names another)."""
    return Path(os.environ.get("TRACKER_STATE", project / ".stack"))


def local_environment(project: Path) -> None:
    """Fill DATABASE_URL, REDIS_URL and SECRET_KEY from the state folder where the environment does not name them."""
    recorded = state_folder(project) / "env.json"
    if recorded.exists():
        for name, value in json.loads(recorded.read_text()).items():
            os.environ.setdefault(name, value)
