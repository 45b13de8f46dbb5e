"""Owns the measuring: one request after the other, or eight at once, ours and stock in turns."""

import itertools
import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from bench.client import Request, Session

AT_ONCE = 8


@dataclass(frozen=True)
class Effort:
    """How long to measure: rounds of so many seconds (alone, at once), and requests at most."""

    rounds: int = 3
    alone: float = 1.0
    at_once: float = 1.5
    at_most: int = 60
    saves: int = 400


@dataclass
class Sample:
    """What one side took: seconds of each request, and the wall time of the concurrent ones."""

    alone: list[float] = field(default_factory=list)
    at_once: list[float] = field(default_factory=list)
    wall: float = 0.0

    @property
    def p50_alone(self) -> float:
        """Median milliseconds of a request alone."""
        return 1000 * statistics.median(self.alone)

    @property
    def p50_at_once(self) -> float:
        """Median milliseconds of a request among eight."""
        return 1000 * statistics.median(self.at_once)

    @property
    def per_second(self) -> float:
        """Requests per second at eight at once."""
        return len(self.at_once) / self.wall


@dataclass(frozen=True)
class Side:
    """One server and the requests of one case. `once`: each request may be sent only once (saves)."""

    session: Session
    requests: Sequence[Request]
    once: bool = False

    def supply(self) -> Iterator[Request]:
        """Return the requests, again and again unless they can be sent only once."""
        return iter(self.requests) if self.once else itertools.cycle(self.requests)


def compare(ours: Side, stock: Side, effort: Effort) -> tuple[Sample, Sample]:
    """Measure both in turns, so that a busy moment of the machine meets both."""
    samples = (Sample(), Sample())
    supplies = (ours.supply(), stock.supply())
    for side in (ours, stock):  # a connection, a template and a plan are made once, outside the figures
        if not side.once:
            side.session.send(side.requests[0])
    for _ in range(effort.rounds):
        for side, sample, supply in zip((ours, stock), samples, supplies, strict=True):
            _alone(side.session, supply, sample, effort)
        for side, sample, supply in zip((ours, stock), samples, supplies, strict=True):
            _at_once(side.session, supply, sample, effort.at_once)
    return samples


def _alone(session: Session, supply: Iterator[Request], sample: Sample, effort: Effort) -> None:
    end = time.perf_counter() + effort.alone
    for request in itertools.islice(supply, effort.at_most):
        sample.alone.append(session.send(request).seconds)
        if time.perf_counter() > end:
            return


def _at_once(session: Session, supply: Iterator[Request], sample: Sample, seconds: float) -> None:
    lock = threading.Lock()
    taken: list[float] = []
    failures: list[Exception] = []
    start = time.perf_counter()

    def work(own: Session) -> None:
        try:
            while not failures:
                with lock:
                    request = next(supply, None)
                if request is None:
                    return
                taken.append(own.send(request).seconds)
                if time.perf_counter() > start + seconds:  # after one at least, however late it began
                    return
        except Exception as error:  # noqa: BLE001  # told to the one who started the threads
            failures.append(error)
        finally:
            own.close()

    threads = [threading.Thread(target=work, args=(session.clone(),)) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    sample.at_once += taken
    sample.wall += time.perf_counter() - start
