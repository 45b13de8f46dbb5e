"""Readers and writers on all tenants in a process of their own: they and the runner share no Python."""

import random
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psycopg2

from bench.stage import CHECKOUT

THREADS, PER_SECOND = 4, 50
READ = "SELECT id, name FROM {0}.quote WHERE id = {1}"
WRITE = "UPDATE {0}.quote SET version = version + 1 WHERE id = {1}"


@dataclass(frozen=True)
class Statement:
    """When a statement began (Unix time), where, and how long it took in seconds."""

    at: float
    schema: str
    seconds: float


class Load:
    """The running process; ends with the `with` block. `locked` is read all the time by one more reader."""

    def __init__(self, url: str, schemas: Sequence[str], locked: str, folder: Path) -> None:
        self.file, self.stop = folder / "statements", folder / "stop"
        (folder / "schemas").write_text("\n".join(schemas))
        self.command = [sys.executable, "-m", "bench.fleet_load", url, locked, str(folder)]

    def __enter__(self) -> Self:
        self.stop.unlink(missing_ok=True)
        self.child = subprocess.Popen(self.command, cwd=CHECKOUT)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.touch()
        self.child.wait(60)

    def statements(self) -> list[Statement]:
        """Return what was measured, once it has ended."""
        lines = (line.split() for line in self.file.read_text().splitlines())
        return [Statement(float(at), schema, float(seconds)) for at, schema, seconds in lines]


def p99(statements: Sequence[Statement]) -> float:
    """Return milliseconds that 99 of 100 statements stay below."""
    return 1000 * statistics.quantiles([one.seconds for one in statements], n=100)[98]


def main(url: str, locked: str, folder: Path) -> None:
    """Work until the stop file is there, then write down what was measured."""
    schemas = [name for name in (folder / "schemas").read_text().split() if name != locked]
    taken: list[tuple[float, str, float]] = []
    threads = [
        threading.Thread(target=_work, args=(url, chosen, folder / "stop", taken, seed))
        for seed, chosen in enumerate([*[schemas] * THREADS, [locked]])
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = (f"{at:.6f} {schema} {seconds:.6f}" for at, schema, seconds in taken)
    (folder / "statements").write_text("\n".join(lines))


def _work(
    url: str, schemas: Sequence[str], stop: Path, taken: list[tuple[float, str, float]], seed: int
) -> None:
    """So many statements a second, half of them writing; the locked tenant is only read."""
    dice = random.Random(seed)
    with closing(psycopg2.connect(url)) as link, link.cursor() as at:
        link.autocommit = True
        while not stop.exists():
            schema = dice.choice(schemas)
            kind = WRITE if len(schemas) > 1 and dice.random() < 0.5 else READ
            begun = time.perf_counter()
            at.execute(kind.format(schema, dice.randint(1, 10)))
            seconds = time.perf_counter() - begun
            taken.append((time.time() - seconds, schema, seconds))
            time.sleep(max(0.0, 1 / PER_SECOND - seconds))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
