"""Owns the measuring of CSV downloads: seconds, rows, growth of the worker, and the floor under it."""

import http.client
import statistics
import threading
import time
from dataclasses import dataclass
from typing import Self

import psutil

from bench.client import Session, WrongAnswerError

MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class Download:
    """One side's CSV: median seconds, data rows, bytes, and megabytes a worker grew by at its peak."""

    seconds: float
    rows: int
    size: int
    growth: float


class MemoryWatch:
    """Samples the resident memory of a server's workers every 10 ms while it is open."""

    def __init__(self, master: int) -> None:
        self._workers = psutil.Process(master).children()
        self._before = {worker.pid: worker.memory_info().rss for worker in self._workers}
        self._peak = dict(self._before)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.01):
            for worker in self._workers:
                self._peak[worker.pid] = max(self._peak[worker.pid], worker.memory_info().rss)

    @property
    def growth(self) -> float:
        """Megabytes that the worker which grew most has grown by."""
        return max(self._peak[pid] - self._before[pid] for pid in self._before) / MEGABYTE


def download(session: Session, path: str, master: int, times: int) -> Download:
    """Download a CSV a few times. Memory counts from before the first: later ones hide in what is kept."""
    seconds, rows, size = [], 0, 0
    with MemoryWatch(master) as memory:
        for _ in range(times):
            start = time.perf_counter()
            rows, size = _read_csv(session, path)
            seconds.append(time.perf_counter() - start)
    return Download(statistics.median(seconds), rows, size, memory.growth)


def _read_csv(session: Session, path: str) -> tuple[int, int]:
    connection = http.client.HTTPConnection("127.0.0.1", session.port, timeout=300)
    cookies = "; ".join(f"{name}={value}" for name, value in session.cookies.items())
    connection.request("GET", path, headers={"Cookie": cookies})
    answer = connection.getresponse()
    if answer.status != http.client.OK or "csv" not in answer.headers.get("Content-Type", ""):
        raise WrongAnswerError(
            f"{path}: {answer.status} {answer.headers.get('Content-Type')}, expected a CSV"
        )
    lines = size = 0
    while block := answer.read(64 * 1024):
        lines += block.count(b"\n")
        size += len(block)
    connection.close()
    return lines - 1, size
