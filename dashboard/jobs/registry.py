"""Owns the list of jobs: what each is called, who may run it, where, for how long and how often."""

import importlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from dashboard.core.errors import NotFoundError

# Restores take hours and must not hold up the backups, which have "database"; nor may figures of a large
# tenant hold up imports ("records"), or anything at all a promotion ("urgent").
QUEUES = ("default", "records", "insights", "database", "restores", "urgent", "probes")
PACKAGE = Path(__file__).resolve().parents[1]

JobFunction = Callable[..., Mapping[str, Any] | None]
Function = TypeVar("Function", bound=JobFunction)


@dataclass(frozen=True)
class Opens:
    """Where what a run made is shown: a link's text, its endpoint, and for each value a key of the result."""

    text: str
    endpoint: str
    values: Mapping[str, str]


@dataclass(frozen=True)
class JobSpec:
    """A job as declared.

    `lock` is a template over the arguments and `tenant`: one run at a time holds it. `timeout` is in
    seconds. `resumable` says that a run cut off in the middle may start again, because its steps keep it
    from repeating effects.
    `quiet` keeps only the last success, for probes. `outbox` lets tenants ask for it from a transaction.
    """

    name: str
    function: JobFunction
    title: str
    permission: str
    queue: str = "default"
    lock: str = ""
    timeout: int = 600
    max_attempts: int = 1
    resumable: bool = False
    quiet: bool = False
    outbox: bool = False
    opens: Opens | None = None

    def lock_name(self, args: Mapping[str, Any], tenant: str | None) -> str | None:
        """Fill the lock's template in, with defaults for arguments left out; None when it needs no lock.

        Raises TypeError for arguments the function does not take, or lacks.
        """
        bound = inspect.signature(self.function).bind(None, **args)
        bound.apply_defaults()
        return self.lock.format_map({"tenant": tenant or "", **bound.arguments}) or None


_jobs: dict[str, JobSpec] = {}


def job(
    name: str,
    *,
    title: str,
    permission: str,
    queue: str = "default",
    lock: str = "",
    timeout: int = 600,
    max_attempts: int | None = None,
    resumable: bool = False,
    quiet: bool = False,
    outbox: bool = False,
    opens: Opens | None = None,
) -> Callable[[Function], Function]:
    """Register a function as a job. It gets the `Run` and its JSON-safe arguments by keyword.

    `max_attempts` counts tries after errors and lost workers together: 3 for a resumable job, else 1.
    """
    if queue not in QUEUES:
        raise ValueError(f"job {name}: there is no queue {queue!r}, only {', '.join(QUEUES)}")
    attempts = max_attempts or (3 if resumable else 1)

    def register(function: Function) -> Function:
        known = _jobs.get(name)
        if known and known.function.__module__ != function.__module__:
            raise ValueError(
                f"job {name} is declared twice: {known.function.__module__}, {function.__module__}"
            )
        _jobs[name] = JobSpec(
            name, function, title, permission, queue, lock, timeout, attempts, resumable, quiet, outbox, opens
        )
        return function

    return register


def find_job(name: str) -> JobSpec | None:
    """Return the declaration of a job, None when this release has no such job."""
    return _jobs.get(name)


def get_job(name: str) -> JobSpec:
    """Return the declaration of a job. Raises NotFoundError."""
    spec = _jobs.get(name)
    if spec is None:
        raise NotFoundError(f"This release of Steward has no job called {name}.")
    return spec


def list_jobs() -> list[JobSpec]:
    """Every declared job by name."""
    return sorted(_jobs.values(), key=lambda spec: spec.name)


def import_jobs() -> None:
    """Import every feature's `jobs.py`, so that workers and pages know all jobs."""
    for path in sorted(PACKAGE.glob("*/**/jobs.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        importlib.import_module(".".join(parts))
