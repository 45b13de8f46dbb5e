"""Makes the throw-away pair: a copy of the live cluster that has caught up, cut off, and a standby of it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psycopg2
from sqlalchemy.engine import make_url

from dashboard.backups.drills.evidence import DrillBrokenError
from dashboard.backups.restoring.planning import free_bytes
from dashboard.backups.restoring.service import folder_bytes
from dashboard.core.config import Member, Settings
from dashboard.core.filters import bytes_
from dashboard.failover.rehearsal import source as sources
from dashboard.failover.rehearsal.errors import RehearsalBrokenError
from dashboard.failover.rehearsal.source import NoSourceError, Source
from dashboard.failover.rehearsal.throw_away import APPLICATION, ThrowAwayServer, Tick
from dashboard.servers import ServerError, data_root, service_account
from dashboard.servers.folders import make_passable
from dashboard.servers.scratch import programs_for

FOLDER = "rehearsals"
START_SECONDS = 300.0
CATCH_UP_SECONDS = 3600.0
MEASURE_EVERY_SECONDS = 1.0
MARGIN = 1.1
MARGIN_BYTES = 256 * 1024**2
REPLAYED = "SELECT coalesce((pg_last_wal_replay_lsn() - '0/0'::pg_lsn)::bigint, 0)"
TIMELINE = "SELECT ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int"
STREAMS = "SELECT count(*) > 0 FROM pg_stat_replication WHERE state = 'streaming'"
Progress = Callable[[str], None]


@dataclass
class Copied:
    """What is known of the pair so far: bytes on disk, seconds it took to copy them.

    `reached_at`: commit time of the last transaction in it.
    """

    source: Source
    is_synchronous: bool
    old: ThrowAwayServer
    new: ThrowAwayServer
    size: int = 0
    seconds: float = 0.0
    reached_at: datetime | None = None
    timeline: int = 0


def root_of(settings: Settings) -> Path:
    """Return the folder of all servers of rehearsals, beside the servers of the stack."""
    return data_root(settings.home / "servers", service_account()) / FOLDER


@contextmanager
def in_words() -> Iterator[None]:
    """Turn what engines raise into a broken rehearsal: none of it tells anything about a failover."""
    try:
        yield
    except NoSourceError as error:
        raise RehearsalBrokenError(str(error)) from error
    except (ServerError, DrillBrokenError, TimeoutError) as error:
        raise RehearsalBrokenError(f"A throw-away server could not be made. {error}") from error
    except psycopg2.Error as error:
        raise RehearsalBrokenError(
            f"A throw-away server stopped answering: {' '.join(str(error).split())}"
        ) from error
    except OSError as error:
        raise RehearsalBrokenError(f"A file could not be written: {error}") from error


def members_of(settings: Settings) -> list[Member]:
    """Return every server of the cluster; without DATABASE_PRIMARY the primary goes by that name."""
    if settings.primary is not None:
        return list(settings.members)
    primary = Member(name="primary", zone="", region="", mode="async", url=settings.database_monitor_url)
    return [primary, *settings.standbys]


def choose(settings: Settings, number: int) -> Copied:
    """Choose the source, check room and programs; nothing is written. Raises RehearsalBrokenError."""
    with in_words():
        found, away = sources.look_at(members_of(settings))
        source = sources.choose(found, away)
        root = root_of(settings)
        _check_room(root, source.size)
        programs = programs_for(
            source.major, service_account(), root.parent / "bin", explicit=settings.pg_bin
        )
        make_passable(root, service_account())
        old, new = (
            ThrowAwayServer(root / f"{number}-{name}", bin_folder=programs) for name in ("old", "new")
        )
    return Copied(source, sources.is_synchronous(found), old, new)


def _check_room(root: Path, size: int) -> None:
    need, free = 2 * int(size * MARGIN) + MARGIN_BYTES, free_bytes(root)
    if free < need:
        raise RehearsalBrokenError(
            f"The disk of {root} has {bytes_(free)} free; two copies of the cluster take {bytes_(need)}. "
            "Nothing was begun."
        )


def copy(made: Copied, settings: Settings, progress: Progress, tick: Tick) -> None:
    """Copy the source. Raises RehearsalBrokenError."""
    assert settings.backup_url is not None  # noqa: S101  # else the latest backup is restored
    login = make_url(settings.backup_url)
    upstream = made.source.upstream(login.username or "", login.password or "", settings.database_sslmode)
    begun = time.monotonic()
    with in_words():
        made.old.synchronous = APPLICATION if made.is_synchronous else ""
        made.old.copy(upstream, _measuring(made, progress, tick))
    made.seconds = time.monotonic() - begun
    made.size = folder_bytes(made.old.data)


def _measuring(made: Copied, progress: Progress, tick: Tick) -> Tick:
    looked = 0.0

    def look() -> None:
        nonlocal looked
        tick()
        if time.monotonic() - looked > MEASURE_EVERY_SECONDS:
            done, total = folder_bytes(made.old.data), made.source.size
            progress(f"Copied {bytes_(done)} of about {bytes_(total)}")
            looked = time.monotonic()

    return look


def catch_up(made: Copied, until: int | None, tick: Tick) -> int:
    """Follow the source until all up to a position (in bytes) is there; return how far behind the copy was.

    Without a position, as when the primary is away, what the source had when it was copied is enough.
    Raises RehearsalBrokenError.
    """
    with in_words():
        made.old.follow(START_SECONDS, tick)
        first = number_of(made.old, REPLAYED)
        if until is not None:
            made.old.wait_for(
                f"SELECT ({REPLAYED}) >= {int(until)}", CATCH_UP_SECONDS, tick, "It did not catch up"
            )
        last = made.old.ask("SELECT pg_last_xact_replay_timestamp()")
        made.reached_at = last if isinstance(last, datetime) else None
    return max((until or first) - first, 0)


def cut(made: Copied) -> None:
    """End the stream and let the copy stand alone; the live cluster is out of it from here on."""
    with in_words():
        made.old.ask("SELECT pg_promote(true, 120)")
        made.old.upstream = None
        made.timeline = number_of(made.old, TIMELINE)


def pair(made: Copied, tick: Tick) -> None:
    """Make the standby of the copy, as the live cluster has one, and wait until it streams."""
    with in_words():
        made.new.copy(made.old.as_upstream(), tick)
        made.new.follow(START_SECONDS, tick)
        wanted = STREAMS + (" AND sync_state = 'sync'" if made.is_synchronous else "")
        made.old.wait_for(wanted, START_SECONDS, tick, "The second copy does not stream")


def number_of(server: ThrowAwayServer, query: str) -> int:
    """Return the whole number a query answers, 0 for none. Raises psycopg2.Error."""
    found = server.ask(query)
    return int(found) if isinstance(found, int) else 0
