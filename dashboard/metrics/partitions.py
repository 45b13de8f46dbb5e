"""Makes the partitions of the history ahead of time and drops those that are over. Flushes; the job commits.

They live in a schema of their own, so that migrations compare tables and not days. What fits no partition
(a worker that was away, a clock that was wrong) goes into the default one and is moved when its own is made.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, text

from dashboard.metrics.rollups import EPOCH, HALF_HOUR, MINUTE, RAW, ROLLED, begin_of

SCHEMA = "metric_parts"
DAY, WEEK = timedelta(days=1), timedelta(days=7)
MONTHS_A_YEAR = 12
EXISTING = """
SELECT c.relname::text FROM pg_inherits AS i
JOIN pg_class AS c ON c.oid = i.inhrelid
WHERE i.inhparent = CAST(:parent AS regclass) ORDER BY 1
"""
PROGRESS = "SELECT min(until), count(*) FROM metric_progress WHERE rollup = ANY(:rollups)"


@dataclass(frozen=True)
class Kind:
    """A partitioned table: how long each partition is (None: a calendar month), how many are made ahead."""

    table: str
    every: timedelta | None
    ahead: int
    keep: timedelta

    def bounds(self, moment: datetime) -> tuple[datetime, datetime]:
        """Return from when until when the partition of a moment reaches."""
        if self.every is None:
            first = moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
            return first, _next_month(first)
        begin = begin_of(moment.astimezone(UTC), self.every)
        return begin, begin + self.every

    def name(self, begin: datetime) -> str:
        """Return the name of the partition that begins then."""
        return f"{self.table}_{begin:%Y%m%d}"

    def begin(self, name: str) -> datetime | None:
        """Return when a partition begins, from its name; None for the default one."""
        digits = name.removeprefix(f"{self.table}_")
        return datetime.strptime(digits, "%Y%m%d").replace(tzinfo=UTC) if digits.isdigit() else None


KINDS = (
    Kind(RAW.table, DAY, 2, RAW.keep),
    Kind(MINUTE.table, WEEK, 1, MINUTE.keep),
    Kind(HALF_HOUR.table, None, 1, HALF_HOUR.keep),
    Kind("metric_position", DAY, 2, timedelta(days=14)),
)


def _next_month(first: datetime) -> datetime:
    years, month = divmod(first.month, MONTHS_A_YEAR)
    return first.replace(year=first.year + years, month=month + 1)


def keep(connection: Connection, now: datetime) -> dict[str, list[str]]:
    """Make what is missing and drop what is over; return the names of both."""
    made, dropped = [], []
    for kind in KINDS:
        made += make_ahead(connection, kind, now)
        dropped += drop_old(connection, kind, now)
    return {"made": made, "dropped": dropped}


def existing(connection: Connection, kind: Kind) -> list[str]:
    """Return the names of a table's partitions, the default one included."""
    return list(connection.scalars(text(EXISTING), {"parent": kind.table}))


def make_ahead(connection: Connection, kind: Kind, now: datetime) -> list[str]:
    """Make the partition of this moment and those that follow; return the names of new ones."""
    known, made, moment = set(existing(connection, kind)), [], now
    for _ in range(kind.ahead + 1):
        begin, end = kind.bounds(moment)
        if kind.name(begin) not in known:
            _make(connection, kind, begin, end)
            made.append(kind.name(begin))
        moment = end
    return made


def _make(connection: Connection, kind: Kind, begin: datetime, end: datetime) -> None:
    """Fill it from the default partition before it is attached: rows may have come too early or too late."""
    part, default = f"{SCHEMA}.{kind.name(begin)}", f"{SCHEMA}.{kind.table}_default"
    within, bounds = "at >= :begin AND at < :end", {"begin": begin, "end": end}
    limits = f"FROM ('{begin.isoformat()}') TO ('{end.isoformat()}')"
    run = connection.exec_driver_sql
    run(f"LOCK TABLE {default} IN ACCESS EXCLUSIVE MODE")  # else a round could come between copy and delete
    run(f"CREATE TABLE {part} (LIKE {kind.table} INCLUDING ALL)")
    connection.execute(text(f"INSERT INTO {part} SELECT * FROM {default} WHERE {within}"), bounds)  # noqa: S608  # names of ours
    connection.execute(text(f"DELETE FROM {default} WHERE {within}"), bounds)  # noqa: S608
    run(f"ALTER TABLE {kind.table} ATTACH PARTITION {part} FOR VALUES {limits}")


def drop_old(connection: Connection, kind: Kind, now: datetime) -> list[str]:
    """Drop partitions that are over, and old rows of the default one; raw ones only once rolled up."""
    before = now - kind.keep
    if kind.table == RAW.table:
        before = min(before, rolled_until(connection) or EPOCH)
    dropped = []
    for name in existing(connection, kind):
        begin = kind.begin(name)
        if begin is not None and kind.bounds(begin)[1] <= before:
            connection.exec_driver_sql(f"DROP TABLE {SCHEMA}.{name}")
            dropped.append(name)
    old = text(f"DELETE FROM {SCHEMA}.{kind.table}_default WHERE at < :before")  # noqa: S608  # names of ours
    connection.execute(old, {"before": before})
    return dropped


def rolled_until(connection: Connection) -> datetime | None:
    """Return until when every rollup has come; None while one has not begun."""
    names = [grain.table for grain in ROLLED]
    until, count = connection.execute(text(PROGRESS), {"rollups": names}).one()
    found: datetime | None = until if count == len(names) else None
    return found
