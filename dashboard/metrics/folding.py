"""Adds up rows of a probe into series, where that is cheaper for the server than forty aggregates. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Sum:
    """A column added up over the rows whose other columns say one of these."""

    column: str
    where: tuple[tuple[str, tuple[str, ...]], ...]

    def of(self, rows: Sequence[Row]) -> Decimal | int | float | None:
        """Return the sum; None where no row has a value."""
        fitting = [row for row in rows if all(row[name] in values for name, values in self.where)]
        values = [row[self.column] for row in fitting if row[self.column] is not None]
        return sum(values) if values else None


Fold = Mapping[str, Sum]
RELATION = ("object", ("relation",))
BY_CONTEXT = {
    "normal": ("reads", "writes", "hits", "extends", "evictions"),
    "vacuum": ("reads", "writes", "hits", "evictions"),
    "bulkread": ("reads", "hits", "evictions"),
    "bulkwrite": ("reads", "writes", "extends", "evictions"),
}
BY_BACKEND = {
    "clients": ("client backend", ("reads", "writes")),
    "autovacuum": ("autovacuum worker", ("reads", "writes")),
    "checkpointer": ("checkpointer", ("writes",)),
    "writer": ("background writer", ("writes",)),
    "workers": ("background worker", ("reads", "writes")),
    "startup": ("startup", ("reads", "writes")),
}
IN_ALL = {
    **{name: name for name in ("read_bytes", "written_bytes", "fsyncs", "writebacks")},
    **{f"{name}_ms": f"{name}_time" for name in ("read", "write", "extend", "fsync")},
}
# As they are called since 17, and before.
CACHES = {
    "transaction": "xact",
    "subtransaction": "subtrans",
    "multixact_member": "multixactmember",
    "multixact_offset": "multixactoffset",
    "serializable": "serial",
    "notify": "notify",
    "other": "other",
}
OF_WAL = {"writes": "writes", "syncs": "fsyncs", "write_ms": "write_time", "sync_ms": "fsync_time"}


def _io() -> dict[str, Sum]:
    """Blocks by what they were needed for and by who moved them; bytes and times of all but WAL."""
    found = {
        f"io.{context}.{column}/s": Sum(column, (RELATION, ("context", (context,))))
        for context, columns in BY_CONTEXT.items()
        for column in columns
    }
    for name, (backend, columns) in BY_BACKEND.items():
        found |= {
            f"io.{name}.{column}/s": Sum(column, (RELATION, ("backend_type", (backend,))))
            for column in columns
        }
    temporary = (("object", ("temp relation",)),)
    found |= {f"io.temp.{column}/s": Sum(column, temporary) for column in ("reads", "writes")}
    return found | {f"io.{name}/s": Sum(column, (("is_wal", ("no",)),)) for name, column in IN_ALL.items()}


def _wal() -> dict[str, Sum]:
    normal = (("is_wal", ("yes",)), ("context", ("normal",)))
    return {f"wal.{name}/s": Sum(column, normal) for name, column in OF_WAL.items()}


def _caches() -> dict[str, Sum]:
    """Hits and misses of each small cache, writes and flushes of all."""
    found = {
        f"slru.{name}.{short}/s": Sum(column, (("name", (name, before)),))
        for name, before in CACHES.items()
        for short, column in (("hit", "blks_hit"), ("read", "blks_read"))
    }
    return found | {"slru.written/s": Sum("blks_written", ()), "slru.flushes/s": Sum("flushes", ())}


# By file: what its rows are added up to.
FOLDS: Mapping[str, Fold] = {"io_16": _io(), "io_18": _io() | _wal(), "slru": _caches()}


def fold(sums: Fold, rows: Sequence[Row]) -> dict[str, Any]:
    """Return the sums as one row, with the newest reset and the time the last row took."""
    found: dict[str, Any] = {name: one.of(rows) for name, one in sums.items()}
    resets = [row["reset_at"] for row in rows if row["reset_at"] is not None]
    return found | {
        "reset_at": max(resets, default=None),
        "cost_ms": max((row["cost_ms"] for row in rows), default=0.0),
    }
