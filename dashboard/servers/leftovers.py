"""Servers of an earlier run that was killed: found by their working folder, and stopped."""

from collections.abc import Sequence
from pathlib import Path

import psutil

from dashboard.servers.process import StopStep


def stop_leftover(folder: Path, program: str, steps: Sequence[StopStep]) -> None:
    """Stop the server of this name that still works in this folder, if there is one."""
    heads = [process for process in find_in_folder(folder) if _is_head(process, program)]
    for process in heads:
        for step in steps:
            if _ended_after(process, step):
                break
        else:
            _kill(process)


def find_in_folder(folder: Path) -> list[psutil.Process]:
    """Return every process whose working folder this is."""
    wanted = str(folder.resolve())
    found = []
    for process in psutil.process_iter():
        try:
            if process.cwd() == wanted:
                found.append(process)
        except psutil.Error:
            continue
    return found


def _is_head(process: psutil.Process, program: str) -> bool:
    """Tell a server's first process from the ones it has forked."""
    try:
        parent = process.parent()
        same = parent is not None and parent.name() == program
        return process.name() == program and not same
    except psutil.Error:
        return False


def _ended_after(process: psutil.Process, step: StopStep) -> bool:
    try:
        process.send_signal(step.signal)
        process.wait(step.seconds)
    except psutil.NoSuchProcess:
        return True
    except psutil.TimeoutExpired:
        return False
    return True


def _kill(process: psutil.Process) -> None:
    try:
        process.kill()
        process.wait(5)
    except psutil.Error:
        return
