"""One stack per data folder: a locked file that holds the process id."""

import fcntl
import os
import time
from pathlib import Path
from typing import Self, TextIO

from dashboard.stack.options import StackError

LOCK_FILE = "stack.lock"


class StackLock:
    """Held while a stack runs; the kernel frees it when the process ends, however it ends."""

    def __init__(self, home: Path) -> None:
        self.path = home / LOCK_FILE
        self.stream: TextIO | None = None

    def __enter__(self) -> Self:
        """Take it; StackError names the process that has it."""
        stream = self.path.open("a+")
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            stream.close()
            raise StackError(
                f"Steward is already running in {self.path.parent} (process {holder(self.path.parent)}); "
                "stop it with `make down`."
            ) from error
        stream.truncate(0)
        stream.write(f"{os.getpid()}\n")
        stream.flush()
        self.stream = stream
        return self

    def __exit__(self, *_: object) -> None:
        """Give it back; the file stays, an unlinked one could be locked twice."""
        if self.stream:
            self.stream.truncate(0)
            self.stream.close()


def holder(home: Path) -> int | None:
    """Return the process id of the stack that runs in this folder, None when there is none."""
    try:
        with (home / LOCK_FILE).open() as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                text = stream.read().strip()
                return int(text) if text.isdigit() else None
    except FileNotFoundError:
        pass
    return None


def wait_until_free(home: Path, seconds: float) -> bool:
    """Wait until the stack of this folder has ended; False when it has not by then."""
    deadline = time.monotonic() + seconds
    while holder(home) is not None:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True
