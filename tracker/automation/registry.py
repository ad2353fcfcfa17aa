"""Named jobs: beat, the admin and the automation API run the same function by the same name."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from tracker.lib.errors import NotFound


@dataclass(frozen=True)
class JobResult:
    """What a job did: `summary` is one sentence for people, `counts` are numbers for programs."""

    summary: str
    counts: dict[str, Any] = field(default_factory=dict)


class JobFunction(Protocol):
    def __call__(self, *, at: datetime) -> JobResult: ...


@dataclass(frozen=True)
class Job:
    """A named job. `flag` is the feature that gates it; upkeep jobs have none and always run.

    `is_long`: whoever asks for it over the API gets a 202 and follows the run; the others answer with their result.
    """

    name: str
    run: JobFunction
    flag: str | None = None
    is_long: bool = False


_jobs: dict[str, Job] = {}


def job(name: str, *, flag: str | None = None, is_long: bool = False) -> Callable[[JobFunction], JobFunction]:
    """Register a function as a named job of every tenant. It runs inside one tenant and never loops over tenants."""

    def register(function: JobFunction) -> JobFunction:
        _jobs[name] = Job(name=name, run=function, flag=flag, is_long=is_long)
        return function

    return register


def job_named(name: str) -> Job:
    """Return a job by its name. Raises NotFound("unknown_job") that lists those there are."""
    if name not in _jobs:
        raise NotFound("unknown_job", f"There is no job called {name}.", jobs=sorted(_jobs))
    return _jobs[name]


def all_jobs() -> list[Job]:
    return list(_jobs.values())
