"""Named jobs: beat, the admin and the automation API run the same function by the same name."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True)
class JobResult:
    """What a job did: `summary` is one sentence for people, `counts` are numbers for programs."""

    summary: str
    counts: dict[str, Any] = field(default_factory=dict)


class JobFunction(Protocol):
    def __call__(self, *, at: datetime) -> JobResult: ...


@dataclass(frozen=True)
class Job:
    """A named job. `flag` is the feature that gates it; upkeep jobs have none and always run."""

    name: str
    run: JobFunction
    flag: str | None = None


_jobs: dict[str, Job] = {}


def job(name: str, *, flag: str | None = None) -> Callable[[JobFunction], JobFunction]:
    """Register a function as a named job of every tenant. It runs inside one tenant and never loops over tenants."""

    def register(function: JobFunction) -> JobFunction:
        _jobs[name] = Job(name=name, run=function, flag=flag)
        return function

    return register


def job_named(name: str) -> Job:
    return _jobs[name]


def all_jobs() -> list[Job]:
    return list(_jobs.values())
