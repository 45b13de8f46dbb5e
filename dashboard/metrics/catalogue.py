"""Names the charts of the Metrics page: which series belong together, in what unit, and why one looks."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

PER_SECOND, PER_MINUTE, BYTES, BYTES_PER_SECOND = "per second", "per minute", "bytes", "bytes"
MS_PER_SECOND, SECONDS, MS = "ms per second", "s", "ms"


@dataclass(frozen=True)
class Plot:
    """One chart; `peaks` draws the largest of each moment instead of the mean."""

    title: str
    series: Mapping[str, str]
    unit: str = ""
    why: str = ""
    peaks: bool = False


@dataclass(frozen=True)
class Group:
    """Charts that are looked at together."""

    key: str
    title: str
    plots: tuple[Plot, ...]


def _labelled(prefix: str, *names: str) -> dict[str, str]:
    """Return series of a common beginning with the rest of their name as label."""
    return {f"{prefix}.{name}": name.replace("_", " ").capitalize() for name in names}


LOAD = Group(
    "load",
    "Load",
    (
        Plot(
            "Sessions",
            _labelled("sessions", "total", "active", "idle_in_transaction", "limit"),
            why="At the limit nobody else gets in; idle in transaction holds back vacuum.",
            peaks=True,
        ),
        Plot(
            "Transactions",
            _labelled("transactions", "commits", "rollbacks"),
            PER_SECOND,
            "Rollbacks above a tenth of all point at errors of the application.",
        ),
        Plot(
            "Rows",
            _labelled("rows", "scanned", "fetched", "inserted", "updated", "deleted"),
            PER_SECOND,
            "Many rows scanned for few fetched: an index is missing.",
        ),
        Plot(
            "Time spent",
            _labelled("time", "active_ms", "idle_in_transaction_ms"),
            MS_PER_SECOND,
            "1,000 ms per second is one session busy all the time.",
        ),
        Plot(
            "Longest",
            _labelled("age", "transaction", "query", "idle_in_transaction", "lock_wait"),
            SECONDS,
            "Age of the oldest of each kind.",
            peaks=True,
        ),
        Plot(
            "Logins",
            _labelled("logins", "opened", "abandoned", "fatal", "killed"),
            PER_MINUTE,
            "Sessions that ended otherwise than by closing were lost or killed.",
        ),
    ),
)
WAITS = Group(
    "waits",
    "Waits and locks",
    (
        Plot(
            "What active sessions wait for",
            {"waits.none": "Nothing: on a processor"}
            | _labelled("waits", "lock", "lwlock", "io", "ipc", "synchronous_standby", "buffer", "client"),
            why="A commit frozen by an absent synchronous standby shows no lock, only this wait.",
            peaks=True,
        ),
        Plot(
            "Locks waited for",
            _labelled("locks", "waiting", "waiting_row", "waiting_relation", "waiting_advisory"),
            why="A few are normal; a line that stays has a blocker: see Activity.",
            peaks=True,
        ),
        Plot(
            "Locks held by mode",
            _labelled(
                "locks",
                *("access_share", "row_share", "row_exclusive", "share_update_exclusive", "share"),
                *("exclusive", "access_exclusive"),
            ),
            why="Access exclusive shuts out everybody, readers too.",
            peaks=True,
        ),
        Plot(
            "Deadlocks and conflicts",
            {"transactions.deadlocks": "Deadlocks", "conflicts.all": "Conflicts with recovery"},
            PER_MINUTE,
            "More than five deadlocks a minute are a mistake in the order of locks.",
        ),
    ),
)
MEMORY = Group(
    "memory",
    "Cache and I/O",
    (
        Plot(
            "Found in shared buffers",
            {"blocks.hit_share": "Tables and indexes", "index_blocks.hit_share": "Indexes"},
            "share",
            "Below 0.98 the working set outgrows shared_buffers; below 0.90 it hurts.",
        ),
        Plot("Bytes moved", {"io.read_bytes": "Read", "io.written_bytes": "Written"}, BYTES_PER_SECOND),
        Plot(
            "Reads by what they are for",
            {f"io.{name}.reads": name.capitalize() for name in ("normal", "vacuum", "bulkread", "temp")},
            PER_SECOND,
            "Bulk reads are sequential scans of large tables.",
        ),
        Plot(
            "Writes by who makes them",
            {
                f"io.{name}.writes": name.capitalize()
                for name in ("clients", "checkpointer", "writer", "autovacuum", "startup")
            },
            PER_SECOND,
            "Clients that write themselves wait for it: checkpointer and writer are too slow.",
        ),
        Plot(
            "Time of I/O",
            {f"io.{name}_ms": name.capitalize() for name in ("read", "write", "extend", "fsync")},
            MS_PER_SECOND,
            "Measured only where track_io_timing is on.",
        ),
        Plot("Temporary files", {"temp.bytes": "Written per second"}, BYTES, "Sorts that outgrow work_mem."),
        Plot(
            "Misses of the small caches",
            {
                f"slru.{name}.read": name.replace("_", " ").capitalize()
                for name in ("transaction", "subtransaction", "multixact_offset", "multixact_member")
            },
            PER_SECOND,
            "Subtransactions that miss come from savepoints under a long transaction.",
        ),
    ),
)
WRITING = Group(
    "writing",
    "WAL and checkpoints",
    (
        Plot("WAL written", {"wal.bytes": "Per second"}, BYTES, "What backups and standbys must carry away."),
        Plot(
            "WAL records and pages",
            {"wal.records": "Records", "wal.full_pages": "Full pages", "wal.syncs": "Syncs"},
            PER_SECOND,
            "Full pages follow each checkpoint: too many checkpoints, too much WAL.",
        ),
        Plot(
            "Checkpoints",
            _labelled("checkpoints", "timed", "requested")
            | {"restartpoints.done": "Restartpoints of a standby"},
            PER_MINUTE,
            "Requested ones mean that max_wal_size is too small for the load.",
        ),
        Plot(
            "Buffers written",
            _labelled("buffers", "by_checkpoints", "by_writer", "by_backends", "allocated"),
            PER_SECOND,
        ),
        Plot(
            "WAL on disk",
            {"wal.directory_bytes": "pg_wal"},
            BYTES,
            "It grows while the archiver fails or a slot holds it.",
            peaks=True,
        ),
        Plot(
            "Archiver",
            {"archiver.archived": "Archived per minute", "archiver.waiting": "Files waiting"},
            why="16 files waiting warn, 128 are critical.",
            peaks=True,
        ),
    ),
)
REPLICATION = Group(
    "replication",
    "Replication",
    (
        Plot(
            "Behind the primary, worst standby",
            _labelled("replication", "unsent_bytes", "unflushed_bytes", "unreplayed_bytes"),
            BYTES,
            "Only on the primary.",
            peaks=True,
        ),
        Plot("WAL kept by slots", {"slots.kept_bytes": "Most kept"}, BYTES, peaks=True),
        Plot(
            "Connected standbys and slots",
            {
                "replication.streaming": "Streaming",
                "replication.synchronous": "Synchronous",
                "slots.active": "Slots in use",
                "slots.inactive": "Slots not in use",
            },
            why="A slot nobody uses keeps WAL until the disk is full.",
        ),
        Plot(
            "Received and replayed",
            {"recovery.received_bytes": "Received", "recovery.replayed_bytes": "Replayed"},
            BYTES_PER_SECOND,
            "Only on a standby, per second.",
        ),
        Plot("Received, not yet replayed", {"recovery.unreplayed_bytes": "Waiting"}, BYTES, peaks=True),
        Plot(
            "Queries cancelled by recovery",
            _labelled("conflicts", "snapshot", "lock", "buffer_pin", "deadlock", "tablespace"),
            PER_MINUTE,
            "Only on a standby: hot_standby_feedback trades them for bloat on the primary.",
        ),
    ),
)
UPKEEP = Group(
    "upkeep",
    "Upkeep and size",
    (
        Plot(
            "Age of the oldest transaction number",
            {"xid.age": "Transactions", "xid.multixact_age": "Multixacts"},
            why="At two billion the server refuses writes; autovacuum starts at 200 million.",
            peaks=True,
        ),
        Plot("Transaction numbers used", {"xid.used": "Used"}, PER_SECOND),
        Plot(
            "Size",
            {
                "size.database": "Database",
                "size.tables": "Tables",
                "size.indexes": "Indexes",
                "size.toast": "TOAST",
            },
            BYTES,
        ),
        Plot("Rows", {"rows.live": "Live", "rows.dead": "Dead"}, why="Dead rows wait for vacuum."),
        Plot(
            "Scans",
            {"scans.sequential": "Sequential", "scans.index": "Index"},
            PER_SECOND,
        ),
        Plot(
            "Maintenance",
            _labelled("maintenance", "autovacuumed", "vacuumed", "analyzed"),
            PER_MINUTE,
        ),
        Plot(
            "Encryption",
            {"tls.sessions": "Over TLS", "tls.plain_sessions": "Without, over the network"},
            why="A session without TLS sends data in the clear.",
            peaks=True,
        ),
    ),
)
COST = Group(
    "cost",
    "Cost of sampling",
    (
        Plot(
            "Server time of a round",
            {"cost.10s": "Every 10 s", "cost.1min": "Every minute", "cost.15min": "Every 15 minutes"},
            MS,
            "What looking costs the server; connecting is not in it.",
        ),
        Plot("Time to connect", {"cost.10s.connect": "Every 10 s"}, MS),
    ),
)
GROUPS = (LOAD, WAITS, MEMORY, WRITING, REPLICATION, UPKEEP, COST)
OTHER = "other"


def find_group(key: str) -> Group:
    """Return a group by its key; the first for one that does not exist."""
    return next((group for group in GROUPS if group.key == key), GROUPS[0])


def other_group(names: set[str]) -> Group:
    """Return the series no chart above shows, one chart for each beginning of their names."""
    shown = set(_all_names())
    plots: dict[str, dict[str, str]] = {}
    for name in sorted(names - shown):
        topic, _, rest = name.rpartition(".")
        plots.setdefault(topic or name, {})[name] = rest or name
    drawn = [Plot(topic, series, BYTES if "bytes" in topic else "") for topic, series in plots.items()]
    return Group(OTHER, "Everything else", tuple(drawn))


def groups_of(names: set[str]) -> list[Group]:
    """Return the groups that have something to draw of these series; all of them while there are none yet."""
    found = [group for group in GROUPS if any(plot.series.keys() & names for plot in group.plots)]
    rest = other_group(names)
    if rest.plots and not found:
        return [Group(OTHER, "All figures", rest.plots)]
    return [*found, rest] if rest.plots else found or list(GROUPS)


def _all_names() -> Iterator[str]:
    for group in GROUPS:
        for plot in group.plots:
            yield from plot.series
