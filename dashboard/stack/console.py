"""What the stack tells: line by line to the terminal, and into its log."""

import sys
import time
from datetime import UTC, datetime
from pathlib import Path


class Console:
    """Prints progress; a terminal that was closed is no error."""

    def __init__(self, log: Path | None = None) -> None:
        self.log = log
        self.started = time.monotonic()

    def say(self, text: str) -> None:
        """Print one line with the seconds since the start."""
        seconds = time.monotonic() - self.started
        self._write(f"{seconds:6.1f}s  {text}")

    def plain(self, text: str, *, secret: bool = False) -> None:
        """Print a line as it is; a secret one stays out of the log."""
        self._write(text, logged=not secret)

    def _write(self, line: str, *, logged: bool = True) -> None:
        try:
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
        except OSError:  # the terminal is gone; stopping in order matters more
            pass
        if self.log and logged:
            stamp = datetime.now(UTC).isoformat(timespec="seconds")
            with self.log.open("a") as stream:
                stream.write(f"{stamp} {line}\n")
