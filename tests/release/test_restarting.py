"""A restart through the embedded stack: its supervisor, its wishes and its lock, with quick programs."""

import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from dashboard.core.config import Settings
from dashboard.release import restarting
from dashboard.release.wishes import StepError
from dashboard.servers.process import Command, Process, StopStep
from dashboard.stack.console import Console
from dashboard.stack.lock import StackLock
from dashboard.stack.programs import OTHER_STEPS, WORKERS
from dashboard.stack.requests import Requests
from dashboard.stack.supervisor import Child, Stage, Supervisor

PARTS = (*WORKERS, "scheduler", "web")


def program(name: str, folder: Path) -> Child:
    """A part that sleeps and leaves when it is asked to."""
    steps: tuple[StopStep, ...] = OTHER_STEPS
    argv = [sys.executable, "-c", "import time; time.sleep(60)"]
    return Child(name, Process(Command(name, argv, folder, folder / f"{name}.log", {}, steps)), Stage.WEB)


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Supervisor]:
    """A stack of this folder that looks after its parts."""
    (tmp_path / "run").mkdir()
    supervisor = Supervisor(Console(tmp_path / "stack.log"), Requests(tmp_path / "run"))
    begun = threading.Event()

    def watch() -> None:
        supervisor.launch(*(program(name, tmp_path) for name in PARTS))
        begun.set()
        supervisor.watch()
        supervisor.stop_all()

    thread = threading.Thread(target=watch)
    with StackLock(tmp_path):
        thread.start()
        assert begun.wait(10)
        yield supervisor
        supervisor.wanted.set()
        thread.join()


@pytest.mark.commits
def test_every_part_that_runs_our_code_is_restarted(
    app: Flask, settings: Settings, stack: Supervisor, tmp_path: Path
) -> None:
    before = {child.name: child.part.pid for child in stack.children}
    said: list[str] = []
    with app.app_context():
        restarting.restart(settings.model_copy(update={"home": tmp_path}), said.append)
    after = {child.name: child.part.pid for child in stack.children}
    assert None not in after.values()
    assert all(after[name] != before[name] for name in PARTS)
    assert [line.split()[0] for line in said if line.endswith("runs the new code")] == list(PARTS)


@pytest.mark.commits
def test_a_stack_that_ended_is_told(app: Flask, settings: Settings, tmp_path: Path) -> None:
    with app.app_context(), pytest.raises(StepError, match="Nothing here can restart"):
        restarting.restart(settings.model_copy(update={"home": tmp_path}), lambda _line: None)
