"""Processes of a stack that nobody waits for any more: found by their mark, and ended."""

import os
from contextlib import suppress
from pathlib import Path

import psutil

from dashboard.stack.environment import MARK

TERM_SECONDS = 5.0


def find_remains(home: Path) -> list[psutil.Process]:
    """Return the processes started for this data folder, except this one and its parents."""
    ours = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    found = []
    for process in psutil.process_iter():
        if process.pid in ours:
            continue
        with suppress(psutil.Error, OSError):
            if process.environ().get(MARK) == str(home):
                found.append(process)
    return found


def end_remains(home: Path) -> int:
    """End them, first politely; return how many there were."""
    found = find_remains(home)
    for process in found:
        with suppress(psutil.Error):
            process.terminate()
    _gone, alive = psutil.wait_procs(found, timeout=TERM_SECONDS)
    for process in alive:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(alive, timeout=TERM_SECONDS)
    return len(found)
