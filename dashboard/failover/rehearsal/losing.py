"""The failover itself, on the pair: a client writes, the primary is lost, the standby takes over."""

import time
from contextlib import closing
from dataclasses import dataclass

import psycopg2

from dashboard.backups.drills.probes import read_end
from dashboard.core.filters import duration
from dashboard.failover.rehearsal.copying import TIMELINE, Copied, number_of
from dashboard.failover.rehearsal.errors import FailoverFailedError, RehearsalBrokenError
from dashboard.failover.rehearsal.throw_away import ThrowAwayServer, Tick, address_of
from dashboard.failover.service import Journal
from dashboard.failover.write_probe import WriteProbe, writing

WRITE_SECONDS = 2.0
AFTER_SECONDS = 0.5
LEAST_WRITES = 20
# Three failed attempts in a row: one alone may be a connection that was refused for a moment.
ATTEMPTS, ATTEMPT_SECONDS = 3, 0.1
PROMOTE_SECONDS = 120
FIRST_WRITE_SECONDS = 60.0
POLL_SECONDS = 0.01


@dataclass(frozen=True)
class Measured:
    """What the client saw. Rows and bytes lost are of acknowledged writes only."""

    outage_seconds: float
    writes: int
    failures: int
    lost_rows: int
    lost_bytes: int
    timeline: int
    first_error: str


def fail_over(made: Copied, journal: Journal, tick: Tick) -> Measured:
    """Lose the primary under writes and promote the standby; both servers are up before.

    Raises FailoverFailedError when the standby does not take over, RehearsalBrokenError when the client could
    not write in the first place.
    """
    probe = WriteProbe(address_of([made.old, made.new]))
    try:
        probe.prepare()
    except psycopg2.Error as error:
        raise RehearsalBrokenError(f"The client cannot write to the copy: {error}") from error
    with writing(probe):
        _write(probe, journal, tick)
        lost_at = _lose(made, probe, journal)
        _detect(made.old, journal, tick)
        _promote(made.new, journal)
        _wait_for_write(probe, lost_at, journal, tick)
        _pause(AFTER_SECONDS, tick)
    return _measure(made, probe, lost_at)


def _write(probe: WriteProbe, journal: Journal, tick: Tick) -> None:
    with journal.step("write", "A client writes without pause, through an address that names both.") as step:
        _pause(WRITE_SECONDS, tick)
        if len(probe.writes) < LEAST_WRITES:
            words = probe.failures[-1][1] if probe.failures else "commits do not return"
            raise RehearsalBrokenError(f"The client wrote {len(probe.writes)} rows only: {words}")
        step.text = f"{len(probe.writes) / WRITE_SECONDS:.0f} commits a second were acknowledged."


def _lose(made: Copied, probe: WriteProbe, journal: Journal) -> float:
    """End the old primary; return the moment from which it takes no write any more."""
    with journal.step("lose", "The primary is lost: ended at once, without a checkpoint.") as step:
        made.old.crash()
        lost_at = time.monotonic()
        step.text = f"The primary was ended at once, after {len(probe.writes)} acknowledged commits."
    return lost_at


def _detect(server: ThrowAwayServer, journal: Journal, tick: Tick) -> None:
    text = "Noticing it: three attempts to connect in a row must fail."
    with journal.step("detect", text) as step:
        failed = 0
        while failed < ATTEMPTS:
            tick()
            failed = 0 if _answers(server) else failed + 1
            time.sleep(ATTEMPT_SECONDS if failed < ATTEMPTS else 0)
        step.text = "Noticed by three failed attempts in a row. A person's time to decide is not in this."


def _answers(server: ThrowAwayServer) -> bool:
    try:
        with closing(psycopg2.connect(server.url(), connect_timeout=2)):
            return True
    except psycopg2.Error:
        return False


def _promote(server: ThrowAwayServer, journal: Journal) -> None:
    with journal.step("promote", "Promoting the standby.") as step:
        try:
            is_promoted = server.ask(f"SELECT pg_promote(true, {PROMOTE_SECONDS})")
        except psycopg2.Error as error:
            raise FailoverFailedError(f"The standby could not be promoted: {error}") from error
        if not is_promoted:
            raise FailoverFailedError(f"The standby was not promoted within {PROMOTE_SECONDS} s.")
        step.text = "The standby takes writes."


def _wait_for_write(probe: WriteProbe, lost_at: float, journal: Journal, tick: Tick) -> None:
    with journal.step("first_write", "Waiting for the client's first commit on the new primary.") as step:
        deadline = time.monotonic() + FIRST_WRITE_SECONDS
        while probe.wrote_after(lost_at) is None:
            tick()
            if time.monotonic() > deadline:
                words = probe.failures[-1][1] if probe.failures else "its commits do not return"
                raise FailoverFailedError(
                    f"The client could not write within {FIRST_WRITE_SECONDS:.0f} s of the promotion: {words}"
                )
            time.sleep(POLL_SECONDS)
        found = probe.outage(lost_at)
        seconds = found.seconds if found else None
        step.text = f"The client writes again, {duration(seconds)} after its last commit, without a restart."


def _measure(made: Copied, probe: WriteProbe, lost_at: float) -> Measured:
    found = probe.outage(lost_at)
    if found is None or found.seconds is None:  # pragma: no cover - both were waited for
        raise RehearsalBrokenError("The outage could not be measured.")
    try:
        lost = probe.lost(made.new.url())
        with made.new.link() as at:
            end = read_end(at)
        timeline = number_of(made.new, TIMELINE)
    except psycopg2.Error as error:
        raise FailoverFailedError(f"The new primary stopped answering: {error}") from error
    words = next((words for at, words in probe.failures if at >= lost_at - 1), "")
    missing = max(found.last_position - end, 0) if lost else 0
    return Measured(found.seconds, len(probe.writes), found.failures, len(lost), missing, timeline, words)


def _pause(seconds: float, tick: Tick) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        tick()
        time.sleep(min(0.1, seconds))
