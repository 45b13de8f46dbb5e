"""Restarts web, workers and scheduler: through the embedded stack, else by the configured command."""

import shlex
import subprocess
import time
from pathlib import Path

from sqlalchemy import select

from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.jobs.models import JobRun, RunStatus
from dashboard.jobs.registry import find_job
from dashboard.release.wishes import Say, StepError
from dashboard.stack.lock import holder
from dashboard.stack.programs import WORKERS
from dashboard.stack.requests import Requests

# A job that goes on longer is ended with its worker and taken up again, or shown as failed.
DRAIN_SECONDS = 60.0
PART_SECONDS = 40.0
COMMAND_SECONDS = 900
POLL_SECONDS = 0.2
SHOWN = 300
NO_WAY = StepError(
    "Nothing here can restart web and workers.",
    fix="Set STEWARD_RELEASE_COMMAND (docs/release.md), or say --no-restart and restart them yourself.",
)


def check_way(settings: Settings) -> None:
    """Raise StepError when nothing could restart the product: said before anything is changed."""
    if not settings.release_command and holder(settings.home) is None:
        raise NO_WAY


def restart(settings: Settings, say: Say) -> None:
    """Restart everything that runs our code. Raises StepError."""
    check_way(settings)
    drain(say)
    if settings.release_command:
        _run(settings.release_command, say)
        return
    for part in (*WORKERS, "scheduler", "web"):
        _ask_stack(settings.home, part)
        say(f"  {part} runs the new code")


def drain(say: Say, seconds: float = DRAIN_SECONDS) -> None:
    """Wait for jobs that are under way; after `seconds` the restart goes on without them."""
    deadline = time.monotonic() + seconds
    told = False
    while names := _under_way():
        if time.monotonic() > deadline:
            say(f"  not waiting any longer for {', '.join(names)}; resumable ones are taken up again")
            return
        if not told:
            say(f"  waiting for {', '.join(names)}")
            told = True
        time.sleep(POLL_SECONDS)


def _under_way() -> list[str]:
    """The jobs that people would miss; probes are not among them."""
    with db.engines["control"].connect() as connection:
        running = select(JobRun.job).where(JobRun.status == RunStatus.RUNNING).distinct()
        names = connection.scalars(running).all()
    return sorted(name for name in names if (spec := find_job(name)) is None or not spec.quiet)


def _ask_stack(home: Path, part: str) -> None:
    requests = Requests(home / "run")
    requests.take_answer(part)
    requests.put(part, "restart")
    deadline = time.monotonic() + PART_SECONDS
    while not requests.take_answer(part):
        if holder(home) is None:
            raise StepError("The stack has ended.", fix="Start it with `make up`.")
        if time.monotonic() > deadline:
            raise StepError(
                f"The stack did not restart {part} within {PART_SECONDS:.0f} s.",
                fix="It may be of an older release: stop it with `make down`, start it with `make up`.",
            )
        time.sleep(POLL_SECONDS)


def _run(command: str, say: Say) -> None:
    """Run the configured command and pass on what it says."""
    try:
        ended = subprocess.run(
            shlex.split(command),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise StepError(f"STEWARD_RELEASE_COMMAND could not be run: {error}") from error
    said = " ".join((ended.stdout + ended.stderr).split())[-SHOWN:]
    if ended.returncode != 0:
        raise StepError(f"STEWARD_RELEASE_COMMAND ended with {ended.returncode}: {said}")
    if said:
        say(f"  {said}")
