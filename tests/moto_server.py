"""A server of AWS's interfaces in a process of its own (moto's), which checks signatures and rights."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from dashboard.servers import free_port

CODE = "import sys; from moto.server import main; main(sys.argv[1:])"
READY_SECONDS = 60


@contextmanager
def running_moto(log: Path, *, free_calls: int) -> Iterator[str]:
    """Run it and give its address; the first `free_calls` need no valid signature, to set it up with."""
    port = free_port()
    environment = os.environ | {"INITIAL_NO_AUTH_ACTION_COUNT": str(free_calls), "PYTHONWARNINGS": "ignore"}
    with log.open("wb") as written:
        process = subprocess.Popen(
            [sys.executable, "-c", CODE, "-H", "127.0.0.1", "-p", str(port)],
            env=environment,
            stdout=written,
            stderr=written,
        )
        try:
            yield _awaited(f"http://127.0.0.1:{port}")
        finally:
            process.terminate()
            process.wait(20)


def _awaited(endpoint: str) -> str:
    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            with urlopen(f"{endpoint}/moto-api/", timeout=2):  # noqa: S310  # our own address
                return endpoint
        except (URLError, OSError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
